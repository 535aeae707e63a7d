"""What was checked is what is used, though Python code changes an array between the two; threads: in the promises."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import forwardpass as fp
from forwardpass import _core
from forwardpass.conformance.changes import Reshaping
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
    w, b = columns()
    assert np.array_equal(use(w, Reshaping(b, w, shape)), np.ones((N, 1)))


def test_other_functions() -> None:
    a, b = np.ones((N, 1)), np.ones((1, N))
    assert fp.matmul(a[:3], Reshaping(b, a, (1, N))).shape == (3, N)
    x, w = np.ones((4, N)), np.ones((2, N))
    assert _core.linear(x, Reshaping(w, x, (N, 4))).shape == (4, 2)
    y = np.ones((4, N))
    assert fp.add_bias(y, Reshaping(np.ones(N), y, (2, 2 * N))).shape == (4, N)


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
