"""Softmax and LogSoftmax against numbers of many digits, over long rows, and of special values."""

import math

import numpy as np
import pytest

import forwardpass as fp
from tests.support import Float, same_bits
from tests.support.digits import exact_log_softmax, exact_softmax, largest_units, rows

DTYPES = [np.float32, np.float64]


def units_of_softmax(dtype: Float, width: int) -> float:
    """What docs/layers.md says. A longer row's weights are rounded before they are divided."""
    return 2 if dtype is np.float64 else 0.7 if width <= 16 else 1.7


def units_of_log_softmax(dtype: Float) -> float:
    return 2 if dtype is np.float64 else 0.7


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", [1, 2, 7, 8, 9, 16, 17, 33, 100])
def test_softmax_and_its_logarithm(width: int, dtype: Float) -> None:
    x = rows(dtype, width)
    assert largest_units(fp.Softmax(), x, exact_softmax) <= units_of_softmax(dtype, width)
    assert largest_units(fp.LogSoftmax(), x, exact_log_softmax) <= units_of_log_softmax(dtype)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("dtype", DTYPES)
def test_logarithm_of_a_row_that_one_element_decides(dtype: Float) -> None:
    """On both sides of where 1 is subtracted from the sum, and where it is summed again without it."""
    for below in np.linspace(-30, -10, 41) if dtype is np.float32 else np.linspace(-60, -20, 41):
        for width in (2, 9, 40):
            x = np.full((1, width), below, dtype)
            x[0, width // 2] = 0
            assert largest_units(fp.LogSoftmax(), x, exact_log_softmax) <= units_of_log_softmax(dtype)


@pytest.mark.usefixtures("isa")
def test_softmax_of_long_rows_loses_nothing() -> None:
    """In float32 against sums of doubles that are rounded once. A sum of floats would be some hundred units off."""
    x = np.random.default_rng(9).standard_normal(100_000).astype(np.float32)
    x[::2] = 1.25  # so that rounding errors add up
    weights = np.exp(x.astype(np.float64) - float(x.max()))
    total = math.fsum(weights)
    for layer, wanted, allowed in (
        (fp.Softmax(), weights / total, units_of_softmax(np.float32, len(x))),
        (fp.LogSoftmax(), x.astype(np.float64) - float(x.max()) - math.log(total), units_of_log_softmax(np.float32)),
    ):
        error = np.abs(layer(x) - wanted) / np.spacing(np.abs(wanted).astype(np.float32))
        assert error.max() <= allowed


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", [511, 513, 1023, 1025])
def test_softmax_of_wide_rows(width: int, dtype: Float) -> None:
    x = rows(dtype, width)[:1]
    assert largest_units(fp.Softmax(), x, exact_softmax) <= units_of_softmax(dtype, width)
    # The end of a row that is nothing but far below weighs nothing.
    far = np.full((1, 600), -1e4, dtype)
    assert np.array_equal(fp.Softmax()(np.hstack([x, far]))[:, :width], fp.Softmax()(x))


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", [2, 17, 300])
def test_softmax_and_its_logarithm_where_they_are_subnormal(width: int, dtype: Float) -> None:
    """A sum of weights that are subnormal, each or all, beside 1."""
    rng = np.random.default_rng(width)
    start, end = (-87.3, -104) if dtype is np.float32 else (-708.4, -745.2)
    for below in (start, start - 3, end + 8, end, end - 0.5, end - 6, 1.2 * end, 1.5 * end, -1e4):
        for spread in (0.0, 0.5):
            x = below + spread * rng.standard_normal((1, width))
            x[0, rng.integers(width)] = 0
            x = x.astype(dtype)
            assert largest_units(fp.Softmax(), x, exact_softmax) <= units_of_softmax(dtype, width)
            assert largest_units(fp.LogSoftmax(), x, exact_log_softmax) <= units_of_log_softmax(dtype)


@pytest.mark.parametrize("value", [1.0, -3.5, 1e30, 0.0, -0.0])
def test_one_column_has_a_logarithm_of_plus_zero(value: float, dtype: Float) -> None:
    """Lanes behind the row once left a sum that was not 0, and instruction sets with them gave -0.0."""
    y = fp.LogSoftmax()(np.full((3, 1), value, dtype))
    assert np.array_equal(y, np.zeros((3, 1)))
    assert not np.signbit(y).any()


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_of_minus_infinity(dtype: Float) -> None:
    x = np.array([0, -np.inf, 0], dtype)
    assert same_bits(fp.Softmax()(x), np.array([0.5, 0, 0.5], dtype))
    assert np.array_equal(fp.LogSoftmax()(x), np.array([-np.log(2), -np.inf, -np.log(2)], dtype))


@pytest.mark.usefixtures("isa")
def test_the_logarithm_of_a_row_that_is_nothing_else_is_zero(dtype: Float) -> None:
    """Hundreds of weights that no number is small enough for: any of them counted would be a subnormal result."""
    row = np.full(600, -1e4, dtype)
    row[77] = 0.0
    y = fp.LogSoftmax()(row)
    assert y[77] == 0.0
    assert np.array_equal(np.delete(y, 77), np.delete(row, 77))
