"""An `out` that does not fit is refused, and not written."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import forwardpass as fp
from tests.support import Array

X = np.arange(6.0).reshape(2, 3)
W = np.arange(12.0).reshape(4, 3)
STACK = np.ones((5, 3, 4))

# A call that takes out, and the shape it must have.
CALLS: dict[str, tuple[Callable[..., Any], tuple[int, ...]]] = {
    "layer": (lambda out: fp.Linear(W)(X, out=out), (2, 4)),
    "activation": (lambda out: fp.ReLU()(X, out=out), (2, 3)),
    "deep": (lambda out: fp.Sequential(fp.Linear(W), fp.ReLU(), fp.Linear(W.T))(X, out=out), (2, 3)),
    "row": (lambda out: fp.Linear(W)(X[0], out=out), (4,)),
    "linear": (lambda out: fp.linear(X, W, out=out), (2, 4)),
    "matvec": (lambda out: fp.matvec(W, X[0], out=out), (4,)),
    "matmul": (lambda out: fp.matmul(X, W.T, out=out), (2, 4)),
    "matmul of a vector": (lambda out: fp.matmul(W, X[0], out=out), (4,)),
    "matmul of stacks": (lambda out: fp.matmul(X, STACK, out=out), (5, 2, 4)),
    "dot": (lambda out: fp.dot(X[0], X[1], out=out), ()),
    "add_bias": (lambda out: fp.add_bias(X, X[0], out=out), (2, 3)),
    "relu": (lambda out: fp.relu(X, out=out), (2, 3)),
}

each_call = pytest.mark.parametrize("name", CALLS)


@each_call
def test_wrong_shape(name: str) -> None:
    call, shape = CALLS[name]
    wrong = [(*shape, 1), (1, *shape)]
    if shape:
        wrong += [(*shape[:-1], shape[-1] + 1), (shape[0] - 1, *shape[1:]), ()]
    if len(shape) == 2:
        wrong += [shape[::-1], (shape[0] * shape[1],)]
    for given in wrong:
        out = np.full(given, 7.0)
        with pytest.raises(ValueError, match=r"^out: ") as error:
            call(out)
        assert str(given) in str(error.value), "the shape that came"
        assert str(shape) in str(error.value), "the shape expected"
        assert (out == 7).all()


@each_call
@pytest.mark.parametrize("dtype", ["f4", "i8", "c16", ">f8", "f2", "O"])
def test_wrong_dtype_or_byte_order(name: str, dtype: str) -> None:
    call, shape = CALLS[name]
    out = np.full(shape, 7).astype(dtype)
    with pytest.raises((TypeError, ValueError), match=r"^out: .*float64") as error:
        call(out)
    assert str(out.dtype) in str(error.value) or repr(out.dtype) in str(error.value)
    assert (out == 7).all()


@each_call
def test_read_only(name: str) -> None:
    call, shape = CALLS[name]
    out = np.full(shape, 7.0)
    out.flags.writeable = False
    with pytest.raises(ValueError, match=r"^out: .*read-only"):
        call(out)
    assert (out == 7).all()


@each_call
@pytest.mark.parametrize(
    "kind",
    [np.ndarray.tolist, memoryview, np.ma.masked_array, lambda _: "text"],
    ids=["list", "buffer", "masked", "text"],
)
def test_no_ndarray(name: str, kind: Callable[[Array], Any]) -> None:
    call, shape = CALLS[name]
    with pytest.raises(TypeError, match=r"^out: "):
        call(kind(np.zeros(shape)))


@each_call
def test_a_fault_in_out_leaves_the_call_right(name: str) -> None:
    call, shape = CALLS[name]
    expected = call(None)
    with pytest.raises(ValueError, match="out"):
        call(np.empty((*shape, 9)))
    out = np.full(shape, np.nan)
    assert call(out) is out
    assert np.array_equal(out, expected)


def test_faults_in_inputs_write_nothing() -> None:
    out = np.full((2, 4), 7.0)
    for call in (
        lambda: fp.Linear(W)(X[:, :2], out=out),
        lambda: fp.Linear(W)(X.astype(complex), out=out),
        lambda: fp.linear(X, W, [1.0], out=out),
        lambda: fp.linear(X, W, activation="softmax", out=out),
        lambda: fp.linear(X, W, np.ones(4, complex), out=out),
        lambda: fp.matmul(X, W, out=out),
        lambda: fp.add_bias(np.ones((2, 4)), 1.0, out=out),
        lambda: fp.relu(np.ones((2, 4), complex), out=out),
    ):
        with pytest.raises((TypeError, ValueError)):
            call()
        assert (out == 7).all()
