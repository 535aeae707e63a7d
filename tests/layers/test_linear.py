"""A Linear owns a copy of its parameters; which dtypes it takes, and how it is initialised."""

from typing import Any

import numpy as np
import pytest

import forwardpass as fp
from tests.support import Array, Float, normal, same_bits

pytestmark = pytest.mark.usefixtures("isa")

# The depths end inside of a superblock, at its end, and behind it.
SHAPES = [
    (1, 1),
    (3, 5),
    (64, 64),
    (65, 7),
    (130, 33),
    (5, 0),
    (0, 5),
    (70, 127),
    (70, 129),
    (70, 256),
    (70, 300),
    (70, 4097),
]


@pytest.mark.parametrize(("outputs", "inputs"), SHAPES)
def test_parameters_come_back(outputs: int, inputs: int, dtype: Float) -> None:
    W, b = normal(1, (outputs, inputs), dtype), normal(2, (outputs,), dtype)
    for weight in (W, np.asfortranarray(W), np.repeat(W, 2, axis=0)[::2]):
        layer = fp.Linear(weight, b)
        assert same_bits(layer.weight, W)
        assert same_bits(layer.bias, b)
        assert layer.weight.flags.c_contiguous
    assert (layer.in_features, layer.out_features, layer.has_bias) == (inputs, outputs, True)
    bare = fp.Linear(W)
    assert bare.bias is None
    assert not bare.has_bias


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("most", [0, 1, 700, 5000, 1 << 20])
@pytest.mark.parametrize(("outputs", "inputs"), [(1, 3), (70, 300), (131, 7), (258, 1), (5, 0), (64, 129)])
def test_parts_are_the_whole(outputs: int, inputs: int, most: int, dtype: Float) -> None:
    weight, bias = normal(1, (outputs, inputs), dtype), normal(2, (outputs,), dtype)
    layer, at = fp.Linear(weight, bias), 0
    while at < outputs:
        rows, own = layer._part_of_weight(at, most)
        assert same_bits(rows, weight[at : at + len(rows)])
        assert same_bits(own, bias[at : at + len(rows)])
        assert 0 < len(rows) <= max(64, most / max(inputs, 1))
        at += len(rows)
    assert at == outputs
    assert len(fp.Linear(weight)._part_of_weight(0, most)) == 1, "no bias"
    for wrong in (-1, 1, outputs + 64):
        with pytest.raises(ValueError, match="begin: expected where another part ended"):
            layer._part_of_weight(wrong, most)
    with pytest.raises(TypeError, match="expected one Linear"):
        fp.ReLU()._part_of_weight(0, most)


def test_changing_the_arrays_afterwards_has_no_effect(dtype: Float) -> None:
    W, b, x = normal(1, (9, 7), dtype), normal(2, (9,), dtype), normal(3, (4, 7), dtype)
    layer = fp.Linear(W, b)
    y = layer(x)
    W[...] = np.nan
    b[...] = np.nan
    assert same_bits(layer(x), y)
    for parameter in layer.state_dict().values():
        parameter[...] = np.nan
    for parameter in (layer.weight, layer.bias):
        with pytest.raises(ValueError, match="read-only"):
            parameter[...] = np.nan
    assert same_bits(layer(x), y)


def test_results_are_new_arrays(dtype: Float) -> None:
    layer = fp.Linear(normal(1, (9, 7), dtype))
    x = normal(3, (4, 7), dtype)
    first = layer(x)
    kept = first.copy()
    layer(x * 2)
    assert same_bits(first, kept)
    assert first.flags.owndata
    assert first.flags.writeable
    assert first.flags.c_contiguous
    assert not np.shares_memory(fp.ReLU()(x), x)


def test_attributes_are_read_only() -> None:
    layer: Any = fp.Linear(np.ones((2, 3)))
    for name in ("weight", "bias", "in_features", "out_features", "dtype", "nbytes"):
        with pytest.raises(AttributeError):
            setattr(layer, name, np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("given", "becomes"),
    [
        (np.ones((2, 2), np.float32), np.float32),
        (np.ones((2, 2), np.float16), np.float32),
        (np.ones((2, 2), ">f4"), np.float32),
        (np.ones((2, 2), np.float64), np.float64),
        (np.ones((2, 2), np.int8), np.float64),
        (np.ones((2, 2), np.uint64), np.float64),
        (np.ones((2, 2), bool), np.float64),
        ([[1, 1], [1, 1]], np.float64),
        ([[1.0, 1.0], [1.0, 1.0]], np.float64),
        ([np.ones(2, np.float32)] * 2, np.float32),
    ],
)
def test_dtype_of_the_weight(given: Any, becomes: Float) -> None:
    layer = fp.Linear(given, [0, 1])
    assert layer.dtype == layer.weight.dtype == becomes
    assert layer.bias is not None
    assert layer.bias.dtype == becomes
    assert layer([1, 1]).dtype == becomes
    assert np.array_equal(layer([1, 1]), [2, 3])


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(np.ones((2, 2), np.longdouble), id="longdouble"),
        pytest.param(np.ones((2, 2), complex), id="complex"),
        pytest.param(np.full((2, 2), "1"), id="str"),
        pytest.param(np.ones((2, 2), object), id="object"),
        pytest.param(np.full((2, 2), np.datetime64("2020-01-01")), id="datetime"),
        pytest.param([[1, None], [2, 3]], id="None"),
    ],
)
def test_dtypes_no_weight_can_have(given: Any) -> None:
    if given is not None and np.asarray(given).dtype == np.float64:
        pytest.skip("long double is double here")
    with pytest.raises(TypeError, match=r"weight: expected float32, float64.* got dtype "):
        fp.Linear(given)


def uniform_bound(values: Array) -> float:
    return float(np.abs(values).max())


@pytest.mark.parametrize("inputs", [1, 64, 1000])
def test_random_is_torch_s_initialisation(inputs: int, dtype: Float) -> None:
    """Uniform in +-1 / sqrt(in_features): its mean is 0 and its variance a third of the bound's square."""
    layer = fp.Linear.random(inputs, 4000 // min(inputs, 40), dtype=dtype, rng=7)
    bound = inputs**-0.5
    assert layer.dtype == dtype
    assert layer.bias is not None
    for values in (layer.weight, layer.bias):
        assert uniform_bound(values) <= bound * (1 + 1e-6)
        assert uniform_bound(values) > 0.9 * bound
        deviation = bound / np.sqrt(3)
        # Five standard errors of the mean, and of the variance (whose own variance is 4/45 bound^4).
        assert abs(values.mean()) < 5 * deviation / np.sqrt(values.size)
        assert abs(values.var() - deviation**2) < 5 * np.sqrt(4 / 45) * bound**2 / np.sqrt(values.size)


def test_random_is_reproducible() -> None:
    first, again = fp.Linear.random(5, 7, rng=3), fp.Linear.random(5, 7, rng=3)
    assert same_bits(first.weight, again.weight)
    assert same_bits(first.bias, again.bias)
    assert not same_bits(first.weight, fp.Linear.random(5, 7, rng=4).weight)
    generator = np.random.default_rng(3)
    assert same_bits(fp.Linear.random(5, 7, rng=generator).weight, first.weight)
    assert not same_bits(fp.Linear.random(5, 7, rng=generator).weight, first.weight)  # the generator moved on
    assert not same_bits(fp.Linear.random(5, 7).weight, fp.Linear.random(5, 7).weight)
    assert fp.Linear.random(5, 7, bias=False).bias is None
    assert fp.Linear.random(0, 3).weight.shape == (3, 0)


@pytest.mark.parametrize("dtype", [int, bool, "float16", complex, object])
def test_random_of_other_dtypes(dtype: Any) -> None:
    """Which would round every weight to 0, or to something else than was asked for."""
    with pytest.raises(TypeError, match="dtype: expected float32 or float64, got"):
        fp.Linear.random(4, 3, dtype=dtype)
