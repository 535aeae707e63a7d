"""NaN, infinities, signed zeros, subnormals and the largest numbers, at every place of every operand."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

import forwardpass as fp
from tests.support import ENTRIES, Array, Float, normal, reference, same_bits, signalling_nan

pytestmark = pytest.mark.usefixtures("isa")

Special = Callable[[Float], Array]
SPECIALS: dict[str, Special] = {
    "nan": lambda dtype: np.array(np.nan, dtype),
    "signalling": signalling_nan,
    "inf": lambda dtype: np.array(np.inf, dtype),
    "-inf": lambda dtype: np.array(-np.inf, dtype),
    "-0": lambda dtype: np.array(-0.0, dtype),
    "subnormal": lambda dtype: np.array(np.finfo(dtype).smallest_subnormal, dtype),
    "max": lambda dtype: np.array(np.finfo(dtype).max, dtype),
    "-max": lambda dtype: np.array(-np.finfo(dtype).max, dtype),
}
# More outputs than a panel of float64 and than two vectors of any set, steps of the chains and a rest.
ROWS, OUTPUTS, DEPTH = 7, 37, 35


def operands(dtype: Float) -> tuple[Array, Array, Array]:
    """Finite data below 1 in size, so that the largest number times any of it does not overflow."""
    x, W, b = normal(1, (ROWS, DEPTH), dtype), normal(2, (OUTPUTS, DEPTH), dtype), normal(3, (OUTPUTS,), dtype)
    return tuple(np.clip(a, -0.9, 0.9) for a in (x, W, b))  # type: ignore[return-value]


def place(array: Array, index: tuple[Array | int, ...], special: Array) -> None:
    """Assignment of bits: NumPy's own would quieten a signalling NaN on some machines."""
    unsigned = f"u{array.itemsize}"
    array.view(unsigned)[index] = special.view(unsigned)


def placements(special: Array, dtype: Float) -> Iterator[tuple[Array, Array, Array]]:
    """The special at every position of x, W and b in turn, many positions to a case."""
    x, W, b = operands(dtype)
    for shift in range(DEPTH):
        moved = x.copy()
        place(moved, (np.arange(ROWS), (np.arange(ROWS) + shift) % DEPTH), special)
        yield moved, W, b
        moved = W.copy()
        place(moved, (np.arange(OUTPUTS), (np.arange(OUTPUTS) + shift) % DEPTH), special)
        yield x, moved, b
    for j in range(OUTPUTS):
        moved = b.copy()
        place(moved, (j,), special)
        yield x, W, moved


def agrees_with_numpy(y: Array, x: Array, W: Array, b: Array) -> bool:
    """The same NaNs and infinities as NumPy, where no intermediate result overflows."""
    with np.errstate(all="ignore"):
        exact = (x[:, np.newaxis].astype(np.longdouble) * W).sum(axis=-1) + b
    return np.array_equal(np.isnan(y), np.isnan(exact)) and np.array_equal(
        np.where(np.isinf(y), y, 0), np.where(np.isinf(exact), exact, 0)
    )


@pytest.mark.parametrize("special", SPECIALS.values(), ids=SPECIALS)
def test_at_every_position(special: Special, dtype: Float) -> None:
    for x, W, b in placements(special(dtype), dtype):
        layer = fp.Linear(W, b)
        z = layer(x)
        assert agrees_with_numpy(z, x, W, b)
        assert same_bits(z, reference(x, W, b))
        assert same_bits(z, fp.linear(x, W, b))
        assert same_bits(z[3], fp.linear(x[3], W, b))
        assert same_bits(z[3, :2], fp.linear(x[3], W[:2], b[:2]))
        y = fp.Sequential(layer, fp.ReLU())(x)
        assert np.array_equal(y, np.maximum(z, 0), equal_nan=True)
        assert not np.signbit(y[~np.isnan(y)]).any()
        assert same_bits(y, fp.relu(z))


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("special", SPECIALS.values(), ids=SPECIALS)
def test_through_every_entry(special: Special, entry: str, dtype: Float) -> None:
    x, W, b = operands(dtype)
    place(x, (2, 34), special(dtype))
    place(W, (5, 0), special(dtype))
    place(W, (36, 34), special(dtype))
    place(b, (7,), special(dtype))
    for activation in (None, "relu"):
        assert same_bits(ENTRIES[entry](x, W, b, activation), reference(x, W, b, activation))


@pytest.mark.parametrize("entry", ENTRIES)
def test_nan_stays_in_its_row_and_its_output(entry: str, dtype: Float) -> None:
    x, W, b = operands(dtype)
    clean = ENTRIES[entry](x, W, b, None)
    for bad in range(ROWS):
        poisoned = x.copy()
        poisoned[bad] = np.nan
        y = ENTRIES[entry](poisoned, W, b, None)
        assert np.isnan(y[bad]).all()
        assert same_bits(np.delete(y, bad, 0), np.delete(clean, bad, 0))
    for bad in (0, 7, 8, 15, 31, 32, OUTPUTS - 1):
        poisoned = W.copy()
        poisoned[bad, bad % DEPTH] = np.nan
        y = ENTRIES[entry](x, poisoned, b, None)
        assert np.isnan(y[:, bad]).all()
        assert same_bits(np.delete(y, bad, 1), np.delete(clean, bad, 1))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 67])
def test_relu_of_each_special_in_each_lane(count: int, dtype: Float) -> None:
    for special in SPECIALS.values():
        for lane in range(count):
            for sign in (1, -1):
                z = np.full(count, sign, dtype)
                place(z, (lane,), special(dtype))
                y = fp.relu(z)
                with np.errstate(invalid="ignore"):  # NumPy reports the signalling NaN
                    assert np.array_equal(y, np.maximum(z, 0), equal_nan=True)
                assert not np.signbit(y[~np.isnan(y)]).any()
                assert same_bits(fp.ReLU()(z), y)


@pytest.mark.parametrize("entry", ENTRIES)
def test_undefined_operations_give_nan(entry: str, dtype: Float) -> None:
    inf = np.inf
    x = np.array([[inf, 1], [0, 1], [inf, inf]], dtype)
    W = np.array([[0, 1], [inf, 0], [1, -1], [1, 1]], dtype)
    y = ENTRIES[entry](x, W, None, None)
    nan = np.nan
    assert np.array_equal(y, np.array([[nan, inf, inf, inf], [1, nan, -1, 1], [nan, nan, nan, inf]]), equal_nan=True)


@pytest.mark.parametrize("entry", ENTRIES)
def test_overflow_gives_infinity(entry: str, dtype: Float) -> None:
    largest = np.finfo(dtype).max
    x, W = np.full((2, 3), largest, dtype), np.array([[1, 1, 1], [-1, -1, 0], [1, 0, 0], [2, 0, 0]], dtype)
    expected = np.array([[np.inf, -np.inf, largest, np.inf]] * 2, dtype)
    assert same_bits(ENTRIES[entry](x, W, None, None), expected)
    assert same_bits(ENTRIES[entry](x, W, np.zeros(4, dtype), "relu"), np.maximum(expected, 0))


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_underflowing_sum_keeps_its_negative_zero(entry: str, dtype: Float) -> None:
    """fma(tiny, -tiny, +0) rounds to -0.0, and no bias and no chain before it may lose the sign."""
    tiny = np.finfo(dtype).tiny
    for depth in (1, 2, 8, 130, 257):
        for outputs in (1, 3, 8, 17, 40):
            x, W = np.full((3, depth), tiny, dtype), np.full((outputs, depth), -tiny, dtype)
            y = ENTRIES[entry](x, W, None, None)
            assert same_bits(y, np.full((3, outputs), -0.0, dtype))
            assert same_bits(ENTRIES[entry](x, W, None, "relu"), np.zeros((3, outputs), dtype))
            assert same_bits(ENTRIES[entry](x, W, np.full(outputs, -0.0, dtype), None), y)
            assert same_bits(ENTRIES[entry](x, W, np.zeros(outputs, dtype), None), np.zeros((3, outputs), dtype))
