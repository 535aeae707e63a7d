"""What was checked is what is used, though Python code changes an array meanwhile; threads: in the promises."""

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import forwardpass as fp
from forwardpass import _core
from forwardpass.selfcheck.changes import Reshaping, set_shape
from tests.support import Array

N = 1 << 12


def columns() -> tuple[Array, Array]:
    """A matrix (N, 1) of ones, and zeros (N,)."""
    return np.ones((N, 1), np.float32), np.zeros(N, np.float32)


def of_linear(w: Array, bias: Any) -> Array:
    weight: Array = fp.Linear(w, bias).weight
    return weight


def of_load(w: Array, bias: Any) -> Array:
    layer = fp.Linear(np.zeros((N, 1), np.float32), np.zeros(N, np.float32))
    layer.load_state_dict({"weight": w, "bias": bias})
    return layer.state_dict()["weight"]


def of_call(w: Array, bias: Any) -> Array:
    return _core.linear(np.ones(1, np.float32), w, bias).reshape(-1, 1)


@pytest.mark.parametrize("use", [of_linear, of_load, of_call])
@pytest.mark.parametrize("shape", [(1, N), (N,), (N // 2, 2)])
def test_another_argument_changes_it(use: Callable[[Array, Any], Array], shape: tuple[int, ...]) -> None:
    """All are converted before the first is checked: the other shape is refused, or it is the right one."""
    w, b = columns()
    with pytest.raises(ValueError, match=r"expected|shape"):
        use(w, Reshaping(b, w, shape))
    w, b = columns()
    assert np.array_equal(use(w, Reshaping(b, w, (N, 1))), np.ones((N, 1)))


class Freeing:
    """An array-like whose conversion takes another array's memory away."""

    def __init__(self, values: Array, other: Array) -> None:
        self.values, self.other = values, other

    def __array__(self, *_: Any, **__: Any) -> Array:
        state: Any = (1, (1,), self.other.dtype, False, bytes(self.other.itemsize))
        self.other.__setstate__(state)
        return self.values


@pytest.mark.parametrize("use", [of_linear, of_load, of_call])
def test_another_argument_frees_it(use: Callable[[Array, Any], Array]) -> None:
    w, b = columns()
    with pytest.raises(ValueError, match=r"expected|shape"):
        use(w, Freeing(b, w))


def test_other_functions() -> None:
    def freeing(values: Array, other: Array) -> Any:
        return Freeing(values, other)

    for call in (
        lambda a, b: fp.matmul(a, freeing(b, a)),
        lambda a, b: fp.matmul(freeing(a, b), b),
        lambda a, b: fp.linear(a, freeing(b, a)),
        lambda a, b: fp.add_bias(a, freeing(b[0], a)),
    ):
        a, b = np.ones((64, 64)), np.ones((64, 64))
        with contextlib.suppress(ValueError):
            call(a, b)
    vector = np.ones(64)
    with pytest.raises(ValueError, match=r"a, b: expected two 1-d arrays of equal length"):
        fp.dot(vector, freeing(np.ones(64), vector))


def wide() -> Array:
    """Of another shape as soon as somebody sets it."""
    return np.ones((1000, 4), np.float32)


@pytest.mark.parametrize("call", [fp.matmul, lambda a, b: fp.linear(a, b.T), lambda a, b: fp.add_bias(b, a[0, :4])])
def test_a_subclass_changes_another_argument_while_it_is_copied(call: Callable[[Array, Array], Array]) -> None:
    """NumPy calls __array_finalize__ where elements that are apart are copied."""
    changed, active = wide(), False

    def finalize(_: object, __: object) -> None:
        if active:
            set_shape(changed, (4, 1000))

    Subclass: Any = type("Subclass", (np.ndarray,), {"__array_finalize__": finalize})
    apart = np.ones((2, 2000), np.float32)[:, ::2].view(Subclass)
    expected = np.array(call(np.asarray(apart), wide()))
    active = True
    with contextlib.suppress(ValueError):
        assert np.array_equal(call(apart, changed), expected)


def test_a_subclass_changes_itself_while_it_is_copied() -> None:
    """The rows of three axes that are apart are copied, and only then does the call know how many there are."""
    active = False

    def finalize(_: object, __: object) -> None:
        if active:
            set_shape(x, (2, 3, 2, 2))

    Subclass: Any = type("Subclass", (np.ndarray,), {"__array_finalize__": finalize})
    x = np.ones((2, 6, 8), np.float32)[:, ::2, ::2].view(Subclass)
    layer = fp.Linear(np.ones((5, 4), np.float32))
    active = True
    y = layer(x)
    active = False
    assert np.array_equal(y, np.full((2, 3, 5), 4.0))


def test_an_output_changes_an_argument_while_it_is_looked_at() -> None:
    changed = wide()

    def asked(_: object) -> type:
        set_shape(changed, (4, 1000))
        return np.ndarray

    Subclass: Any = type("Subclass", (np.ndarray,), {"__class__": property(asked)})  # which isinstance asks for
    out = np.zeros((2, 4), np.float32).view(Subclass)
    fp.matmul(np.ones((2, 1000), np.float32), changed, out=out)
    assert np.array_equal(np.asarray(out), np.full((2, 4), 1000.0))


class Hostile:
    """Runs between check and use: what NumPy's errstate is asked for before a conversion."""

    def __init__(self, array: Array, shape: tuple[int, ...]) -> None:
        self.array, self.shape = array, shape

    def __call__(self, **_: Any) -> Any:
        set_shape(self.array, self.shape)
        return contextlib.nullcontext()


@pytest.mark.parametrize("shape", [(1, 8 * N), (8 * N,), (2 * N, 4)])
def test_it_changes_between_check_and_use(monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...]) -> None:
    layer, x = fp.Linear(np.ones((3, 8), np.float32)), np.ones((N, 8))
    monkeypatch.setattr(np, "errstate", Hostile(x, shape))
    assert np.array_equal(layer(x), np.full((N, 3), 8.0))
    w = np.ones((8, N))
    monkeypatch.setattr(np, "errstate", Hostile(w, (N, 8)))
    small = fp.Linear(np.zeros((8, N), np.float32))
    small.load_state_dict({"weight": w})
    assert small.weight.shape == (8, N)


def test_a_state_that_changes_while_it_is_checked() -> None:
    norm = fp.Affine(np.ones(4), np.zeros(4))
    scale = np.full((4,), 2.0)
    norm.load_state_dict({"scale": scale, "offset": Reshaping(np.zeros(4), scale, (2, 2))})
    assert norm([1.0] * 4).tolist() == [2.0] * 4


class Odd:
    """A tensor that says odd things of its device, or cannot be converted."""

    def __init__(self, device: Any = (1, 0), error: Exception | None = None) -> None:
        self.device, self.error = device, error

    def __dlpack_device__(self) -> Any:
        return self.device

    def __array__(self, *_: Any, **__: Any) -> Array:
        if self.error is not None:
            raise self.error
        return np.ones(3)


@pytest.mark.parametrize("device", ["cpu", None, (), ("cpu", 0), (1.5, 0), (2**70, 0), [1, 0]])
def test_an_odd_device(device: Any) -> None:
    with pytest.raises(TypeError, match=r"^x: "):
        fp.ReLU()(Odd(device))


@pytest.mark.parametrize("error", [RuntimeError("negative bit"), TypeError("no"), AttributeError("a"), KeyError("k")])
def test_an_object_that_cannot_be_converted(error: Exception) -> None:
    with pytest.raises(TypeError, match=r"^x: "):
        fp.ReLU()(Odd(error=error))


@pytest.mark.parametrize("error", [TimeoutError("a signal handler's"), MemoryError(), RecursionError()])
def test_what_says_nothing_of_the_argument_passes(error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        fp.ReLU()(Odd(error=error))
    assert caught.value is error
