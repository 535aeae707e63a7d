"""LayerNorm against numbers of many digits: far from zero, at extremes, of constant rows."""

import numpy as np
import pytest
from mpmath import mpf

import forwardpass as fp
from tests.support import Array, Float
from tests.support.digits import exact_layer_norm, rows, units

DTYPES = [np.float32, np.float64]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", [1, 2, 7, 16, 33, 100])
def test_layer_norm(width: int, dtype: Float) -> None:
    # The biases are zero, so that nothing cancels at the end, and the only error is that of the result.
    rng = np.random.default_rng(0)
    weight, bias = rng.uniform(0.5, 2, width).astype(np.float32), np.zeros(width)
    for row in rows(dtype, width):
        assert_layer_norm_is_right(row, 1e-5, weight, bias)


def assert_layer_norm_is_right(
    row: Array, eps: float, weight: Array, bias: Array, allowed: float | None = None
) -> None:
    """To 0.51 units in the last place (2 in float64), or what twice the digits of the largest result leave unknown."""
    got = fp.LayerNorm(len(row), weight, bias, eps)(row)
    wanted = exact_layer_norm([mpf(value) for value in row.tolist()], eps, weight, bias)
    single = row.dtype == np.float32
    lost = (1 + len(row) / 16) * 2.0 ** (-46 if single else -104) * max(abs(value) for value in wanted)
    for value, one, error in zip(got.tolist(), wanted, units(got, wanted), strict=True):
        near = error <= (allowed or (0.51 if single else 2)) or abs(value - one) <= lost
        assert near, f"{value!r}, not {float(one)!r}"


def extreme_rows(dtype: Float, width: int) -> list[Array]:
    """Far from zero beside their deviation, with one outlier, and so small or large that squares leave the range."""
    rng = np.random.default_rng(width)
    info = np.finfo(dtype)
    normal = rng.standard_normal(width)
    far: list[Array] = [normal + size for size in (1e2, 1e3, 1e5, 1e7, 2.0**info.nmant, -1e4)]
    far.append(np.arange(width) % 2 + 2.0**info.nmant)
    outlier = [
        np.append(float(info.max) / 4, normal[1:]),
        np.append(1.0, normal[1:] * 1e-3),
        np.append(0.0, far[2][1:]),
    ]
    exponents = (-149, -127, -100, -76, 66, 125) if dtype is np.float32 else (-1074, -1020, -700, -300, 300, 1021)
    spread = rng.uniform(-1, 2, width)
    steps = 1 + rng.integers(0, 4, width) * float(info.eps)
    with np.errstate(over="ignore"):
        sized = [np.ldexp(values, power) for power in exponents for values in (spread, steps, np.rint(30 * spread))]
        found = [row.astype(dtype) for row in (*far, *outlier, *sized)]
    return [row for row in found if np.isfinite(row).all() and row.min() < row.max()]


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", [2, 7, 33, 80])
def test_layer_norm_at_extremes(width: int, dtype: Float) -> None:
    ones, zeros = np.ones(width), np.zeros(width)
    for row in extreme_rows(dtype, width):
        beside = min(float(np.abs(row).max()), 1e150) ** 2
        for eps in (0.0, 1e-5, 1e-300, 1e300, beside):
            assert_layer_norm_is_right(row, eps, ones, zeros)


@pytest.mark.parametrize("dtype", DTYPES)
def test_layer_norm_far_from_zero_rounds_once(dtype: Float) -> None:
    """A mean of fewer parts would be half a unit off."""
    rng = np.random.default_rng(8)
    for width in (3, 7, 11, 33):
        row = (2.0 ** np.finfo(dtype).nmant + rng.integers(0, 9, width)).astype(dtype)
        assert_layer_norm_is_right(row, 1e-5, np.ones(width), np.zeros(width), 0.51)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("count", [1000, 70000])
def test_layer_norm_whose_first_is_an_outlier(count: int) -> None:
    """A sum of differences from it would cancel: some thousand units wrong at 70,000 elements."""
    row = np.random.default_rng(6).uniform(0, 1e-3, count).astype(np.float32)
    row[0] = 1
    got, wanted = (fp.LayerNorm(count, eps=0.0)(row.astype(dtype)) for dtype in (np.float32, np.float64))
    allowed = np.maximum(np.spacing(np.abs(wanted).astype(np.float32)), (1 + count / 16) * 2.0**-46)
    assert (np.abs(got - wanted) <= allowed).all()


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("count", [1, 5, 100])
def test_layer_norm_of_constant_rows(count: int, dtype: Float) -> None:
    info = np.finfo(dtype)
    bias = np.arange(count, dtype=float)
    for value in (0.0, -0.0, 3.7, -1e30, info.max, info.smallest_normal, info.smallest_subnormal):
        row = np.full(count, value, dtype)
        for eps in (1e-5, 1e-300, 5e-324, 1e300):
            assert np.array_equal(fp.LayerNorm(count, None, bias, eps)(row), bias)
        assert np.isnan(fp.LayerNorm(count, eps=0.0)(row)).all()  # 0 / 0, as PyTorch has it


@pytest.mark.parametrize("dtype", DTYPES)
def test_layer_norm_overflows_to_infinity(dtype: Float) -> None:
    largest = float(np.finfo(dtype).max)
    y = fp.LayerNorm(10, np.full(10, largest))(np.arange(10, dtype=dtype))
    assert np.array_equal(y[[0, -1]], [-np.inf, np.inf])
    assert np.isfinite(y[3:7]).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_layer_norm_is_torchs_formula(dtype: Float) -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((5, 30)).astype(dtype)
    weight, bias = rng.standard_normal(30), rng.standard_normal(30)
    wide = x.astype(np.float64)
    normal = (wide - wide.mean(1, keepdims=True)) / np.sqrt(wide.var(1, keepdims=True) + 1e-5)
    assert fp.LayerNorm(30)(x) == pytest.approx(normal, rel=1e-6, abs=1e-6)
    assert fp.LayerNorm(30, weight, bias)(x) == pytest.approx(normal * weight + bias, rel=1e-5, abs=1e-5)


def test_a_shape_of_one() -> None:
    assert fp.LayerNorm((3,)).in_features == fp.LayerNorm([3]).in_features == 3
