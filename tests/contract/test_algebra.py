"""Laws that need no reference: each holds bit for bit."""

import numpy as np
import pytest

import forwardpass as fp
from tests.support import ENTRIES, Array, Float, normal, same_bits

pytestmark = pytest.mark.usefixtures("isa")

SHAPES = [(9, 5, 3), (5, 33, 70), (7, 67, 129), (31, 130, 64), (2, 17, 4400)]  # rows, outputs, depth


@pytest.mark.parametrize(("rows", "outputs", "depth"), SHAPES)
def test_permuting_rows_and_outputs_commutes(rows: int, outputs: int, depth: int, dtype: Float) -> None:
    x, W, b = normal(1, (rows, depth), dtype), normal(2, (outputs, depth), dtype), normal(3, (outputs,), dtype)
    rng = np.random.default_rng(4)
    p, q = rng.permutation(rows), rng.permutation(outputs)
    y = fp.Linear(W, b)(x)
    assert same_bits(fp.Linear(W, b)(x[p]), y[p])
    assert same_bits(fp.Linear(W[q], b[q])(x), y[:, q])
    assert same_bits(fp.linear(x[p], W[q], b[q]), y[p][:, q])


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("size", [1, 2, 4, 5, 8, 9, 32, 33, 65, 128, 129, 260])
def test_the_identity_gives_x_back(entry: str, size: int, dtype: Float) -> None:
    x = normal(size, (3, size), dtype)
    x[0] = np.ldexp(x[0], -140)  # float32's subnormals among them
    assert same_bits(ENTRIES[entry](x, np.eye(size, dtype=dtype), None, None), x)


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize(("outputs", "depth"), [(1, 9), (5, 33), (40, 130), (3, 260)])
def test_a_one_hot_row_gives_a_column_of_the_weight(entry: str, outputs: int, depth: int, dtype: Float) -> None:
    W = normal(1, (outputs, depth), dtype)
    x = np.eye(depth, dtype=dtype)[:: max(1, depth // 9)]
    assert same_bits(ENTRIES[entry](x, W, None, None), np.ascontiguousarray(x @ W.T))
    assert same_bits(ENTRIES[entry](x, W, None, None), W.T[:: max(1, depth // 9)])


@pytest.mark.parametrize(("rows", "outputs", "depth"), SHAPES)
@pytest.mark.parametrize("power", [-20, -1, 1, 30])
def test_powers_of_two_scale_exactly(rows: int, outputs: int, depth: int, power: int, dtype: Float) -> None:
    x, W = normal(1, (rows, depth), dtype), normal(2, (outputs, depth), dtype)
    net = fp.Sequential(fp.Linear(W), fp.ReLU())
    assert same_bits(net(np.ldexp(x, power)), np.ldexp(net(x), power))
    assert same_bits(fp.linear(x, np.ldexp(W, power)), np.ldexp(fp.linear(x, W), power))


@pytest.mark.parametrize("entry", ["layer", "linear", "rows", "dot"])
@pytest.mark.parametrize("depth", [129, 136, 256, 260, 4090, 4096])
def test_appended_zero_columns_change_nothing(entry: str, depth: int, dtype: Float) -> None:
    """Beyond K = 128 the number of chains no longer changes with K."""
    x, W = normal(1, (3, depth), dtype), normal(2, (9, depth), dtype)

    def widened(a: Array, zeros: int) -> Array:
        return np.pad(a, ((0, 0), (0, zeros)))

    y = ENTRIES[entry](x, W, None, None)
    for zeros in (1, 7, 8, 45, 256, 4200):
        assert same_bits(ENTRIES[entry](widened(x, zeros), widened(W, zeros), None, None), y)


@pytest.mark.parametrize("entry", ENTRIES)
def test_negated_rows_give_negated_results(entry: str, dtype: Float) -> None:
    x, W = normal(1, (4, 77), dtype), normal(2, (21, 77), dtype)
    assert same_bits(ENTRIES[entry](-x, W, None, None), -ENTRIES[entry](x, W, None, None))
