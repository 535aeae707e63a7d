"""Data chosen against a particular mistake, checked against the exact model of the contract."""

import numpy as np
import pytest

from tests.support import ENTRIES, Array, Float, model, normal, reference, same_bits

pytestmark = pytest.mark.usefixtures("isa")


def check(x: Array, W: Array, b: Array | None = None) -> None:
    expected = model.linear(x, W, b)
    for name, entry in ENTRIES.items():
        assert same_bits(entry(x, W, b, None), expected), name


@pytest.mark.parametrize("depth", [2, 5, 9, 40, 128, 129, 300])
def test_absorption(depth: int, dtype: Float) -> None:
    """Ones beside 2^24 (2^53) vanish or round up, according to the order they are met in."""
    big = 2.0**24 if dtype is np.float32 else 2.0**53
    x = np.ones((3, depth), dtype)
    x[0, 0] = x[1, -1] = x[2, depth // 2] = big
    W = np.ones((9, depth), dtype)
    W[1, ::2] = -1
    W[2] = np.linspace(0.1, 2, depth)
    W[3:] = normal(1, (6, depth), dtype)
    check(x, W, np.ones(9, dtype))


@pytest.mark.parametrize("depth", [2, 5, 9, 40, 128, 129, 300])
def test_alternating_giants(depth: int, dtype: Float) -> None:
    giant = np.full((2, depth), 1e30, dtype)
    giant[:, 1::2] *= -1
    giant[1, ::5] = 1
    W = np.random.default_rng(1).normal(1, 1e-3, (9, depth)).astype(dtype)
    check(giant, W, np.ones(9, dtype))


@pytest.mark.parametrize("depth", [1, 5, 9, 40, 129])
def test_subnormals_only(depth: int, dtype: Float) -> None:
    tiny = float(np.finfo(dtype).tiny)
    x = np.random.default_rng(1).uniform(-1, 1, (2, depth)) * tiny
    W = np.random.default_rng(2).uniform(-1, 1, (9, depth))
    check(x.astype(dtype), W.astype(dtype), np.full(9, tiny / 8, dtype))
    check(x.astype(dtype), (W * tiny).astype(dtype))  # nothing left but signed zeros


# Around chains, vectors and superblocks. Above 128 there are more chains, and the last superblock may lack some.
@pytest.mark.parametrize("depth", [3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, *range(124, 133)])
def test_around_few_chains(depth: int, dtype: Float) -> None:
    check(normal(1, (2, depth), dtype), normal(2, (9, depth), dtype), normal(3, (9,), dtype))


@pytest.mark.parametrize("depth", [135, 136, 137, 143, 144, 145, *range(247, 266), 511, 512, 513])
def test_around_many_chains(depth: int, dtype: Float) -> None:
    check(normal(1, (2, depth), dtype), normal(2, (3, depth), dtype), normal(3, (3,), dtype))


@pytest.mark.parametrize("depth", [4095, 4096, 4097, 4351, 4352, 4353, 8191, 8192, 8193])
def test_around_groups(depth: int, dtype: Float) -> None:
    check(normal(1, (1, depth), dtype), normal(2, (1, depth), dtype), normal(3, (1,), dtype))


@pytest.mark.parametrize("lead", [0, 1, 6, 40, 123, 124, 300, 2050, 4100])
@pytest.mark.parametrize("outputs", [1, 5, 17, 70])
def test_the_fma_that_doubles_get_wrong(outputs: int, lead: int) -> None:
    """An FMA of floats by way of double rounds twice, and random tests do not find where."""
    a, b = float.fromhex("0x1.00001p-12"), float.fromhex("0x0.fffffp-12")
    c = float.fromhex("0x1.000002p+0")
    after = lead + (4 if lead < 124 else 8)  # the next step of the same chain
    x, W = np.zeros((3, after + 1), np.float32), np.zeros((outputs, after + 1), np.float32)
    x[:, lead], W[:, lead] = c, 1
    x[:, after], W[:, after] = a, b
    for entry in ENTRIES.values():
        assert same_bits(entry(x, W, None, None), np.full((3, outputs), c, np.float32))
    assert np.float32(np.float64(a) * b + c) == float.fromhex("0x1.000004p+0")


def test_one_rounding_for_each_step(dtype: Float) -> None:
    """A product that only an FMA keeps: (1 + u)(1 - u) - 1 is -u^2, and 0 with two roundings."""
    u = float(np.finfo(dtype).eps)
    x, W = np.zeros((1, 5), dtype), np.zeros((9, 5), dtype)
    x[0, [0, 4]], W[:, 0], W[:, 4] = (-1, 1 + u), 1, 1 - u  # in one chain
    check(x, W)
    assert reference(x, W)[0, 0] == -u * u


def test_bias_is_a_rounding_of_its_own(dtype: Float) -> None:
    """t + b is added after the sum, not the chain's start: the start would give another answer."""
    u = float(np.finfo(dtype).eps) / 2
    x, W, b = np.array([[1, u, u]], dtype), np.ones((9, 3), dtype), np.full(9, -1, dtype)
    check(x, W, b)
    assert reference(x, W, b)[0, 0] == 0
