"""Whole numbers have one right answer: a wrong index or tail cannot hide in a tolerance."""

from collections.abc import Iterable

import numpy as np
import pytest

import forwardpass as fp
from tests.support import ENTRIES, Array, Entry, Float, integers

pytestmark = pytest.mark.usefixtures("isa")

THINNED = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 15, 16, 17, 23, 24, 25, 31, 32, 33, 39, 40]
# Around chains, vectors, superblocks and powers of two. 257 to 263 leave the last superblock fewer products than it has
# chains.
DEPTHS = [3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 136, 255, 256, 257, 263, 511, 512, 513]
# Around several superblocks, the 16 of a group, and groups.
DEEP = [1023, 1024, 1025, 2048, 2055, 3841, 4095, 4096, 4097, 4103, 4352, 6144, 8191, 8192, 8193]


def product(x: Array, W: Array, b: Array | None = None) -> Array:
    """NumPy's answer in integers, in x's dtype."""
    y = x.astype(np.int64) @ W.astype(np.int64).T
    whole: Array = y if b is None else y + b.astype(np.int64)
    return whole.astype(x.dtype)


def same(y: Array, expected: Array) -> bool:
    return y.shape == expected.shape and y.dtype == expected.dtype and np.array_equal(y, expected)


def check(entry: Entry, rows: int, outputs: int, depth: int, dtype: Float) -> None:
    x, W, b = integers(1, (rows, depth), dtype), integers(2, (outputs, depth), dtype), integers(3, (outputs,), dtype)
    shape = f"rows={rows} outputs={outputs} depth={depth}"
    assert same(entry(x, W, None, None), product(x, W)), shape
    expected = product(x, W, b)
    assert same(entry(x, W, b, None), expected), shape
    assert same(entry(x, W, b, "relu"), np.maximum(expected, 0)), shape


@pytest.mark.parametrize("sizes", [THINNED, pytest.param(range(1, 41), marks=pytest.mark.full)], ids=["thin", "full"])
def test_all_small_shapes(sizes: Iterable[int], dtype: Float) -> None:
    for outputs in sizes:
        for depth in sizes:
            x = integers(outputs, (40, depth), dtype)
            W, b = integers(depth, (outputs, depth), dtype), integers(7, (outputs,), dtype)
            net = fp.Sequential(fp.Linear(W, b), fp.ReLU())
            expected = product(x, W, b)
            rectified = np.maximum(expected, 0)
            for rows in sizes:
                shape = f"rows={rows} outputs={outputs} depth={depth}"
                assert same(net(x[:rows]), rectified[:rows]), shape
                assert same(fp.linear(x[:rows], W, b), expected[:rows]), shape


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
class TestEveryEntry:
    def test_tails_of_rows(self, entry: Entry, dtype: Float) -> None:
        for rows in range(1, 68):
            check(entry, rows, 3, 5, dtype)

    def test_tails_of_outputs(self, entry: Entry, dtype: Float) -> None:
        for outputs in range(1, 68):
            check(entry, 3, outputs, 5, dtype)

    def test_tails_of_depth(self, entry: Entry, dtype: Float) -> None:
        for depth in range(1, 68):
            check(entry, 3, 5, depth, dtype)

    @pytest.mark.parametrize(("rows", "outputs"), [(1, 1), (1, 19), (7, 3), (3, 67)])
    def test_edges_of_depth(self, entry: Entry, rows: int, outputs: int, dtype: Float) -> None:
        for depth in DEPTHS:
            check(entry, rows, outputs, depth, dtype)

    @pytest.mark.parametrize(("rows", "outputs"), [(1, 1), (1, 17), (7, 9)])
    def test_groups(self, entry: Entry, rows: int, outputs: int, dtype: Float) -> None:
        for depth in DEEP:
            check(entry, rows, outputs, depth, dtype)


@pytest.mark.parametrize(("rows", "outputs"), [(1, 257), (2, 128), (64, 64), (65, 129), (257, 63), (361, 1)])
def test_several_panels_and_tiles(rows: int, outputs: int, dtype: Float) -> None:
    for depth in (1, 8, 63, 130, 257):
        for entry in (ENTRIES["layer"], ENTRIES["linear"], ENTRIES["matmul"]):
            check(entry, rows, outputs, depth, dtype)


@pytest.mark.parametrize("rows", [1, 2, 29, 30, 31, 179, 180, 181, 400])
def test_networks_several_layers_deep(rows: int, dtype: Float) -> None:
    widths = [13, 70, 1, 64, 130, 3]
    x = integers(rows, (rows, widths[0]), dtype, largest=2)
    layers: list[fp.Module] = []
    expected = x
    for i in range(len(widths) - 1):
        # Rows of few ones keep the sums of five layers below 2^24.
        W = (integers(i, (widths[i + 1], widths[i]), dtype, largest=9) // 9).astype(dtype)
        b = integers(i + 50, (widths[i + 1],), dtype)
        layers += [fp.Linear(W, b), fp.ReLU()]
        expected = np.maximum(product(expected, W, b), 0)
        assert np.abs(expected).max() < 2**24
    assert same(fp.Sequential(*layers)(x), expected)


def test_float64_has_all_its_53_bits() -> None:
    x, W = integers(1, (9, 60), np.float64, 2**23), integers(2, (21, 60), np.float64, 2**23)
    for entry in ENTRIES.values():
        assert same(entry(x, W, None, None), product(x, W))
