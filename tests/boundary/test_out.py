"""`out=`: the same bits as a fresh result, wherever it lies, even on top of the inputs."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import forwardpass as fp
from forwardpass.selfcheck.layouts import strided
from tests.support import Array, Float, normal, same_bits
from tests.support.layouts import misaligned

pytestmark = pytest.mark.usefixtures("isa")


def targets(shape: tuple[int, ...], dtype: Float) -> dict[str, Array]:
    """Writeable arrays of one shape in every layout, filled with NaN."""
    fresh = np.full(shape, np.nan, dtype)
    wide = np.full((*shape[:-1], shape[-1] + 7), np.nan, dtype)
    return {
        "C": fresh.copy(),
        "Fortran": np.asfortranarray(fresh),
        "strided": strided(fresh),
        "spaced": wide[..., 3:-4],
        "reversed": np.flip(fresh.copy()),
        "rows reversed": fresh.copy()[::-1],
        "misaligned": misaligned(fresh),
        "transposed": np.full(shape[::-1], np.nan, dtype).T,
    }


def calls(dtype: Float) -> dict[str, tuple[Callable[..., Any], tuple[Array, ...]]]:
    """Each call with its inputs; all give 2-d results."""
    x, W, b = normal(1, (7, 41), dtype), normal(2, (19, 41), dtype), normal(3, (19,), dtype)
    y = normal(4, (7, 19), dtype)
    deep = fp.Sequential(fp.Linear(W, b), fp.ReLU(), fp.Linear(normal(5, (33, 19), dtype)))
    return {
        "layer": (fp.Linear(W, b), (x,)),
        "deep": (deep, (x,)),
        "activation": (fp.ReLU(), (y,)),
        "one row": (fp.Linear(W, b), (x[:1],)),
        "linear": (fp.linear, (x, W, b, "relu")),  # type: ignore[dict-item]
        "linear one row": (fp.linear, (x[:1], W, b)),
        "matmul": (fp.matmul, (x, W.T)),
        "matvec": (fp.matvec, (W, x)),
        "add_bias": (fp.add_bias, (y, b)),
        "relu": (fp.relu, (y,)),
    }


@pytest.mark.parametrize("name", calls(np.float32))
def test_every_layout(name: str, dtype: Float) -> None:
    call, inputs = calls(dtype)[name]
    fresh = call(*inputs)
    for layout, out in targets(fresh.shape, dtype).items():
        assert call(*inputs, out=out) is out
        assert same_bits(out, fresh), layout
    assert same_bits(call(*inputs, out=None), fresh)


def test_one_and_many_axes(dtype: Float) -> None:
    layer = fp.Linear(normal(1, (19, 41), dtype))
    for shape in [(41,), (2, 3, 41), (0, 41), (4, 0, 41), (1, 1, 1, 41)]:
        x = normal(2, shape, dtype)
        fresh = layer(x)
        out = np.full((*shape[:-1], 19), np.nan, dtype)
        assert layer(x, out=out) is out
        assert same_bits(out, fresh)
        apart = np.full((*shape[:-1], 38), np.nan, dtype)[..., ::2]
        assert same_bits(layer(x, out=apart), fresh)
        assert np.isnan(apart.base[..., 1::2]).all()  # type: ignore[index]


def test_scalars(dtype: Float) -> None:
    a, b = normal(1, (41,), dtype), normal(2, (41,), dtype)
    out = np.empty((), dtype)
    assert fp.dot(a, b, out=out) is out
    assert same_bits(out, fp.dot(a, b))
    assert fp.relu(a[0], out=out) is out
    assert same_bits(out, fp.relu(a[0]))
    single = misaligned(np.zeros((1,), dtype)).reshape(())
    assert same_bits(fp.dot(a, b, out=single), fp.dot(a, b))


@pytest.mark.parametrize("shift", [-30, -7, -1, 0, 1, 5, 21, 60])
@pytest.mark.parametrize("width", [21, 33])
def test_overlap_is_as_if_x_were_copied_first(shift: int, width: int, dtype: Float) -> None:
    layer, square = fp.Linear(normal(1, (width, 21), dtype)), fp.ReLU()
    deep = fp.Sequential(layer, fp.ReLU(), fp.Linear(normal(2, (width, width), dtype)))
    rows = 6
    for net, outputs in ((layer, width), (deep, width), (square, 21)):
        memory = normal(3, (2000,), dtype)
        x = memory[500 : 500 + rows * 21].reshape(rows, 21)
        expected = net(x.copy())
        out = memory[500 + shift : 500 + shift + rows * outputs].reshape(rows, outputs)
        net(x, out=out)
        assert same_bits(out, expected)


def test_out_is_x(dtype: Float) -> None:
    W, b = normal(1, (23, 23), dtype), normal(2, (23,), dtype)
    net = fp.Sequential(fp.Linear(W, b), fp.ReLU())
    for make in (np.ascontiguousarray, np.asfortranarray, strided, misaligned, lambda a: np.flip(a.copy())):
        for call in (
            lambda x, out: net(x, out=out),
            lambda x, out: fp.ReLU()(x, out=out),
            lambda x, out: fp.linear(x, W, b, out=out),
            lambda x, out: fp.linear(W, x, b, out=out),
            lambda x, out: fp.matmul(x, x, out=out),
            lambda x, out: fp.add_bias(x, b, out=out),
            lambda x, out: fp.relu(x, out=out),
        ):
            x = make(normal(3, (23, 23), dtype))
            expected = call(x.copy(), None)
            assert call(x, x) is x
            assert same_bits(x, expected)


def test_out_on_top_of_itself_in_another_order(dtype: Float) -> None:
    x = normal(3, (23, 23), dtype)
    net = fp.Linear(normal(1, (23, 23), dtype))
    calls: list[Callable[..., Any]] = [net, fp.relu, fp.ReLU()]
    views: list[Callable[[Array], Array]] = [
        lambda a: a.T,
        lambda a: a[::-1],
        lambda a: a[:, ::-1],
        lambda a: a[::-1, ::-1],
    ]
    for view in views:
        for call in calls:
            memory = x.copy()
            expected = call(memory.copy())
            call(memory, out=view(memory))
            assert same_bits(view(memory), expected)


def test_out_on_top_of_weight_or_bias(dtype: Float) -> None:
    x, W, b = normal(1, (9, 9), dtype), normal(2, (9, 9), dtype), normal(3, (9,), dtype)
    expected = fp.linear(x, W, b)
    over_weight = W.copy()
    fp.linear(x, over_weight, b, out=over_weight)
    assert same_bits(over_weight, expected)
    over_bias = np.concatenate([b, normal(4, (80,), dtype)])
    fp.linear(x, W, over_bias[:9], out=over_bias[:81].reshape(9, 9))
    assert same_bits(over_bias[:81].reshape(9, 9), expected)
    memory = np.concatenate([x.ravel(), b])
    added = fp.add_bias(x, memory[40:49].copy())
    fp.add_bias(memory[:81].reshape(9, 9), memory[40:49], out=memory[:81].reshape(9, 9))
    assert same_bits(memory[:81].reshape(9, 9), added)
    own = b.copy()
    fp.dot(own, b, out=own[4:5].reshape(()))
    assert same_bits(own[4], fp.dot(b, b))
