"""The error bound through every kind of layer, against the network in a wider float."""

from fractions import Fraction

import numpy as np
import pytest

import forwardpass as fp
from forwardpass.error_bound import agreement_bound
from forwardpass.nn.arithmetic import Arithmetic
from forwardpass.reference import exact
from forwardpass.selfcheck.extremes import LAYERS, Numbers
from tests.support import Array, Float

FUNCTIONS: list[fp.Module] = [
    fp.ReLU(), fp.LeakyReLU(0.2), fp.LeakyReLU(-2.1), fp.ELU(), fp.ELU(3), fp.SELU(), fp.GELU(), fp.GELU("tanh"),
    fp.SiLU(), fp.Tanh(), fp.Sigmoid(), fp.Softplus(), fp.Softplus(3, 5), fp.Hardtanh(-0.5, 2), fp.Softmax(),
    fp.LogSoftmax(), fp.Identity(), fp.Dropout(), fp.Flatten(),
]  # fmt: skip


def linear(rng: np.random.Generator, inputs: int, outputs: int, dtype: Float) -> fp.Linear:
    weight = rng.standard_normal((outputs, inputs)).astype(dtype)
    return fp.Linear(weight, rng.standard_normal(outputs).astype(dtype) if rng.integers(2) else None)


def columns(rng: np.random.Generator, width: int) -> list[fp.Module]:
    def values() -> Array:
        signed: Array = rng.uniform(0.2, 2, width) * rng.choice([-1, 1], width)
        return signed

    return [
        fp.LayerNorm(width),
        fp.LayerNorm(width, values(), values(), 1e-3),
        fp.BatchNorm1d(values(), np.abs(values()), values(), values()),
        fp.Normalize(values(), np.abs(values())),
        fp.Normalize(100 * values(), np.abs(values()), 2),
        fp.Affine(values(), values()),
        fp.Clip(-np.abs(values()), np.abs(values())),
    ]


def random_network(rng: np.random.Generator, width: int, count: int, dtype: Float, nested: bool = False) -> fp.Module:
    layers: list[fp.Module] = [] if nested else [linear(rng, width, width, dtype)]
    for _ in range(count):
        kind = rng.integers(6)
        if kind < 2:
            layers.append(linear(rng, width, width, dtype))
        elif kind < 4:
            layers.append(FUNCTIONS[rng.integers(len(FUNCTIONS))])
        elif kind == 4 or nested:
            choice = columns(rng, width)
            layers.append(choice[rng.integers(len(choice))])
        else:
            layers.append(fp.Residual(random_network(rng, width, 3, dtype, nested=True)))
    return fp.Sequential(*layers)


def share_of_bound(net: fp.Module, x: Array) -> float:
    with np.errstate(all="ignore"):
        error = np.abs(net(x) - exact(net, x)).astype(np.float64)
        bound = fp.error_bound(net, x)
    assert np.isfinite(error).all()
    assert (error <= bound).all(), net
    return float(np.max(error / bound, where=bound > 0, initial=0.0))


@pytest.mark.parametrize("layer", [*FUNCTIONS, *columns(np.random.default_rng(0), 9)], ids=repr)
def test_one_layer(layer: fp.Module, dtype: Float) -> None:
    rng = np.random.default_rng(1)
    x = (rng.standard_normal((40, 9)) * 2.0 ** rng.integers(-8, 6, (40, 1))).astype(dtype)
    net = fp.Sequential(linear(rng, 9, 9, dtype), layer)
    assert share_of_bound(net, x) < 1
    if not isinstance(layer, (fp.Identity, fp.Dropout, fp.Flatten, fp.Clip, fp.ReLU, fp.Hardtanh)):
        assert share_of_bound(layer, x.astype(np.float32)) > 1e-3  # the bound means something


@pytest.mark.parametrize("seed", range(60))
def test_networks(seed: int, dtype: Float) -> None:
    rng = np.random.default_rng(seed)
    width = int(rng.integers(1, 40))
    net = random_network(rng, width, 6, dtype)
    share_of_bound(net, rng.standard_normal((10, width)).astype(dtype))


@pytest.mark.parametrize("seed", range(60))
def test_two_precisions_agree(seed: int) -> None:
    """float32 is another implementation of float64's network, but for its units: agreement_bound() covers more."""
    rng = np.random.default_rng(seed)
    width = int(rng.integers(1, 40))
    net = random_network(rng, width, 4, np.float32)
    x = rng.standard_normal((10, width)).astype(np.float32)
    with np.errstate(all="ignore"):
        assert (agreement_bound(net, x) >= 2 * fp.error_bound(net, x) * (1 - 1e-6)).all()


@pytest.mark.parametrize("name", LAYERS)
def test_ours_is_one_of_the_others(name: str, dtype: Float) -> None:
    """It sums in some order and rounds less than they may: agreement_bound() counts on that."""
    numbers = Numbers(1, dtype)
    layer, x = LAYERS[name](numbers), numbers.rows()
    with np.errstate(all="ignore"):
        for error in (np.zeros(x.shape), np.abs(x) * 2.0**-20):
            ours, others = (layer.through(x, error, Arithmetic(dtype is np.float32, own))[1] for own in (True, False))
            assert ((ours <= others) | np.isnan(ours) | np.isnan(others)).all()


def test_a_wrong_network_is_outside() -> None:
    rng = np.random.default_rng(2)
    net = fp.Sequential(linear(rng, 8, 8, np.float32), fp.GELU(), fp.LayerNorm(8))
    other = fp.Sequential(net[0], fp.GELU("tanh"), net[2])
    x = rng.standard_normal((50, 8)).astype(np.float32)
    assert (np.abs(net(x) - other(x)) > agreement_bound(net, x)).any()


def test_what_is_no_network() -> None:
    net, x = fp.ReLU(), np.ones(3)
    with pytest.raises(TypeError, match="network: expected a forwardpass layer, got ndarray"):
        fp.error_bound(x, net)  # type: ignore[arg-type]  # in the wrong order, on purpose


def test_the_jump_of_softplus() -> None:
    """At its threshold, by more than any rounding: what comes in may be on the other side."""
    net = fp.Sequential(fp.Linear(np.array([[0.5, 1.0]], np.float32)), fp.Softplus(1.0, 0.5))
    x = np.array([1.0, 2.0**-30], np.float32)  # in float32 the sum is 0.5, which is not above the threshold
    assert abs(float(net(x)[0]) - (0.5 + 2.0**-30)) > 0.4
    assert abs(float(net(x)[0]) - (0.5 + 2.0**-30)) <= fp.error_bound(net, x)[0]


@pytest.mark.parametrize("beta", [0.1, 1 / 3, 7.7])
def test_parameters_are_those_of_the_dtype(beta: float) -> None:
    layer, x = fp.Softplus(beta), np.linspace(-500, 500, 999, dtype=np.float32)[:, np.newaxis]
    assert (np.abs(layer(x) - exact(layer, x.astype(np.float64))) <= fp.error_bound(layer, x)).all()


@pytest.mark.parametrize("kind", [fp.SELU, fp.GELU, fp.SiLU, fp.Sigmoid, fp.LayerNorm, fp.BatchNorm1d, fp.Softmax])
def test_a_subclass_has_the_bound_of_its_class(kind: type[fp.Module]) -> None:
    mine: type[fp.Module] = type("Mine", (kind,), {})
    arguments = {fp.LayerNorm: (8,), fp.BatchNorm1d: (np.zeros(8), np.ones(8))}.get(kind, ())
    rng = np.random.default_rng(0)
    layer, x = linear(rng, 8, 8, np.float32), rng.standard_normal((4, 8)).astype(np.float32)
    ours, theirs = (fp.error_bound(fp.Sequential(layer, made(*arguments), layer), x) for made in (kind, mine))
    assert np.array_equal(ours, theirs)
    assert fp.SELU().largest_slope > 1.75


@pytest.mark.parametrize("digits", [0.0, 0.8, 0.96])
def test_rows_far_from_zero(digits: float, dtype: Float) -> None:
    """The bound grows with the distance from zero in units of u^2, not of u."""
    far = np.round(float(np.finfo(dtype).eps) ** -digits) if digits else 0.0
    x = (far + np.array([[0.0, 1.0, 2.0, -1.0]])).astype(dtype)
    layer = fp.LayerNorm(4)
    assert (fp.error_bound(layer, x) < 1e-5).all()
    assert share_of_bound(layer, x) < 1


def test_rows_of_any_size() -> None:
    for scale in (1e-300, 1e-160, 1.0, 1e160, 1e300):
        x = scale * np.array([[1.0, 2.0, 4.0]])
        assert (fp.error_bound(fp.LayerNorm(3, eps=0.0), x) < 1e-13).all()


@pytest.mark.parametrize("x", [np.ones(8, complex), np.full(8, "text"), np.zeros(8, "datetime64[s]"), np.ones(())])
def test_x_is_refused_as_a_call_refuses_it(x: Array) -> None:
    layer = fp.Linear(np.ones((8, 8), np.float32))
    with pytest.raises((TypeError, ValueError)) as refused:
        layer(x)
    for bound in (fp.error_bound, agreement_bound):
        with pytest.raises(type(refused.value)) as caught:
            bound(layer, x)
        assert str(caught.value) == str(refused.value)


def test_a_bound_that_overflows_is_infinite() -> None:
    layer = fp.Linear(np.array([[3e38, 0.0]], np.float32))
    net = fp.Sequential(layer, fp.Linear(np.array([[3e38], [0.0]], np.float32)), fp.Linear(np.ones((1, 2), np.float32)))
    assert not np.isnan(fp.error_bound(net, np.array([3e38, 1.0], np.float32))).any()


@pytest.mark.parametrize(
    ("dtype", "beta", "threshold", "x"),
    [
        (np.float32, 1e-20, -5.0, -5e20),
        (np.float32, 0.01009739762643627, -5.0, -495.1771),
        (np.float64, 3.0, -16.4294540309467, -5.476484676982233),
    ],
)
def test_softplus_at_a_negative_threshold(dtype: Float, beta: float, threshold: float, x: float) -> None:
    """It is x just above, where the rounded product is just below and gives almost nothing: a jump of |x|."""
    layer, value = fp.Softplus(beta, threshold), np.array([x], dtype)
    assert Fraction(float(dtype(beta))) * Fraction(float(value[0])) > Fraction(float(dtype(threshold)))
    y = layer(value)
    assert abs(Fraction(float(y[0])) - Fraction(float(value[0]))) <= Fraction(float(fp.error_bound(layer, value)[0]))
