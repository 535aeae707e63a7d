"""state_dict, load_state_dict, pickle and copy: names as torch's, values bit for bit."""

import copy
import pickle
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import forwardpass as fp
from tests.support import Array, Float, normal, same_bits
from tests.support.one_value import check_consistent, normalised

pytestmark = pytest.mark.usefixtures("isa")


def build(dtype: Float, seed: int = 0) -> fp.Sequential:
    """A nested network, one of whose layers has no bias."""
    return fp.Sequential(
        fp.Linear(normal(seed, (65, 5), dtype), normal(seed + 1, (65,), dtype)),
        fp.ReLU(),
        fp.Sequential(
            fp.Linear(normal(seed + 2, (9, 65), dtype)),
            fp.ReLU(),
            fp.Linear(normal(seed + 3, (3, 9), dtype), normal(seed + 4, (3,), dtype)),
        ),
    )


def test_names_and_values(dtype: Float) -> None:
    state = build(dtype).state_dict()
    assert list(state) == ["0.weight", "0.bias", "2.0.weight", "2.2.weight", "2.2.bias"]
    expected = [(0, (65, 5)), (1, (65,)), (2, (9, 65)), (3, (3, 9)), (4, (3,))]
    for value, (seed, shape) in zip(state.values(), expected, strict=True):
        assert same_bits(value, normal(seed, shape, dtype))
    assert list(fp.Linear(np.ones((1, 1)), [0]).state_dict()) == ["weight", "bias"]


def test_load_in_place(dtype: Float) -> None:
    net, other = build(dtype), build(dtype, seed=50)
    x = normal(9, (7, 5), dtype)
    layer = net[0]
    sharing = fp.Sequential(layer, fp.ReLU())
    net.load_state_dict(other.state_dict())
    assert same_bits(net(x), other(x))
    assert net[0] is layer
    assert same_bits(layer(x), other[0](x))
    assert same_bits(sharing(x), fp.relu(other[0](x)))
    for name, value in other.state_dict().items():
        assert same_bits(net.state_dict()[name], value)


def test_loading_a_part_is_seen_by_the_whole(dtype: Float) -> None:
    net, other = build(dtype), build(dtype, seed=50)
    for mine, theirs in zip(net, other, strict=True):
        mine.load_state_dict(theirs.state_dict())
    x = normal(9, (7, 5), dtype)
    assert same_bits(net(x), other(x))


def test_loaded_values_are_copies(dtype: Float) -> None:
    net, state = build(dtype), build(dtype, seed=50).state_dict()
    net.load_state_dict(state)
    y = net(normal(9, (7, 5), dtype))
    for value in state.values():
        value[...] = np.nan
    assert same_bits(net(normal(9, (7, 5), dtype)), y)


def test_loading_converts_as_same_kind() -> None:
    single = build(np.float32)
    double = build(np.float64, seed=50).state_dict()
    single.load_state_dict({name: value[::-1][::-1].tolist() for name, value in double.items()})
    for name, value in single.state_dict().items():
        assert same_bits(value, double[name].astype(np.float32))
    swapped = {name: np.asfortranarray(value.astype(">f8")) for name, value in double.items()}
    single.load_state_dict(swapped)
    assert same_bits(single.state_dict()["0.weight"], double["0.weight"].astype(np.float32))


def without(name: str) -> Callable[[dict[str, Any]], Any]:
    return lambda state: {key: value for key, value in state.items() if key != name}


def replaced(name: str, value: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda state: {**state, name: value}


FAULTS: dict[str, tuple[Callable[[dict[str, Any]], Any], type[Exception], str]] = {
    "missing": (without("2.2.bias"), ValueError, r"missing \['2.2.bias'\]"),
    "unexpected": (replaced("7.weight", [1.0]), ValueError, r"unexpected \['7.weight'\]"),
    "bias of a layer without": (replaced("2.0.bias", np.ones(9)), ValueError, r"unexpected \['2.0.bias'\]"),
    "empty": (lambda _: {}, ValueError, "missing"),
    "shape": (replaced("2.2.weight", np.ones((9, 3))), ValueError, r"2.2.weight: .*\(3, 9\).*\(9, 3\)"),
    "bias shape": (replaced("2.2.bias", np.ones((3, 1))), ValueError, r"2.2.bias: .*\(3,\).*\(3, 1\)"),
    "scalar": (replaced("2.2.bias", 1.0), ValueError, r"2.2.bias: .*\(3,\).*\(\)"),
    "complex": (replaced("2.2.bias", np.ones(3, complex)), TypeError, r"2.2.bias: .*complex128"),
    "text": (replaced("2.2.bias", ["a", "b", "c"]), TypeError, r"2.2.bias: .*<U1"),
    "masked": (replaced("2.2.bias", np.ma.masked_equal(np.ones(3), 2)), TypeError, r"2.2.bias: masked"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_changes_when_loading_fails(fault: str, dtype: Float) -> None:
    spoil, error, message = FAULTS[fault]
    net = build(dtype)
    before = net.state_dict()
    x = normal(9, (7, 5), dtype)
    y = net(x)
    with pytest.raises(error, match=message):
        net.load_state_dict(spoil(dict(build(dtype, seed=50).state_dict())))
    assert same_bits(net(x), y)
    for name, value in net.state_dict().items():
        assert same_bits(value, before[name])


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle(protocol: int, dtype: Float) -> None:
    x = normal(9, (7, 5), dtype)
    for net in (build(dtype), build(dtype)[0], fp.Sequential(fp.ReLU()), fp.ReLU()):
        again = pickle.loads(pickle.dumps(net, protocol))
        assert type(again) is type(net)
        assert repr(again) == repr(net)
        assert same_bits(again(x), net(x))
        assert list(again.state_dict()) == list(net.state_dict())


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_special_values_survive(duplicate: Callable[[fp.Linear], fp.Linear], dtype: Float) -> None:
    info = np.finfo(dtype)
    W = np.array([[np.nan, np.inf, -np.inf, -0.0, info.smallest_subnormal, info.max, info.tiny]], dtype)
    layer = duplicate(fp.Linear(W, W[0, 3:4]))
    assert same_bits(layer.weight, W)
    assert same_bits(layer.bias, W[0, 3:4])
    assert duplicate(fp.Linear(W)).bias is None


class Named(fp.Sequential):
    """A network of one's own: an __init__ of other arguments, and an attribute."""

    extra: fp.Sequential

    def __init__(self, size: int, name: str) -> None:
        self.name = name
        super().__init__(fp.Linear(np.eye(size) * 2), fp.LayerNorm(size), fp.ReLU())


DUPLICATES: list[Callable[[Any], Any]] = [copy.copy, copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))]


@pytest.mark.parametrize("duplicate", DUPLICATES)
def test_a_subclass_comes_back_whole(duplicate: Callable[[Any], Any]) -> None:
    net = Named(3, "mine")
    net.extra = net  # a cycle
    net[0].note = ["kept"]
    again = duplicate(net)
    assert type(again) is Named
    assert (again.name, again[0].note) == ("mine", ["kept"])
    assert again.extra is (net if duplicate is copy.copy else again)
    assert same_bits(again([1.0, 2.0, 3.0]), net([1.0, 2.0, 3.0]))


class Careful(fp.LeakyReLU):
    """With what must not be copied, and slots."""

    __slots__ = ("tag",)

    def __init__(self) -> None:
        self.count = 0
        self.count = 1
        super().__init__(0.5)
        self.tag = "slot"
        self.lock = threading.Lock()

    def __getstate__(self) -> Any:
        return {"count": self.count}


class Tagged(fp.ReLU):
    """Slots alone."""

    __slots__ = ("tag",)
    tag: str


@pytest.mark.parametrize("duplicate", DUPLICATES)
def test_what_subclasses_say_of_their_state(duplicate: Callable[[Any], Any]) -> None:
    again = duplicate(Careful())
    assert again.count == 1
    assert not hasattr(again, "lock")
    assert again([-2.0]) == -1
    tagged = Tagged()
    tagged.tag = "kept"
    if sys.version_info >= (3, 11):
        assert duplicate(tagged).tag == "kept"


@pytest.mark.parametrize("duplicate", DUPLICATES)
def test_a_copied_layer_has_its_own_arrays(duplicate: Callable[[Any], Any]) -> None:
    norm = fp.Affine([1.0], [0.0])
    again = duplicate(norm)
    norm.load_state_dict({"scale": [5.0], "offset": [7.0]})
    assert again.state_dict()["scale"] == again([1.0]) == 1


def test_copies_do_not_follow(dtype: Float) -> None:
    net = build(dtype)
    x = normal(9, (7, 5), dtype)
    y = net(x)
    deep = copy.deepcopy(net)
    net.load_state_dict(build(dtype, seed=50).state_dict())
    assert same_bits(deep(x), y)
    assert not same_bits(net(x), y)


def test_a_shallow_copy_shares_its_layers(dtype: Float) -> None:
    """As copy.copy of a list shares its elements."""
    net = build(dtype)
    shallow = copy.copy(net)
    assert list(shallow) == list(net)
    net.load_state_dict(build(dtype, seed=50).state_dict())
    x: Array = normal(9, (7, 5), dtype)
    assert same_bits(shallow(x), net(x))


def test_a_layer_used_twice_stays_one_layer(dtype: Float) -> None:
    square = fp.Linear(normal(1, (6, 6), dtype))
    net = fp.Sequential(square, fp.ReLU(), square)
    for again in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert again[0] is again[2]
        assert again[0] is not square


def test_two_threads_leave_one_state() -> None:
    nets = {value: normalised(value) for value in (1.0, 2.0)}
    x = np.linspace(-3, 3, 12).reshape(3, 4)
    expected, states = {v: n(x) for v, n in nets.items()}, [n.state_dict() for n in nets.values()]
    net, former = normalised(1.0), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(300):
            threads = [threading.Thread(target=net.load_state_dict, args=(state,)) for state in states * 2]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            check_consistent(net, expected, x)
    finally:
        sys.setswitchinterval(former)


LAYERS: list[fp.Module] = [
    fp.Linear(np.eye(2)), fp.ReLU(), fp.ELU(), fp.Softmax(), fp.Flatten(), fp.LayerNorm(2),
    fp.BatchNorm1d([0, 1], [1, 1]), fp.Normalize([0, 1], [1, 1], 3.0), fp.Affine([1, 1], [0, 0]),
    fp.Clip([0, 0], [1, 1]), fp.Residual(fp.ReLU()), fp.Sequential(fp.ReLU()),
]  # fmt: skip


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_a_layer_is_made_once(layer: fp.Module) -> None:
    before, x = (repr(layer), layer.state_dict()), np.array([0.5, -2.0])
    y, (arguments, named) = layer(x), layer.made_from()
    others = {fp.ELU: (3.0,), fp.Linear: (np.ones((2, 2)),), fp.Sequential: (fp.Tanh(),), fp.Residual: (fp.Tanh(),)}
    with pytest.raises((TypeError, AttributeError), match=r"cannot be called again|does not change"):
        layer.__init__(*others.get(type(layer), arguments), **({} if type(layer) in others else named))  # type: ignore[misc]  # again, on purpose
    assert repr(layer) == before[0]
    assert same_bits(layer(x), y)
    assert all(same_bits(a, b) for a, b in zip(layer.state_dict().values(), before[1].values(), strict=True))


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_arrays_can_be_read_and_not_assigned(layer: fp.Module) -> None:
    if isinstance(layer, (fp.Sequential, fp.Residual)):
        return
    for name, value in layer.state_dict().items():
        assert same_bits(getattr(layer, name), value)
        with pytest.raises(AttributeError, match=f"{type(layer).__name__}.{name} cannot be assigned: load_state_dict"):
            setattr(layer, name, value)
        with pytest.raises(ValueError, match="read-only"):
            getattr(layer, name)[...] = 0
    for name in ("eps", "clip", "alpha", "dim", "normalized_shape"):
        if hasattr(layer, name):
            with pytest.raises(AttributeError, match=r"does not change|has no setter|can't set"):
                setattr(layer, name, getattr(layer, name))


def test_arrays_that_are_not_there() -> None:
    assert fp.LayerNorm(2).weight is None
    assert fp.BatchNorm1d([0], [1]).bias is None
    assert fp.Linear(np.eye(2)).bias is None
