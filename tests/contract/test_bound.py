"""Every output lies within the error bound of blocked summation, for any kind of data.

Higham, Accuracy and Stability of Numerical Algorithms, chapters 3 and 4: c is the longest way of
additions that a product takes through its chain, its superblock, its group and the total.
"""

from collections.abc import Callable
from fractions import Fraction
from functools import cache

import numpy as np
import pytest

import forwardpass as fp
from forwardpass.error_bound import older_bound
from forwardpass.nn.arithmetic import longest_way
from tests.support import Array, Float

pytestmark = pytest.mark.usefixtures("isa")

ROWS, OUTPUTS = 2, 5
DEPTHS = [1, 2, 5, 9, 31, 64, 128, 129, 257, 784, 4097, 4353]
Draw = Callable[[np.random.Generator, tuple[int, int], Float], Array]


def normal(rng: np.random.Generator, shape: tuple[int, int], dtype: Float) -> Array:
    return rng.standard_normal(shape).astype(dtype)


def positive(rng: np.random.Generator, shape: tuple[int, int], dtype: Float) -> Array:
    return rng.uniform(0, 1, shape).astype(dtype)


def cancelling(rng: np.random.Generator, shape: tuple[int, int], dtype: Float) -> Array:
    """x against weights that repeat: each product meets its negative, but for a tiny part."""
    values = rng.standard_normal(shape)
    values[:, 1::2] = -values[:, : 2 * (shape[1] // 2) : 2] * (1 + 1e-6 * rng.standard_normal((1, shape[1] // 2)))
    return values.astype(dtype)


def wide(rng: np.random.Generator, shape: tuple[int, int], dtype: Float) -> Array:
    reach = 55 if dtype is np.float32 else 500
    return np.ldexp(rng.uniform(-1, 1, shape), rng.integers(-reach, reach, shape)).astype(dtype)


def subnormal(rng: np.random.Generator, shape: tuple[int, int], dtype: Float) -> Array:
    """Products of two fall below the smallest number, those with the ordinary column do not."""
    values = rng.uniform(-1, 1, shape) * float(np.finfo(dtype).tiny)
    values[:, ::3] = rng.standard_normal(values[:, ::3].shape)
    return values.astype(dtype)


def scaled(values: Array) -> list[int]:
    """The values times 2^1074, which makes whole numbers of all of them."""
    pairs = (value.as_integer_ratio() for value in values.tolist())
    return [numerator << (1074 - (denominator.bit_length() - 1)) for numerator, denominator in pairs]


@cache
def longest(depth: int) -> int:
    """The c of the bound: for each product the roundings on its way, as the order of the sum deals it out."""
    ways = [0] * depth
    chains = 4 if depth <= 128 else 8
    superblocks = [range(at, min(at + 32 * chains, depth)) for at in range(0, depth, 32 * chains)]
    for superblock in superblocks:
        dealt = [superblock[r::chains] for r in range(min(chains, len(superblock)))]
        for r, chain in enumerate(dealt):
            # The i-th product meets the FMAs from its own on, then the additions of chains from its own on.
            for i, k in enumerate(chain):
                ways[k] += len(chain) - i + additions(r, len(dealt))
    groups = [superblocks[at : at + 16] for at in range(0, len(superblocks), 16)]
    for g, group in enumerate(groups):
        for s, superblock in enumerate(group):
            for k in superblock:
                ways[k] += additions(s, len(group)) + additions(g, len(groups))
    return max(ways, default=0)


def additions(place: int, count: int) -> int:
    """Those that one of several terms goes through, which are added from left to right."""
    return count - max(place, 1)


def allowed(depth: int, magnitude: Fraction, bias: Fraction, dtype: Float) -> Fraction:
    """The bound for K = depth, sum |x||w| = magnitude and a bias, where nothing overflows."""
    u = Fraction(1, 2**24 if dtype is np.float32 else 2**53)
    underflow = Fraction(1, 2**150 if dtype is np.float32 else 2**1075)
    n = longest(depth) + 1
    gamma = n * u / (1 - n * u)
    return gamma * magnitude + u * abs(bias) * (1 + u) + depth * underflow


@cache
def case(draw: Draw, depth: int, single: bool) -> tuple[Array, Array, Array, list[list[tuple[Fraction, Fraction]]]]:
    """x, W, b, and for each output the exact sum with its bound; cached, as each instruction set asks for it."""
    dtype: Float = np.float32 if single else np.float64
    rng = np.random.default_rng(depth)
    x, W = draw(rng, (ROWS, depth), dtype), draw(rng, (OUTPUTS, depth), dtype)
    if draw is cancelling:
        W[:, 1::2] = W[:, : 2 * (depth // 2) : 2]
    b = draw(rng, (1, OUTPUTS), dtype)[0]
    weights = [scaled(w) for w in W]
    expected: list[list[tuple[Fraction, Fraction]]] = []
    for row in x:
        values = scaled(row)
        expected.append([])
        for w, bias in zip(weights, b.tolist(), strict=True):
            products = [p * q for p, q in zip(values, w, strict=True)]
            exact = Fraction(sum(products), 2**2148) + Fraction(bias)
            magnitude = Fraction(sum(map(abs, products)), 2**2148)
            expected[-1].append((exact, allowed(depth, magnitude, Fraction(bias), dtype)))
    return x, W, b, expected


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("draw", [normal, positive, cancelling, wide, subnormal])
def test_error_is_within_the_bound(draw: Draw, depth: int, dtype: Float) -> None:
    x, W, b, expected = case(draw, depth, dtype is np.float32)
    net = fp.Linear(W, b)
    y, rectified = net(x), fp.Sequential(net, fp.ReLU())(x)
    assert np.isfinite(y).all()
    for i in range(ROWS):
        for j in range(OUTPUTS):
            exact, bound = expected[i][j]
            assert abs(Fraction(float(y[i, j])) - exact) <= bound
            # ReLU brings no two numbers further apart, so the bound survives it.
            assert abs(Fraction(float(rectified[i, j])) - max(exact, Fraction(0))) <= bound


@pytest.mark.parametrize(("depth", "c"), [(64, 19), (784, 42), (1024, 42), (4096, 54), (65536, 69)])
def test_the_longest_ways_are_the_published_ones(depth: int, c: int) -> None:
    assert longest_way(depth) == longest(depth) == c
    u = Fraction(1, 2**24)
    gamma = (c + 1) * u / (1 - (c + 1) * u)
    assert allowed(depth, Fraction(1), Fraction(0), np.float32) == gamma + depth * Fraction(1, 2**150)


def test_the_longest_way_of_every_depth() -> None:
    for depth in [*range(600), *range(3800, 4400, 37), *range(4094, 4099), 8191, 8192, 8193, 12289]:
        assert longest_way(depth) == longest(depth), depth


@pytest.mark.parametrize(("depth", "c"), [(0, 0), (1, 1), (9, 9), (64, 19), (784, 56), (4096, 96), (65536, 126)])
def test_the_longest_ways_of_older_files(depth: int, c: int) -> None:
    assert longest_way(depth, "fma-v1") == c >= longest_way(depth)


def test_the_bound_of_older_files() -> None:
    """It has their own longest way in place of ours."""
    layer, x = fp.Linear(np.ones((3, 4096), np.float32)), np.ones(4096, np.float32)
    ratio = older_bound(layer, x, "fma-v1") / fp.error_bound(layer, x)
    assert np.allclose(ratio, 97 / 55, rtol=1e-4)
    assert np.array_equal(older_bound(layer, x, "fma-v2"), fp.error_bound(layer, x))
