"""A row has the same bits alone and in any batch, whatever its neighbours and its memory hold."""

from collections.abc import Callable

import numpy as np
import pytest

import forwardpass as fp
from tests.support import Array, Float, normal, reference, same_bits

pytestmark = pytest.mark.usefixtures("isa")

BATCHES = [*range(1, 68), 128, 257]
SHAPES = [(1, 9), (3, 33), (17, 64), (70, 97), (64, 130), (1, 300), (5, 257), (1, 4100)]  # outputs, depth


def layer_of(outputs: int, depth: int, dtype: Float) -> fp.Linear:
    return fp.Linear(normal(1, (outputs, depth), dtype), normal(2, (outputs,), dtype))


def deep_network(dtype: Float) -> fp.Sequential:
    return fp.Sequential(layer_of(40, 21, dtype), fp.ReLU(), layer_of(65, 40, dtype), fp.ReLU(), layer_of(3, 65, dtype))


@pytest.mark.parametrize(("outputs", "depth"), SHAPES)
def test_layer(outputs: int, depth: int, dtype: Float) -> None:
    layer = layer_of(outputs, depth, dtype)
    weight, bias = layer.weight, layer.bias
    x = normal(3, (max(BATCHES), depth), dtype)
    alone = np.stack([layer(row) for row in x])
    for rows in BATCHES:
        assert same_bits(layer(x[:rows]), alone[:rows]), rows
        assert same_bits(layer(x[-rows:]), alone[-rows:]), rows
        assert same_bits(fp.linear(x[:rows], weight, bias), alone[:rows]), rows
        assert same_bits(fp.linear(x[rows - 1], weight, bias), alone[rows - 1]), rows


def test_network(dtype: Float) -> None:
    net = deep_network(dtype)
    x = normal(3, (500, 21), dtype)
    alone = np.stack([net(row) for row in x])
    for rows in [*BATCHES, 500]:
        assert same_bits(net(x[:rows]), alone[:rows]), rows
    assert same_bits(net(x.reshape(5, 4, 25, 21)), alone.reshape(5, 4, 25, 3))


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf, 1e38, 1e-45])
def test_neighbours_do_not_matter(poison: float, dtype: Float) -> None:
    net = deep_network(dtype)
    x = normal(3, (max(BATCHES), 21), dtype)
    clean = net(x)
    for rows in (2, 3, 5, 6, 7, 13, 31, 67, 257):
        for phase in range(3):
            poisoned = np.full((rows, 21), poison, dtype)
            poisoned[phase::3] = x[:rows][phase::3]
            assert same_bits(net(poisoned)[phase::3], clean[:rows][phase::3])


def embedded(array: Array, around: float) -> Array:
    """A copy of a 2-d array inside a larger one: the rows before, after and between hold `around`."""
    rows, columns = array.shape
    whole = np.full((rows + 2, columns + 18), around, array.dtype)
    view = whole[1:-1, 9:-9]
    view[...] = array
    return view


@pytest.mark.parametrize("around", [np.nan, np.inf, 0.0])
def test_memory_beside_the_operands_does_not_matter(around: float, dtype: Float) -> None:
    for outputs in (1, 3, 5, 7, 8, 15, 17, 33, 70):
        for depth in (1, 2, 3, 5, 9, 33, 67, 130):
            x, W, b = normal(1, (7, depth), dtype), normal(2, (outputs, depth), dtype), normal(3, (1, outputs), dtype)
            expected = fp.linear(x, W, b[0])
            inside = embedded(x, around), embedded(W, around), embedded(b, around)[0]
            columns = embedded(W.T, around).T
            assert same_bits(fp.linear(*inside), expected)
            assert same_bits(fp.linear(inside[0], columns, inside[2]), expected)
            assert same_bits(fp.Linear(*inside[1:])(inside[0]), expected)
            assert same_bits(fp.linear(inside[0][0], inside[1], inside[2]), expected[0])
            assert same_bits(fp.linear(inside[0][0], columns, inside[2]), expected[0])


@pytest.mark.parametrize("outputs", range(1, 71))
def test_nothing_is_written_beside_out(outputs: int, dtype: Float) -> None:
    """No call here makes an array of its own: one written past its end would abort before the assertion."""
    canary = 12345.0
    x, W = normal(1, (7, 5), dtype), normal(2, (outputs, 5), dtype)
    layer = fp.Linear(W)
    calls: list[Callable[[Array, Array], Array]] = [
        lambda rows, out: layer(rows, out=out),
        lambda rows, out: fp.linear(rows, W, out=out),
        lambda rows, out: fp.add_bias(reference(rows, W), np.zeros(outputs, dtype), out=out),
        lambda rows, out: fp.ReLU()(reference(rows, W), out=out),
    ]
    for rows in (1, 2, 3, 7):
        expected = reference(x[:rows], W)
        rectified = np.maximum(expected, 0)
        # Rows with a gap between them, and rows without one but with memory after the last.
        for target in (
            embedded(np.zeros((rows, outputs), dtype), canary),
            np.full((rows + 9, outputs), canary, dtype)[:rows],
        ):
            whole: Array = target.base  # type: ignore[assignment]
            for call in calls:
                whole[...] = canary
                assert call(x[:rows], target) is target
                assert same_bits(target, rectified if call is calls[3] else expected)
                target[...] = canary
                assert (whole == canary).all()
