"""The reference kernel is fma-v1: it equals exact arithmetic rounded once for each operation."""

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from tests import model
from tests.support import Array, Float, normal, reference, same_bits

Draw = Callable[[int, tuple[int, ...], Float], Array]


def wide(seed: int, shape: tuple[int, ...], dtype: Float) -> Array:
    """Numbers of very different sizes, so that most FMAs round in an uncommon place."""
    rng = np.random.default_rng(seed)
    exponents = rng.integers(-70, 60, shape) if dtype is np.float32 else rng.integers(-530, 500, shape)
    return np.ldexp(rng.uniform(-1, 1, shape), exponents).astype(dtype)


@pytest.mark.parametrize("depth", [0, 1, 2, 7, 8, 9, 31, 32, 33, 64, 65, 95, 96, 97, 129, 500])
@pytest.mark.parametrize("values", [normal, wide])
def test_reference_equals_the_exact_model(values: Draw, depth: int, dtype: Float) -> None:
    x, W, b = (values(depth + i, s, dtype) for i, s in enumerate([(2, depth), (4, depth), (4,)]))
    assert same_bits(reference(x, W), model.linear(x, W))
    assert same_bits(reference(x, W, b, "relu"), model.linear(x, W, b, "relu"))


@pytest.mark.parametrize("depth", [2047, 2048, 2049, 4096, 4100])
def test_superblocks(depth: int, dtype: Float) -> None:
    x, W = normal(1, (1, depth), dtype), normal(2, (1, depth), dtype)
    assert same_bits(reference(x, W), model.linear(x, W))


def test_specials(dtype: Float) -> None:
    info = np.finfo(dtype)
    tiny = info.smallest_subnormal
    values = [np.nan, np.inf, -np.inf, 0.0, -0.0, tiny, -tiny, info.max, -info.max, info.tiny, 1.5, -1.0]
    x = np.array([[a, b] for a in values for b in values], dtype)
    W = np.array([[1, 1], [-1, 1], [tiny, -0.0], [2, 2], [np.inf, 0], [info.max, -info.max], [0.5, -0.5]], dtype)
    b = np.array([-0.0, 0.0, tiny, -tiny, np.inf, -1.0, -0.0], dtype)
    assert same_bits(reference(x, W), model.linear(x, W))
    assert same_bits(reference(x, W, b), model.linear(x, W, b))
    assert same_bits(reference(x, W, b, "relu"), model.linear(x, W, b, "relu"))


def test_the_model_rounds_as_numpy_does(dtype: Float) -> None:
    fmt = model.FORMATS[np.dtype(dtype)]
    a, b = wide(1, (2000,), dtype), wide(2, (2000,), dtype)
    products = [fmt.round(Fraction(float(p)) * Fraction(float(q))) for p, q in zip(a, b, strict=True)]
    with np.errstate(under="ignore"):
        assert same_bits(np.array(products, dtype), a * b)
    sums = [fmt.add(float(p), float(q)) for p, q in zip(a, b, strict=True)]
    assert same_bits(np.array(sums, dtype), a + b)


def test_ties_go_to_even_and_halves_of_the_smallest_vanish() -> None:
    fmt = model.FORMATS[np.dtype(np.float32)]
    ulp = Fraction(1, 2**23)
    assert fmt.round(1 + ulp / 2) == 1
    assert fmt.round(1 + ulp * 3 / 2) == 1 + 2 * ulp
    assert fmt.round(1 + ulp / 2 + Fraction(1, 2**80)) == 1 + ulp
    assert math.copysign(1, fmt.round(Fraction(-1, 2**150))) == -1
    assert fmt.round(Fraction(-1, 2**150)) == 0
    assert fmt.round(Fraction(3, 2**151)) == 2.0**-149
    assert fmt.round(Fraction(2) ** 128 - Fraction(2) ** 103) == math.inf
    assert fmt.round(Fraction(2) ** 128 - Fraction(2) ** 103 - 1) == float(np.finfo(np.float32).max)
