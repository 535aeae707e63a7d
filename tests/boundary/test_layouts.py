"""Where and how an array lies in memory, and what kind of object holds it, changes no bit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import forwardpass as fp
from tests.support import Array, Float, normal, same_bits
from tests.support.layouts import KINDS, LAYOUTS

pytestmark = pytest.mark.usefixtures("isa")


def operands(dtype: Float) -> tuple[Array, Array, Array]:
    return normal(1, (7, 41), dtype), normal(2, (19, 41), dtype), normal(3, (19,), dtype)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
class TestLayout:
    def test_of_x(self, layout: Callable[[Array], Array], dtype: Float) -> None:
        x, W, b = operands(dtype)
        layer = fp.Linear(W, b)
        for a in (x, x[:1], x[:0], x[0], x.repeat(9, axis=0)):
            assert same_bits(layer(layout(a)), layer(a))
            assert same_bits(fp.linear(layout(a), W, b), layer(a))
            assert same_bits(fp.relu(layout(a)), fp.relu(a))
            assert same_bits(fp.add_bias(layout(a.T[:19].T), b), fp.add_bias(a.T[:19].T, b))

    def test_of_weight_and_bias(self, layout: Callable[[Array], Array], dtype: Float) -> None:
        x, W, b = operands(dtype)
        for outputs in (19, 9, 3, 1):
            w, c = W[:outputs], b[:outputs]
            y = fp.Linear(w, c)(x)
            assert same_bits(fp.Linear(layout(w), layout(c))(x), y)
            for rows in (1, 3, 7):
                assert same_bits(fp.linear(x[:rows], layout(w), layout(c)), y[:rows])
                assert same_bits(fp.linear(x[:rows], layout(w.T).T, layout(c)), y[:rows])
                assert same_bits(fp.matmul(x[:rows], layout(w.T)), fp.Linear(w)(x[:rows]))
            assert same_bits(fp.dot(layout(w[0]), layout(x[0])), fp.dot(w[0], x[0]))

    def test_of_more_axes(self, layout: Callable[[Array], Array], dtype: Float) -> None:
        x = normal(1, (2, 3, 4, 41), dtype)
        _, W, b = operands(dtype)
        layer = fp.Linear(W, b)
        y = layer(x)
        assert same_bits(y.reshape(24, 19), layer(x.reshape(24, 41)))
        assert same_bits(layer(layout(x.reshape(24, 41)).reshape(2, 3, 4, 41)), y)
        moved = np.moveaxis(layout(np.moveaxis(x, 1, 0).reshape(12, 82)).reshape(3, 2, 4, 41), 0, 1)
        assert same_bits(layer(moved), y)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_other_holders(kind: Callable[[Array], Any], dtype: Float) -> None:
    x, W, b = operands(dtype)
    y = fp.Linear(W, b)(x)
    assert same_bits(fp.Linear(kind(W), kind(b))(kind(x)), y)
    assert same_bits(fp.linear(kind(x), kind(W), kind(b)), y)
    assert same_bits(fp.matvec(kind(W), kind(x[0])), fp.linear(x[0], W))
    assert same_bits(fp.relu(kind(x)), fp.relu(x))
    assert same_bits(fp.add_bias(kind(y), kind(b)), fp.add_bias(y, b))
    assert same_bits(fp.dot(kind(x[0]), kind(W[0])), fp.dot(x[0], W[0]))


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_other_holders_in_matmul(kind: Callable[[Array], Any], dtype: Float) -> None:
    x, W, _ = operands(dtype)
    assert same_bits(fp.matmul(kind(x), kind(W.T.copy())), fp.matmul(x, W.T))
    assert same_bits(fp.matmul(kind(x), kind(W[0])), fp.matmul(x, W[0]))
    assert same_bits(fp.matmul(kind(x[0]), kind(W[0])), fp.dot(x[0], W[0]))
    assert same_bits(fp.matmul(kind(x), kind(W.T[None].copy())), fp.matmul(x, W.T[None]))


def test_lists_and_nested_sequences() -> None:
    x, W, b = operands(np.float64)
    y = fp.linear(x, W, b)
    assert same_bits(fp.linear(x.tolist(), W.tolist(), b.tolist()), y)
    assert same_bits(fp.linear(tuple(map(tuple, x)), list(W), list(b)), y)
    assert same_bits(fp.Linear(W.tolist(), b.tolist())(x.tolist()), y)
    # A float32 network takes float64 lists by the same_kind rule.
    assert same_bits(fp.Linear(W.astype(np.float32))(x.tolist()), fp.linear(x.astype(np.float32), W.astype(np.float32)))


def test_memory_maps(tmp_path: Path, dtype: Float) -> None:
    x, W, b = operands(dtype)
    mapped: list[Any] = []
    for i, a in enumerate((x, W, b)):
        path = tmp_path / f"{i}.npy"
        np.save(path, a)
        mapped.append(np.load(path, mmap_mode="r"))
    assert same_bits(fp.linear(*mapped), fp.linear(x, W, b))
    assert same_bits(fp.Linear(*mapped[1:])(mapped[0]), fp.linear(x, W, b))


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_the_matrix_subclass(dtype: Float) -> None:
    x, W, b = operands(dtype)
    layer = fp.Linear(np.matrix(W), b)
    assert same_bits(layer(np.matrix(x)), fp.linear(x, W, b))
    assert type(layer(np.matrix(x))) is np.ndarray
    assert same_bits(fp.matmul(np.matrix(x), np.matrix(W).T), fp.linear(x, W))


def test_stride_zero(dtype: Float) -> None:
    x, W, b = operands(dtype)
    cases: list[tuple[Array, Array, Array]] = [
        (np.broadcast_to(x[0], (50, 41)), W, b),
        (np.broadcast_to(x[:, :1], (7, 41)), W, b),
        (x, np.broadcast_to(W[0], (19, 41)), b),
        (x, np.broadcast_to(W[:, :1], (19, 41)), b),
        (x, W, np.broadcast_to(b[:1], (19,))),
        (np.broadcast_to(x[:1, :1], (3, 5, 41)), np.broadcast_to(W[:1, :1], (19, 41)), b),
    ]
    for case in cases:
        copies: list[Any] = [np.ascontiguousarray(a) for a in case]
        assert same_bits(fp.linear(*case), fp.linear(*copies))
        assert same_bits(fp.Linear(*case[1:])(case[0]), fp.linear(*copies))
        assert same_bits(fp.linear(case[0][0], *case[1:]), fp.linear(copies[0][0], *copies[1:]))
