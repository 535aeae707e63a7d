"""The functional calls take NumPy's shapes and give NumPy's answers, exactly on small integers."""

import inspect
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

import forwardpass as fp
from tests.support import Array, Float, integers

pytestmark = pytest.mark.usefixtures("isa")


def identical(y: object, expected: object) -> bool:
    """Shape, dtype, values, and scalar or array."""
    a, b = np.asarray(y), np.asarray(expected)
    return type(y) is type(expected) and a.shape == b.shape and a.dtype == b.dtype and np.array_equal(a, b)


LEFT = [(7,), (5, 7), (1, 7), (0, 7), (3, 5, 7), (1, 5, 7), (2, 3, 5, 7), (2, 1, 5, 7), (0, 5, 7)]
RIGHT = [(7,), (7, 9), (7, 1), (7, 0), (3, 7, 9), (1, 7, 9), (2, 1, 7, 9), (2, 3, 7, 1), (1, 1, 7, 2)]


def broadcasts(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    try:
        np.broadcast_shapes(a[:-2], b[:-2])
    except ValueError:
        return False
    return True


PAIRS = [(a, b) for a, b in product(LEFT, RIGHT) if len(b) < 3 or broadcasts(a, b)]


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_matmul(a: tuple[int, ...], b: tuple[int, ...], dtype: Float) -> None:
    A, B = integers(1, a, dtype), integers(2, b, dtype)
    expected = np.matmul(A, B)
    assert identical(fp.matmul(A, B), expected)
    out = np.full(expected.shape, np.nan, dtype)
    assert fp.matmul(A, B, out=out) is out
    assert np.array_equal(out, expected)
    apart = np.full((*expected.shape, 2), np.nan, dtype)[..., 0]
    assert fp.matmul(A, B, out=apart) is apart
    assert np.array_equal(apart, expected)


@pytest.mark.parametrize(("a", "b"), PAIRS[::3])
def test_matmul_of_other_layouts(a: tuple[int, ...], b: tuple[int, ...], dtype: Float) -> None:
    A, B = integers(1, a, dtype), integers(2, b, dtype)
    expected = np.matmul(A, B)
    for layout in (np.asfortranarray, lambda m: np.flip(np.flip(m).copy()), lambda m: np.repeat(m, 2, -1)[..., ::2]):
        assert identical(fp.matmul(layout(A), layout(B)), expected)
    if A.size:  # an empty list has no shape
        B = B.astype(np.float64)
        assert identical(fp.matmul(A.tolist(), B), np.matmul(A.astype(np.float64), B))


def test_matmul_without_depth(dtype: Float) -> None:
    for a, b in [
        ((0,), (0,)),
        ((3, 0), (0,)),
        ((3, 0), (0, 4)),
        ((0,), (0, 4)),
        ((2, 3, 0), (2, 0, 4)),
        ((0,), (2, 0, 4)),
    ]:
        assert identical(
            fp.matmul(np.ones(a, dtype), np.ones(b, dtype)), np.matmul(np.ones(a, dtype), np.ones(b, dtype))
        )


def test_matmul_onto_itself(dtype: Float) -> None:
    for shape in [(5, 5), (3, 5, 5)]:
        A, B = integers(1, shape, dtype), integers(2, shape, dtype)
        expected = np.matmul(A, B)
        for target in (A, B):
            a, b = A.copy(), B.copy()
            out = a if target is A else b
            fp.matmul(a, b, out=out)
            assert np.array_equal(out, expected)
        square = A.copy()
        assert np.array_equal(fp.matmul(square, square, out=square), np.matmul(A, A))
    A, x = integers(1, (5, 5), dtype), integers(2, (5,), dtype)
    expected = np.matmul(A, x)
    assert np.array_equal(fp.matmul(A, x, out=x), expected)


@pytest.mark.parametrize("length", [0, 1, 2, 7, 8, 31, 32, 33, 64, 100, 257, 3000])
def test_dot(length: int, dtype: Float) -> None:
    a, b = integers(1, (length,), dtype), integers(2, (length,), dtype)
    assert identical(fp.dot(a, b), np.dot(a, b))
    assert identical(fp.dot(a[::-1], b.tolist()), np.dot(a[::-1], b.astype(np.float64)))
    assert identical(fp.matmul(a, b), np.matmul(a, b))
    out = np.empty((), dtype)
    assert fp.dot(a, b, out=out) is out
    assert out == np.dot(a, b)


@pytest.mark.parametrize("shape", [(7,), (5, 7), (2, 3, 7), (0, 7), (1, 1, 1, 7)])
def test_matvec_and_linear(shape: tuple[int, ...], dtype: Float) -> None:
    W, b, x = integers(1, (9, 7), dtype), integers(2, (9,), dtype), integers(3, shape, dtype)
    expected = x @ W.T
    assert identical(fp.matvec(W, x), expected)
    assert identical(fp.linear(x, W), expected)
    assert identical(fp.linear(x, W, b), expected + b)
    assert identical(fp.linear(x, W, b, "relu"), np.maximum(expected + b, 0))
    assert identical(fp.linear(x, W, activation="relu"), np.maximum(expected, 0))
    calls: list[Callable[[Array], Array]] = [lambda y: fp.matvec(W, x, out=y), lambda y: fp.linear(x, W, out=y)]
    for call in calls:
        out = np.full(expected.shape, np.nan, dtype)
        assert call(out) is out
        assert np.array_equal(out, expected)


@pytest.mark.parametrize("width", [0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 33, 70])
def test_add_bias_and_relu(width: int, dtype: Float) -> None:
    b = integers(1, (width,), dtype)
    for leading in [(), (1,), (5,), (2, 3), (0,)]:
        y = integers(2, (*leading, width), dtype)
        assert identical(fp.add_bias(y, b), y + b)
        assert identical(fp.relu(y), np.maximum(y, 0))
        out = np.full(y.shape, np.nan, dtype)
        assert fp.add_bias(y, b, out=out) is out
        assert np.array_equal(out, y + b)
        assert fp.relu(y, out=out) is out
        assert np.array_equal(out, np.maximum(y, 0))


def test_relu_of_scalars(dtype: Float) -> None:
    for value in (-1.5, 0.0, 2.5):
        assert identical(fp.relu(np.array(value, dtype)), dtype(max(value, 0)))
        assert identical(fp.relu(dtype(value)), dtype(max(value, 0)))
    assert identical(fp.relu(-3), np.float64(0))
    assert identical(fp.relu(True), np.float64(1))
    out = np.empty((), dtype)
    assert fp.relu(dtype(2), out=out) is out
    assert out == 2


@pytest.mark.parametrize("name", ["softmax", "ReLU", "", "relu "])
def test_unknown_activations(name: str) -> None:
    with pytest.raises(ValueError, match=f"activation: expected one of 'identity', 'relu', .* or None, got '{name}'"):
        fp.linear([1.0], [[1.0]], activation=name)


def test_arguments_by_name() -> None:
    assert fp.linear(x=[1], W=[[2]], b=[3], activation="relu") == 5
    assert fp.matvec(W=[[2]], x=[1]) == 2
    assert fp.dot(a=[1], b=[2]) == 2
    assert fp.matmul(A=[[1]], B=[[2]]) == 2
    assert fp.add_bias(y=[1], b=[2]) == 3
    assert fp.relu(x=[1]) == 1


def test_signatures() -> None:
    """As a notebook shows them."""
    shown = {name: str(inspect.signature(getattr(fp, name))) for name in ("dot", "linear")}
    assert shown == {
        "dot": "(a, b, *, out=None)",
        "linear": "(x, W, b=None, activation=None, *, out=None)",
    }


def test_arguments_that_do_not_fit() -> None:
    dot: Any = fp.dot
    refusals: dict[str, Callable[[], Any]] = {
        r"dot\(a, b, \*, out=None\): b is missing": lambda: dot([1]),
        r"dot\(.*\): a was given twice": lambda: dot([1], [2], a=[3]),
        r"dot\(.*\): there is no argument 'c'": lambda: dot([1], [2], c=[3]),
        r"dot\(.*\): expected at most 2 positional arguments, got 3": lambda: dot([1], [2], np.empty(())),
    }
    for message, call in refusals.items():
        with pytest.raises(TypeError, match=message):
            call()
    assert dot([1], **{"".join(["", "b"]): [2]}) == 2, "a name that is not interned"


def test_an_activation_is_a_name() -> None:
    function: Any = fp.relu
    with pytest.raises(TypeError, match="activation: expected a name like 'relu' or None, got "):
        fp.linear([1.0], [[1.0]], activation=function)
