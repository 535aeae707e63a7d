"""Sequential is a sequence of layers, prints as torch's does, and shares what it holds."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import forwardpass as fp
from tests.support import Float, normal, same_bits


def small() -> fp.Sequential:
    return fp.Sequential(fp.Linear.random(4, 8, rng=0), fp.ReLU(), fp.Linear.random(8, 2, bias=False, rng=1))


def test_repr_is_torch_s() -> None:
    assert repr(fp.Linear.random(4, 8, rng=0)) == "Linear(in_features=4, out_features=8, bias=True)"
    assert repr(fp.ReLU()) == "ReLU()"
    nested = fp.Sequential(small(), fp.Sequential(fp.ReLU()))
    assert repr(nested) == (
        "Sequential(\n"
        "  (0): Sequential(\n"
        "    (0): Linear(in_features=4, out_features=8, bias=True)\n"
        "    (1): ReLU()\n"
        "    (2): Linear(in_features=8, out_features=2, bias=False)\n"
        "  )\n"
        "  (1): Sequential(\n"
        "    (0): ReLU()\n"
        "  )\n"
        ")"
    )
    assert str(nested) == repr(nested)


def test_repr_html() -> None:
    html = fp.Sequential(small(), fp.ReLU())._repr_html_()
    assert html.count("<tr>") == html.count("</tr>") == 5  # a head and four layers
    for part in ("0.0", "0.2", "in_features", "Linear(in_features=4, out_features=8, bias=True)"):
        assert part in html
    assert fp.Linear(np.ones((2, 3)))._repr_html_().count("<tr>") == 2
    assert fp.ReLU()._repr_html_().count("<tr>") == 2


def test_len_index_iteration() -> None:
    layers = [fp.Linear.random(4, 8, rng=0), fp.ReLU(), fp.Linear.random(8, 2, rng=1)]
    net = fp.Sequential(*layers)
    assert len(net) == 3
    assert list(net) == layers
    assert [net[i] for i in range(3)] == layers
    assert net[-1] is layers[2]
    assert layers[1] in list(net)
    with pytest.raises(IndexError):
        net[3]


def test_slices_are_networks() -> None:
    net = small()
    x = normal(1, (5, 4), np.float32)
    head, tail = net[:2], net[2:]
    assert isinstance(head, fp.Sequential)
    assert list(head) == list(net)[:2]
    assert same_bits(tail(head(x)), net(x))
    assert list(net[::2]) == [net[0], net[2]]


def test_nesting_changes_nothing() -> None:
    a, b, c = fp.Linear.random(4, 8, rng=0), fp.ReLU(), fp.Linear.random(8, 2, rng=1)
    x = normal(1, (5, 4), np.float32)
    y = fp.Sequential(a, b, c)(x)
    for nested in (
        fp.Sequential(fp.Sequential(a, b), c),
        fp.Sequential(a, fp.Sequential(b, c)),
        fp.Sequential(fp.Sequential(a), fp.Sequential(b), fp.Sequential(c)),
        fp.Sequential(fp.Sequential(fp.Sequential(a, b, c))),
    ):
        assert same_bits(nested(x), y)


def test_a_layer_may_appear_twice(dtype: Float) -> None:
    square = fp.Linear(normal(1, (6, 6), dtype), normal(2, (6,), dtype))
    x = normal(3, (4, 6), dtype)
    assert same_bits(fp.Sequential(square, fp.ReLU(), square)(x), square(fp.relu(square(x))))


def test_features_and_dtype() -> None:
    net = fp.Sequential(fp.ReLU(), small(), fp.ReLU())
    assert (net.in_features, net.out_features) == (4, 2)
    assert net.dtype == np.float32
    bare = fp.Sequential(fp.ReLU())
    assert (bare.in_features, bare.out_features, bare.dtype) == (None, None, None)


def test_nbytes() -> None:
    """Of the packed weights and biases, so never less than the plain ones, and less than twice at 64 outputs."""
    for dtype in (np.float32, np.float64):
        layer = fp.Linear(np.ones((64, 100), dtype), np.ones(64, dtype))
        plain = (100 + 1) * 64 * np.dtype(dtype).itemsize
        assert plain <= layer.nbytes < 2 * plain
        assert fp.Sequential(layer, fp.ReLU()).nbytes == layer.nbytes
        assert fp.Sequential(layer, fp.Linear(np.ones((1, 64), dtype))).nbytes > layer.nbytes
    assert fp.ReLU().nbytes == 0


def test_activation_only_networks(dtype: Float) -> None:
    for net in (fp.ReLU(), fp.Sequential(fp.ReLU()), fp.Sequential(fp.ReLU(), fp.Sequential(fp.ReLU()))):
        for shape in [(1,), (3,), (4, 7), (2, 3, 70), (300, 5), (2, 5000)]:
            x = normal(1, shape, dtype)
            assert same_bits(net(x), np.maximum(x, 0))
        assert net([[1, -1]]).dtype == np.float64
        assert net(np.ones(2, np.float16)).dtype == np.float32
    assert fp.ReLU().state_dict() == {}
    fp.ReLU().load_state_dict({})


@pytest.mark.parametrize("part", [None, 3, "relu", np.ones((2, 2)), fp.ReLU, [fp.ReLU()], fp.relu])
def test_only_layers_are_layers(part: Any) -> None:
    with pytest.raises(TypeError, match="layer 1: expected a forwardpass layer, got"):
        fp.Sequential(fp.ReLU(), part)


def test_layers_of_two_dtypes() -> None:
    single, double = fp.Linear(np.ones((2, 2), np.float32)), fp.Linear(np.ones((2, 2)))
    with pytest.raises(TypeError, match=r"layer 0.*float32.*layer 1.*float64"):
        fp.Sequential(single, double)


def test_mistakes_in_calls() -> None:
    net, x = small(), np.ones((2, 4))
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
        ((), {}),
        ((x, np.empty((2, 2))), {}),
        ((), {"x": x}),
        ((x,), {"ou": None}),
        ((x,), {"out": None, "dtype": np.float32}),
        ((x,), {"num": 3}),
    ]
    for layer in (net, net[0], fp.ReLU()):
        for args, kwargs in calls:
            with pytest.raises(TypeError, match="takes one argument, x, and the keywords out and num_threads"):
                layer(*args, **kwargs)


def test_a_module_of_ones_own() -> None:
    class Mine(fp.Module):
        """As torch users write them."""

        def __init__(self) -> None:
            super().__init__()

    for make in (Mine, fp.Module):
        with pytest.raises(TypeError, match=r"build networks of layers with Sequential\(\.\.\.\)"):
            make()


def test_what_a_network_would_pass_over() -> None:
    """Answers that come from a method of a subclass's own are refused, where it would not be called."""

    class Doubled(fp.Linear):
        def __call__(self, x: Any, *, out: Any = None, num_threads: int | None = None) -> Any:
            return 2 * super().__call__(x)

    layer = Doubled([[1.0]])
    assert layer([3.0]) == 6
    for use in (
        lambda: fp.Sequential(fp.ReLU(), layer),
        lambda: fp.Residual(layer),
        lambda: fp.error_bound(layer, [3.0]),
    ):
        with pytest.raises(TypeError, match="Doubled has a __call__ of its own, which a network would not call"):
            use()
    with pytest.raises(TypeError, match=r"Forward: forward\(\) is never called"):
        type("Forward", (fp.Sequential,), {"forward": lambda self, x: x})


def test_a_subclass_that_forgets_to_initialise() -> None:
    class Forgetful(fp.Linear):
        def __init__(self) -> None:
            self.note = "without super().__init__()"

    with pytest.raises(TypeError, match="__init__"):
        Forgetful()(np.ones(3))
    with pytest.raises(TypeError, match="__init__"):
        fp.Linear.__new__(fp.Linear)(np.ones(3))


@pytest.mark.parametrize(
    "use",
    [
        "bare.in_features",
        "bare.nbytes",
        "bare.dtype",
        "bare.weight",
        "bare.state_dict()",
        "fp.Sequential(bare)",
        "repr(bare)",
    ],
)
def test_a_layer_made_without_init_is_refused(use: str) -> None:
    """Never a crash, nor numbers out of memory that nothing has written; in a process of its own."""
    code = f"""
import forwardpass as fp
bare = fp.Linear.__new__(fp.Linear)
try:
    {use}
except TypeError:
    print("refused")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "refused\n"), done.stderr


def test_subclasses_work() -> None:
    class Doubling(fp.Linear):
        """A layer of its own kind."""

        def __init__(self, size: int) -> None:
            super().__init__(np.eye(size) * 2)

    net = fp.Sequential(Doubling(3), fp.ReLU())
    assert np.array_equal(net([1, -2, 3]), [2, 0, 6])


@pytest.mark.parametrize(
    ("first", "second", "whose"),
    [
        ((3, 2), (3, 5), "the second one's weight"),
        ((2, 5), (4, 5), "the first one's weight"),
        ((2, 5), (5, 7), "both weights"),
    ],
)
def test_transposed_weights_get_a_hint(first: tuple[int, int], second: tuple[int, int], whose: str) -> None:
    with pytest.raises(ValueError, match=f"; with {whose} transposed it would fit"):
        fp.Sequential(fp.Linear(np.ones(first)), fp.Linear(np.ones(second)))


def test_no_hint_where_no_transpose_would_fit() -> None:
    with pytest.raises(ValueError, match=r"takes 7$"):
        fp.Sequential(fp.Linear(np.ones((3, 2))), fp.Linear(np.ones((5, 7))))
    with pytest.raises(ValueError, match=r"takes 4$"):  # transposed, the one between would not take what comes before
        fp.Sequential(*(fp.Linear(np.ones(shape)) for shape in ((4, 8), (2, 4), (1, 4))))


def test_a_state_dict_is_a_mapping() -> None:
    values: Any = [1]
    with pytest.raises(TypeError, match="state_dict: expected a dict of names and arrays, got list"):
        fp.Linear(np.ones((3, 2))).load_state_dict(values)
