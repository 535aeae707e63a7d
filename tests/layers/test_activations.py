"""Activations: units in the last place against 40 digits, the same bits everywhere, and special values."""

import math
from collections.abc import Callable
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from mpmath import mpf

import forwardpass as fp
from forwardpass import _core
from tests.support import Array, Float, same_bits
from tests.support.digits import assert_near, units

Exact = Callable[[mpf], mpf]
SELU_ALPHA, SELU_SCALE = mpf("1.6732632423543772848170429916717"), mpf("1.0507009873554804934193349852946")


def _sigmoid(x: mpf) -> mpf:
    return 1 / (1 + mpmath.exp(-x))


def _gelu_tanh(x: mpf) -> mpf:
    return x * _sigmoid(2 * mpmath.sqrt(2 / mpmath.pi) * (x + mpf("0.044715") * x**3))


def _elu(x: mpf, alpha: mpf = mpf(1)) -> mpf:  # noqa: B008 (a constant)
    return x if x >= 0 else alpha * mpmath.expm1(x)


def _softplus(x: mpf, beta: float, threshold: float) -> mpf:
    return x if beta * x > threshold else mpmath.log1p(mpmath.exp(beta * x)) / beta


# A layer, what it computes, and its value at -infinity; parameters are exact in float32.
CASES: dict[str, tuple[fp.Module, Exact, float]] = {
    "relu": (fp.ReLU(), lambda x: max(x, mpf(0)), 0.0),
    "leaky_relu": (fp.LeakyReLU(0.25), lambda x: x if x > 0 else x / 4, -math.inf),
    "elu": (fp.ELU(), _elu, -1.0),
    "elu 2.5": (fp.ELU(2.5), lambda x: _elu(x, mpf(2.5)), -2.5),
    "selu": (fp.SELU(), lambda x: SELU_SCALE * _elu(x, SELU_ALPHA), float(-SELU_SCALE * SELU_ALPHA)),
    "gelu": (fp.GELU(), lambda x: x * mpmath.erfc(-x / mpmath.sqrt(2)) / 2, -0.0),
    "gelu_tanh": (fp.GELU("tanh"), _gelu_tanh, -0.0),
    "silu": (fp.SiLU(), lambda x: x * _sigmoid(x), -0.0),
    "tanh": (fp.Tanh(), mpmath.tanh, -1.0),
    "sigmoid": (fp.Sigmoid(), _sigmoid, 0.0),
    "softplus": (fp.Softplus(), lambda x: _softplus(x, 1.0, 20.0), 0.0),
    "softplus 3": (fp.Softplus(3.0, 5.0), lambda x: _softplus(x, 3.0, 5.0), 0.0),
    "hardtanh": (fp.Hardtanh(-0.5, 6.0), lambda x: min(max(x, mpf(-0.5)), mpf(6)), -0.5),
    "celu": (fp.CELU(), _elu, -1.0),
    "celu 0.3125": (fp.CELU(0.3125), lambda x: x if x >= 0 else mpmath.expm1(x / 0.3125) * 0.3125, -0.3125),
    "mish": (fp.Mish(), lambda x: x * mpmath.tanh(mpmath.log1p(mpmath.exp(x))), -0.0),
    "softsign": (fp.Softsign(), lambda x: x / (1 + abs(x)), -1.0),
    "hardswish": (fp.Hardswish(), lambda x: x * min(max(x + 3, mpf(0)), mpf(6)) / 6, -0.0),
    "hardsigmoid": (fp.Hardsigmoid(), lambda x: min(max(x + 3, mpf(0)), mpf(6)) / 6, 0.0),
}
RISING = (
    "relu",
    "leaky_relu",
    "elu",
    "elu 2.5",
    "selu",
    "tanh",
    "sigmoid",
    "softplus",
    "hardtanh",
    "celu",
    "softsign",
    "hardsigmoid",
)


def samples(dtype: Float, count: int) -> Array:
    """Of every size down to subnormals, most where the functions bend, and the neighbours of round numbers."""
    rng = np.random.default_rng(3)
    bending = rng.standard_normal(count) * 2.0 ** rng.integers(-8, 8, count)
    tiny = np.finfo(dtype).smallest_subnormal * rng.integers(1, 100, 20)
    wide = rng.standard_normal(count // 8) * 2.0 ** rng.integers(-120, 100, count // 8)
    around = np.array([0.5, 1, 2, 3, 5, 8, 10, 12, 13, 14, 15, 20, 24, 39, 88, 104, 110, 709, 745, 760], dtype)
    around = np.concatenate([around, np.nextafter(around, dtype(0)), np.nextafter(around, dtype(np.inf))])
    values = np.concatenate([bending.astype(dtype), tiny.astype(dtype), wide.astype(dtype), around])
    return np.concatenate([values, -values])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", CASES)
def test_units_in_the_last_place(name: str, dtype: Float) -> None:
    layer, exact, _ = CASES[name]
    x = samples(dtype, 1500)
    largest = max(units(layer(x), [exact(mpf(value)) for value in x.tolist()]))
    assert largest <= 2, f"{largest:.3f} units"


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("beta", [1e-45, 2.5e-39, 1e-37, 1e-20, 1e-4, 100.0, 1e20, 3e38])
def test_softplus_of_any_beta(beta: float, dtype: Float) -> None:
    """Its results are subnormal, or infinite as log(2) / beta is, and x itself beyond the threshold."""
    rng = np.random.default_rng(4)
    held = float(dtype(beta))
    scaled = np.concatenate([rng.uniform(-220, 120, 100), rng.uniform(-1, 1, 30), rng.uniform(-900, -700, 30)])
    with np.errstate(over="ignore"):
        x: Array = np.append(scaled / held, 10.0 ** rng.uniform(-45, 38, 40)).astype(dtype)
        x = np.concatenate([x, -x])[np.isfinite(np.concatenate([x, -x]))]
        product = x * dtype(beta)
    for threshold in (20.0, -5.0, 1e38, -1e38):
        y = fp.Softplus(beta, threshold)(x)
        # What is above the threshold is so in the dtype.
        pairs = zip(x.tolist(), product.tolist(), strict=True)
        exact = [mpf(one) if at > threshold else _softplus(mpf(one), held, math.inf) for one, at in pairs]
        assert_near(y, exact)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("parameter", [1e-50, 1e-44, 1e-37, -1e-20, 1e10, -3.4e38])
def test_parameters_of_any_size(parameter: float, dtype: Float) -> None:
    rng = np.random.default_rng(5)
    x = np.append(-(10.0 ** rng.uniform(-45, 38, 200)), [-0.0, 0.0, 1.0]).astype(dtype)
    held = mpf(float(dtype(parameter)))
    for layer, exact in (
        (fp.ELU(parameter), [_elu(mpf(value), held) for value in x.tolist()]),
        (fp.LeakyReLU(parameter), [mpf(value) * (1 if value > 0 else held) for value in x.tolist()]),
    ):
        with np.errstate(all="raise"):
            y = layer(x)
        assert_near(y, exact)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_limits_beyond_float32(dtype: Float) -> None:
    x = np.array([-np.inf, -3.0, 5.0, np.inf, np.nan], dtype)
    with np.errstate(all="ignore"):
        below, above = dtype(-1e39), dtype(1e39)
    with np.errstate(all="raise"):
        assert same_bits(fp.Hardtanh(-1e39, 1e39)(x), np.array([below, -3, 5, above, np.nan], dtype))
        assert same_bits(fp.Hardtanh(-math.inf, 1e39)(x), np.array([-np.inf, -3, 5, above, np.nan], dtype))
        assert same_bits(fp.Hardtanh(1e39, 1e40)(x)[:3], np.array([above] * 3, dtype))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", CASES)
def test_special_values(name: str, dtype: Float) -> None:
    layer, _, lowest = CASES[name]
    x = np.array([-np.inf, np.inf, np.nan], dtype)
    highest = {"tanh": 1.0, "sigmoid": 1.0, "hardtanh": 6.0, "softsign": 1.0, "hardsigmoid": 1.0}.get(name, np.inf)
    with np.errstate(all="raise"):
        assert same_bits(layer(x), np.array([lowest, highest, np.nan], dtype))
        zeros = layer(np.array([0.0, -0.0], dtype))
    if name in ("sigmoid", "hardsigmoid", "softplus", "softplus 3"):
        exact = mpf(0.5) if name.endswith("sigmoid") else mpmath.log(2) / vars(layer)["beta"]
        assert zeros[0] == zeros[1] == dtype(float(exact))
    else:
        assert same_bits(zeros, np.array([0.0, 0.0 if name == "relu" else -0.0], dtype))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", RISING)
def test_rises(name: str, dtype: Float) -> None:
    x = np.sort(samples(dtype, 20000))
    near = np.linspace(-1e-3, 1e-3, 20001).astype(dtype)
    # PyTorch's falls by 2e-9 at its threshold of 20, which float64 shows.
    layer = fp.Softplus(threshold=50) if name == "softplus" else CASES[name][0]
    for values in (x, near):
        y = layer(values)
        assert (y[1:] >= y[:-1]).all()


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", CASES)
def test_same_bits_alone_and_fused(name: str, dtype: Float) -> None:
    layer = CASES[name][0]
    rng = np.random.default_rng(0)
    linear = fp.Linear(rng.standard_normal((70, 20)).astype(dtype), rng.standard_normal(70).astype(dtype))
    x = (4 * rng.standard_normal((37, 20))).astype(dtype)
    alone = layer(linear(x))
    net = fp.Sequential(linear, layer)
    assert same_bits(net(x), alone)
    assert all(same_bits(net(row), expected) for row, expected in zip(x, alone, strict=True))
    for one in (0, 19, 69):
        narrow = fp.Sequential(fp.Linear(linear.weight[one : one + 1]), layer)
        assert same_bits(narrow(x), layer(fp.Linear(linear.weight[one : one + 1])(x)))


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("name", ["relu", "leaky_relu", "elu", "selu", "gelu", "gelu_tanh", "silu", "tanh", "sigmoid"])
def test_functional_activation(name: str) -> None:
    rng = np.random.default_rng(1)
    x, w, b = rng.standard_normal((2, 5)), rng.standard_normal((33, 5)), rng.standard_normal(33)
    layer = fp.LeakyReLU() if name == "leaky_relu" else CASES[name][0]
    for weights in (w, np.asfortranarray(w)):
        assert same_bits(fp.linear(x, weights, b, name), layer(fp.linear(x, weights, b)))
        assert same_bits(fp.linear(x[0], weights, b, name), layer(fp.linear(x[0], weights, b)))
    assert same_bits(_core.reference_linear(x, w, b, name), fp.linear(x, w, b, name))


def test_parameters_are_rounded_to_the_dtype() -> None:
    x = np.array([-3.0], np.float32)
    assert fp.LeakyReLU(0.1)(x) == np.float32(-3) * np.float32(0.1)
    assert fp.LeakyReLU(0.1)(x.astype(float)) == -3 * 0.1


def test_softplus_threshold_is_torchs() -> None:
    layer = fp.Softplus(1.0, 2.0)
    above = np.nextafter(2.0, 3.0)
    assert layer([above])[0] == above
    assert layer([2.0])[0] == pytest.approx(math.log1p(math.exp(2)), rel=1e-15)


@pytest.mark.parametrize("layer", [fp.Identity(), fp.Dropout(), fp.Flatten()])
def test_layers_that_do_nothing(layer: fp.Module) -> None:
    x = np.array([[1.0, -0.0, np.nan, np.inf]], np.float32)
    assert same_bits(layer(x), x)
    net = fp.Sequential(fp.Linear.random(4, 4, rng=0), layer, fp.ReLU(), fp.Linear.random(4, 2, rng=1))
    assert list(net.state_dict()) == ["0.weight", "0.bias", "3.weight", "3.bias"]
    assert same_bits(net([1, 2, 3, 4]), fp.Sequential(*(net[i] for i in (0, 2, 3)))([1, 2, 3, 4]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_outputs_stay_in_the_type(dtype: Float) -> None:
    largest = np.finfo(dtype).max
    for name in ("selu", "gelu", "silu", "softplus", "elu", "leaky_relu"):
        y = CASES[name][0](np.array([largest / 2, -largest / 2], dtype))
        assert np.isfinite(y).all(), name
    assert fp.SELU()(np.array([largest], dtype)) == np.inf
    fits = np.float32(3.23862215e38)  # times the scale it is the largest float32, to half a unit
    assert fp.SELU()(np.array([fits])) == np.finfo(np.float32).max
    assert Fraction(float(fp.ELU()(np.array([largest], dtype))[0])) == Fraction(float(largest))
