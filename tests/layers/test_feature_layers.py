"""Layers with numbers for each feature: rounded once, at all sizes, and their arrays."""

import copy
import pickle

import mpmath
import numpy as np
import pytest
from mpmath import mpf

import forwardpass as fp
from tests.support import Array, Float, same_bits
from tests.support.digits import (
    assert_near,
    exact_layer_norm,
    units,
)

DTYPES = [np.float32, np.float64]


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


@pytest.mark.usefixtures("isa")
def test_a_small_scale_has_two_parts() -> None:
    """Where the offset takes all but the last digits of the product away, these are what is left."""
    rng = np.random.default_rng(11)
    variance, weight = np.ldexp(rng.uniform(0.5, 1, 40), 1000), np.ldexp(rng.uniform(0.5, 1, 40), -510)
    x = np.ldexp(rng.uniform(0.5, 1, 40), 1000)
    scale = [mpf(w) / mpmath.sqrt(mpf(v)) for w, v in zip(weight.tolist(), variance.tolist(), strict=True)]
    offset = np.array([-float(mpf(value) * s) for value, s in zip(x.tolist(), scale, strict=True)])
    layer = fp.BatchNorm1d(np.zeros(40), variance, weight, offset, eps=0.0)
    exact = exact_columns(x, np.zeros(40), scale, offset)
    errors = [abs(mpf(y) - one) for y, one in zip(layer(x).tolist(), exact, strict=True)]
    assert all(error <= bound for error, bound in zip(errors, fp.error_bound(layer, x).tolist(), strict=True))


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
