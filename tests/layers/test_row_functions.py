"""Softmax, LogSoftmax, LayerNorm and the layers of columns: against 50 digits, PyTorch's formulas, and bad values."""

import copy
import math
import pickle
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from mpmath import mpf

import forwardpass as fp
from tests.support import Array, Float, same_bits
from tests.support.digits import assert_near, units

DTYPES = [np.float32, np.float64]


def rows(dtype: Float, width: int) -> Array:
    """Some near each other, some far apart, some with a large mean."""
    rng = np.random.default_rng(width)
    normal = rng.standard_normal((12, width))
    normal[1] *= 1e-3
    normal[2] *= 30
    normal[3] += 1000
    normal[4] *= 1e-20
    normal[5] = normal[5, 0]
    normal[6] *= 1000
    return normal.astype(dtype)


def exact_log_softmax(row: list[mpf]) -> list[mpf]:
    with mpmath.workdps(500):  # the others may be e^-1000 beside 1
        log = mpmath.log(sum(mpmath.exp(x) for x in row))
        return [x - log for x in row]


def exact_softmax(row: list[mpf]) -> list[mpf]:
    return [mpmath.exp(x) for x in exact_log_softmax(row)]


def exact_layer_norm(row: list[mpf], eps: float, weight: Array, bias: Array) -> list[mpf]:
    with mpmath.workdps(700):  # e-300 beside e308, squared
        mean = sum(row) / len(row)
        root = mpmath.sqrt(sum((x - mean) ** 2 for x in row) / len(row) + mpf(eps))
        return [
            (x - mean) / root * mpf(w) + mpf(b) for x, w, b in zip(row, weight.tolist(), bias.tolist(), strict=True)
        ]


def largest_units(layer: fp.Module, x: Array, exact: Callable[[list[mpf]], list[mpf]]) -> float:
    return max(max(units(layer(row), exact([mpf(value) for value in row.tolist()]))) for row in x)


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


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", [1, 2, 7, 16, 33, 100])
def test_layer_norm(width: int, dtype: Float) -> None:
    # Of weights and biases of one sign, so that nothing cancels at the end: then the error is that of the result.
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


@pytest.mark.parametrize("layer", [fp.Softmax(), fp.LogSoftmax(), fp.LayerNorm(3), fp.LayerNorm(3, eps=0.0)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_bad_row_makes_only_itself_nan(layer: fp.Module, dtype: Float) -> None:
    x = np.array([[1, 2, 3], [np.nan, 2, 3], [np.inf, 2, 3], [-np.inf] * 3], dtype)
    with np.errstate(all="raise"):
        y = layer(x)
    assert np.isfinite(y[0]).all()
    assert np.isnan(y[1:]).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_of_minus_infinity(dtype: Float) -> None:
    x = np.array([0, -np.inf, 0], dtype)
    assert same_bits(fp.Softmax()(x), np.array([0.5, 0, 0.5], dtype))
    assert np.array_equal(fp.LogSoftmax()(x), np.array([-np.log(2), -np.inf, -np.log(2)], dtype))


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", [1, 5, 16, 40])
def test_a_row_in_any_batch(width: int, dtype: Float) -> None:
    rng = np.random.default_rng(2)
    x = rng.standard_normal((50, width)).astype(dtype)
    values = rng.uniform(0.5, 2, (4, width))
    layers = [
        fp.Softmax(),
        fp.LogSoftmax(),
        fp.LayerNorm(width, values[0], values[1]),
        fp.BatchNorm1d(*values),
        fp.Normalize(values[0], values[1], 1.5),
        fp.Affine(values[0], values[1]),
        fp.Clip(-values[0], values[1]),
    ]
    for layer in [*layers, fp.Sequential(*layers)]:
        whole = layer(x)
        assert all(same_bits(layer(row), expected) for row, expected in zip(x, whole, strict=True))
        out = x.copy()
        assert layer(out, out=out) is out
        assert same_bits(out, whole)


def exact_columns(row: Array, center: Array, scale: list[mpf], offset: Array) -> list[mpf]:
    parts = zip(row.tolist(), center.tolist(), scale, offset.tolist(), strict=True)
    return [(mpf(x) - mpf(c)) * s + mpf(o) for x, c, s, o in parts]


@pytest.mark.parametrize("dtype", DTYPES)
def test_columns_round_once(dtype: Float) -> None:
    rng = np.random.default_rng(3)
    width, allowed = 40, 0.51  # less than a scale that was rounded before would add
    # Means that are larger than the deviations, and that float32 has no room for.
    mean, std = 100 * rng.standard_normal(width), 10.0 ** rng.uniform(-1, 2, width)
    x = (mean + std * rng.standard_normal((20, width))).astype(dtype)
    zero = np.zeros(width)
    normal = fp.Normalize(mean, std)
    batch = fp.BatchNorm1d(mean, std**2, eps=0.01)
    for row in x:
        assert max(units(normal(row), exact_columns(row, mean, [1 / mpf(s) for s in std.tolist()], zero))) <= allowed
        scale = [1 / mpmath.sqrt(mpf(v) + mpf(0.01)) for v in (std**2).tolist()]
        assert max(units(batch(row), exact_columns(row, mean, scale, zero))) <= allowed


SIZES: list[tuple[Float, int]] = [
    *((np.float32, size) for size in (-250, -149, -140, -127, -100, -60, 60, 100, 127, 128, 140, 240)),
    *((np.float64, size) for size in (-1070, -1022, -1000, -930, -900, 900, 930, 1000, 1022)),
]


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize(("dtype", "size"), SIZES)
def test_scales_that_the_dtype_has_no_room_for(dtype: Float, size: int) -> None:
    rng = np.random.default_rng(7)
    scale = rng.uniform(-1, 1, 40) * 2.0**size
    weight = [mpf(value) for value in scale.tolist()]
    # Results from the smallest subnormal up.
    low, high, step = (-140, 127, 40) if dtype is np.float32 else (-1060, 1023, 400)
    exponents = np.clip(np.arange(low - 10, low - 10 + 6 * step, step) - size, low, high)
    x = np.ldexp(rng.uniform(-1, 1, (6, 40)), exponents[:, np.newaxis])
    for row in x.astype(dtype):
        exact = exact_columns(row, 0 * scale, weight, 0 * scale)
        assert_near(fp.Affine(scale, 0 * scale)(row), exact)
        if abs(size) < 1000:  # of float64, so that 1 / scale has all its digits
            assert_near(fp.Normalize(0 * scale, 1 / np.abs(scale))(row * np.sign(scale).astype(dtype)), exact)
        # An eps that makes up for the weight, where it can.
        eps = min(2.0 ** min(2 * size, 990), 1e300)
        exact = exact_layer_norm([mpf(value) for value in row.tolist()], eps, scale, 0 * scale)
        assert_near(fp.LayerNorm(40, scale, eps=eps)(row), exact)
    zero = np.zeros(40, dtype)
    assert np.array_equal(fp.Affine(scale, 1 + 0 * scale)(zero), 1 + zero)
    if dtype is np.float32:
        assert np.array_equal(fp.Affine(1e200 * scale, 1 + 0 * scale)(zero), 1 + zero)


@pytest.mark.parametrize("dtype", DTYPES)
def test_special_values_of_columns(dtype: Float) -> None:
    x = np.array([np.nan, np.inf, -np.inf, np.finfo(dtype).max, 0.0], dtype)
    ones = np.ones(5)
    with np.errstate(all="raise"):
        assert same_bits(fp.Affine(2 * ones, ones)(x), np.array([np.nan, np.inf, -np.inf, np.inf, 1], dtype))
        assert same_bits(fp.Clip(-ones, ones)(x), np.array([np.nan, 1, -1, 1, 0], dtype))
        assert same_bits(fp.Normalize(0 * ones, ones, 5)(x), np.array([np.nan, 5, -5, 5, 0], dtype))


def test_values_of_sklearns_scalers() -> None:
    x = np.array([[0.1, 1e6], [0.7, -3.0]])
    mean, scale = np.array([0.3, 1e5]), np.array([0.2, 7.0])
    assert fp.Normalize(mean, scale)(x) == pytest.approx((x - mean) / scale, rel=4e-16)
    assert fp.Affine(scale, mean)(x) == pytest.approx(x * scale + mean, rel=4e-16)


STATE = [
    (fp.LayerNorm(3, [1, 2, 3], [0, 0, 1]), ["weight", "bias"]),
    (fp.LayerNorm(3), []),
    (fp.BatchNorm1d([1, 2, 3], [4, 5, 6]), ["running_mean", "running_var"]),
    (fp.BatchNorm1d([1, 2, 3], [4, 5, 6], [1, 1, 2], [0, 0, 1]), ["weight", "bias", "running_mean", "running_var"]),
    (fp.Normalize([1, 2, 3], [1, 1, 2], 4.0), ["mean", "std"]),
    (fp.Affine([1, 2, 3], [1, 1, 2]), ["scale", "offset"]),
    (fp.Clip([1, 2, 3], [1, 5, 7]), ["low", "high"]),
]


@pytest.mark.parametrize(("layer", "names"), STATE)
def test_state_pickle_copy(layer: fp.Module, names: list[str]) -> None:
    state = layer.state_dict()
    assert list(state) == names
    assert all(value.dtype == np.float64 and value.shape == (3,) for value in state.values())
    x = np.array([[1.5, -2, 3]], np.float32)
    for other in (pickle.loads(pickle.dumps(layer)), copy.copy(layer), copy.deepcopy(layer)):
        assert same_bits(other(x), layer(x))
        assert repr(other) == repr(layer)
        other.load_state_dict({name: np.asarray(value) + 1 for name, value in state.items()})
        assert all((other.state_dict()[name] == value + 1).all() for name, value in state.items())
        assert not names or type(layer) is fp.Clip or not same_bits(other(x), layer(x))


def test_new_values_reach_networks_that_share_the_layer() -> None:
    norm = fp.BatchNorm1d([0, 0], [1, 1], eps=0.0)
    net = fp.Sequential(fp.Linear(np.eye(2, dtype=np.float32)), norm)
    net.load_state_dict({**net.state_dict(), "1.running_mean": [1, 2], "1.num_batches_tracked": np.array(7)})
    assert np.array_equal(net([1, 2]), [0, 0])
    assert np.array_equal(norm([1, 2]), [0, 0])


def test_nothing_is_half_loaded() -> None:
    net = fp.Sequential(fp.Linear(np.eye(2)), fp.Normalize([0, 0], [1, 1]))
    before = net.state_dict()
    for name, value, message in (
        ("1.std", [0, 1], "std: expected positive values"),
        ("1.mean", [0, 1, 2], r"1.mean: expected shape \(2,\), got \(3,\)"),
        ("0.weight", np.eye(3), "0.weight: expected shape"),
        ("1.mean", ["a", "b"], "1.mean: expected real numbers"),
    ):
        new = {**{key: np.asarray(v) + 1 for key, v in before.items()}, name: value}
        with pytest.raises((ValueError, TypeError), match=message):
            net.load_state_dict(new)
        assert all(np.array_equal(v, before[key]) for key, v in net.state_dict().items())
        assert np.array_equal(net([1, 2]), [1, 2])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: fp.LayerNorm(3, [1, 2]), r"weight: expected shape \(3,\), got \(2,\)"),
        (lambda: fp.LayerNorm(-1), "normalized_shape: expected the number of features, got -1"),
        (lambda: fp.LayerNorm(3, eps=-1), "eps: expected a number that is not negative, got -1"),
        (lambda: fp.BatchNorm1d([1, 2], [1, 2, 3]), r"running_var: expected shape \(2,\), got \(3,\)"),
        (lambda: fp.BatchNorm1d([1], [-1]), "running_var: expected values that are positive with eps added"),
        (lambda: fp.Normalize([[1]], [[1]]), r"mean: expected shape \(features,\), got \(1, 1\)"),
        (lambda: fp.Normalize([1], [np.nan]), "std: expected positive values"),
        (lambda: fp.Normalize([1], [1], 0), "clip: expected a positive number, got 0"),
        (lambda: fp.Clip([2], [1]), "low, high: expected low <= high"),
        (lambda: fp.Residual(fp.Linear.random(2, 3)), "expected as many features out as in, got in_features=2"),
        (
            lambda: fp.Sequential(fp.Linear.random(2, 3), fp.LayerNorm(4)),
            r"layer 0, Linear\(in_features=2, out_features=3\), gives 3 features, but layer 1, of 4 features, takes 4",
        ),
    ],
)
def test_what_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_shape_of_one() -> None:
    assert fp.LayerNorm((3,)).in_features == fp.LayerNorm([3]).in_features == 3


def test_wrong_types() -> None:
    shape: Any = (2, 3)
    for make in (
        lambda: fp.LayerNorm(shape),
        lambda: fp.LayerNorm(True),
        lambda: fp.Affine([1j], [0]),
        lambda: fp.Residual(3),  # type: ignore[arg-type]
    ):
        with pytest.raises(TypeError, match="expected"):
            make()


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("dtype", DTYPES)
def test_residuals(dtype: Float) -> None:
    rng = np.random.default_rng(4)

    def linear(inputs: int, outputs: int) -> fp.Linear:
        return fp.Linear(rng.standard_normal((outputs, inputs)).astype(dtype), rng.standard_normal(outputs))

    inner = fp.Sequential(linear(10, 70), fp.ReLU(), linear(70, 10))
    deep = fp.Residual(fp.Sequential(fp.Residual(inner), fp.Tanh(), linear(10, 10), fp.Residual(fp.ReLU())))
    net = fp.Sequential(linear(6, 10), fp.Residual(inner), fp.ReLU(), deep, fp.Residual(linear(10, 10)), linear(10, 3))
    x = rng.standard_normal((40, 6)).astype(dtype)

    def plain(layer: fp.Module, values: Array) -> Array:
        if isinstance(layer, fp.Sequential):
            for each in layer:
                values = plain(each, values)
            return values
        return values + plain(layer.inner, values) if isinstance(layer, fp.Residual) else layer(values)

    for layer, values in ((net, x), (net[1], net[0](x)), (deep, net[0](x))):
        expected = plain(layer, values)
        assert same_bits(layer(values), expected)
        assert same_bits(layer(values[0]), expected[0])
        assert same_bits(layer(values, num_threads=3), expected)
    names = [name for name in net.state_dict() if name.endswith("weight")]
    assert names[:4] == ["0.weight", "1.inner.0.weight", "1.inner.2.weight", "3.inner.0.inner.0.weight"]
    other = pickle.loads(pickle.dumps(net))
    assert same_bits(other(x), net(x))
    assert repr(other) == repr(net)
    assert "(1): Residual(" in repr(net)


@pytest.mark.parametrize("dtype", DTYPES)
def test_folded_batch_norm(dtype: Float) -> None:
    rng = np.random.default_rng(5)

    def linear(inputs: int, outputs: int, bias: bool = True) -> fp.Linear:
        values = rng.standard_normal(outputs).astype(dtype) if bias else None
        return fp.Linear(rng.standard_normal((outputs, inputs)).astype(dtype), values)

    def norm(features: int) -> fp.BatchNorm1d:
        mean, variance, weight, bias = rng.uniform(0.5, 2, (4, features))
        return fp.BatchNorm1d(mean, variance, weight, bias)

    net = fp.Sequential(
        norm(4),
        linear(4, 8, bias=False),
        norm(8),
        fp.ReLU(),
        fp.Residual(fp.Sequential(linear(8, 8), norm(8), fp.Tanh(), norm(8), linear(8, 8))),
        norm(8),
        fp.ReLU(),
        linear(8, 3),
    )
    folded = fp.fold_batch_norm(net)
    x = rng.standard_normal((20, 4)).astype(dtype)
    assert folded(x) == pytest.approx(net(x), rel=1e-4 if dtype is np.float32 else 1e-12)
    kinds = [type(layer) for _, layer in folded.leaves()]
    assert kinds.count(fp.BatchNorm1d) == 1  # between a Residual and a ReLU
    assert kinds.count(fp.Flatten) == 4
    assert [name for name in folded.state_dict() if name.endswith("weight")] == [
        "1.weight",
        "4.inner.0.weight",
        "4.inner.4.weight",
        "5.weight",
        "7.weight",
    ]
    assert not any(isinstance(layer, fp.Identity) for _, layer in net.leaves())
