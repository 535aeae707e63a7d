"""The reference kernel is fma-v2: it equals exact arithmetic rounded once for each operation."""

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from tests.support import Array, Float, model, normal, reference, same_bits

Draw = Callable[[int, tuple[int, ...], Float], Array]


def wide(seed: int, shape: tuple[int, ...], dtype: Float) -> Array:
    """Numbers of very different sizes, so that most FMAs round in an uncommon place."""
    rng = np.random.default_rng(seed)
    exponents = rng.integers(-70, 60, shape) if dtype is np.float32 else rng.integers(-530, 500, shape)
    return np.ldexp(rng.uniform(-1, 1, shape), exponents).astype(dtype)


# Around chains and superblocks, and a last superblock that is shorter than it has chains.
DEPTHS = [*range(11), 31, 32, 33, 64, 97, *range(127, 131), *range(255, 264), 500, *range(511, 514)]
# Around 16 superblocks, which are a group; and of several groups.
DEEP = [3839, 3840, 3841, 4095, 4096, 4097, 4103, 4352, 4353, 8191, 8192, 8193, 9000]


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("values", [normal, wide])
def test_reference_equals_the_exact_model(values: Draw, depth: int, dtype: Float) -> None:
    x, W, b = (values(depth + i, s, dtype) for i, s in enumerate([(2, depth), (4, depth), (4,)]))
    assert same_bits(reference(x, W), model.linear(x, W))
    assert same_bits(reference(x, W, b, "relu"), model.linear(x, W, b, "relu"))


@pytest.mark.parametrize("depth", DEEP)
def test_groups(depth: int, dtype: Float) -> None:
    x, W = normal(1, (1, depth), dtype), normal(2, (1, depth), dtype)
    assert same_bits(reference(x, W), model.linear(x, W))


def test_the_order_in_small_sums(dtype: Float) -> None:
    """Ones beside a number that absorbs one of them, but not their sum: written out, no model asked."""
    big = 2.0**24 if dtype is np.float32 else 2.0**53

    def total(depth: int, *at: int) -> float:
        x = np.zeros((1, depth), dtype)
        x[0, at[0]], x[0, at[1:]] = big, 1
        return float(reference(x, np.ones_like(x))[0, 0]) - big

    # The next of the same chain is absorbed; two of another chain come together first.
    assert (total(128, 0, 4, 8), total(128, 0, 1, 5), total(128, 0, 1, 2)) == (0, 2, 0)
    assert (total(129, 0, 8, 16), total(129, 0, 4, 12), total(129, 0, 1, 2)) == (0, 2, 0)
    # Chains are added before superblocks, and superblocks of a group before groups.
    assert (total(512, 0, 256, 257), total(512, 0, 256, 300), total(512, 0, 1, 256)) == (2, 2, 0)
    assert (total(8192, 0, 3840, 3841), total(8192, 0, 256, 512)) == (2, 0)
    assert (total(8192, 0, 4096, 8191), total(8192, 0, 256, 8191), total(8192, 0, 3840, 4096)) == (2, 0, 0)


@pytest.mark.parametrize("depth", [1, 3, 4, 5, 128, 129, 130, 257, 4097, 4353])
def test_signed_zeros(depth: int, dtype: Float) -> None:
    """A chain starts from +0 and stays there, but for a product that underflows to -0.0."""
    tiny = np.finfo(dtype).smallest_subnormal
    x = np.full((4, depth), -0.0, dtype)
    x[1], x[2, 0], x[3, -1] = -tiny, -tiny, -tiny
    W = np.array([[1], [-0.0], [tiny]], dtype).repeat(depth, axis=1)
    b = np.full(3, -0.0, dtype)
    assert same_bits(reference(x, W), model.linear(x, W))
    assert same_bits(reference(x, W, b), model.linear(x, W, b))
    assert same_bits(reference(x, W, b, "relu"), model.linear(x, W, b, "relu"))
    assert same_bits(reference(x, W)[1, 2], np.array(-0.0, dtype))  # of every chain, superblock and group


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
