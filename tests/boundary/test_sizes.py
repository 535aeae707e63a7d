"""Sizes that cannot be: refused at once, without the memory and without a hang."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

import forwardpass as fp
from tests.support import Array, Float


def huge(*shape: int, dtype: Float = np.float32) -> Array:
    """A view of one element as many."""
    return as_strided(np.ones(1, dtype), shape, (0,) * len(shape))


@contextmanager
def at_once() -> Iterator[None]:
    start = time.perf_counter()
    yield
    assert time.perf_counter() - start < 1


# More bytes than any address space has (2^47), though fewer than 64 bits count.
TOO_LARGE: dict[str, Callable[[], Any]] = {
    "rows of a layer": lambda: fp.Linear(np.ones((4, 2), np.float32))(huge(2**46, 2)),
    "rows of an activation": lambda: fp.ReLU()(huge(2**47)),
    "rows of a network": lambda: fp.Sequential(fp.Linear(np.ones((4, 2), np.float32)), fp.ReLU())(huge(2**46, 2)),
    "rows of linear": lambda: fp.linear(huge(2**46, 2), np.ones((4, 2), np.float32)),
    "depth of linear": lambda: fp.linear(huge(2**47), huge(2, 2**47)),
    "outputs of linear": lambda: fp.linear(np.ones(2, np.float32), huge(2**47, 2)),
    "dot": lambda: fp.dot(huge(2**47), huge(2**47)),
    "matmul": lambda: fp.matmul(huge(2**46, 2), np.ones((2, 4), np.float32)),
    "matmul of stacks": lambda: fp.matmul(huge(2**46, 2, 2), np.ones((1, 2, 4), np.float32)),
    "add_bias": lambda: fp.add_bias(huge(2**47, 1), [0.0]),
    "relu": lambda: fp.relu(huge(2**47)),
    "weight": lambda: fp.Linear(huge(2**24, 2**24)),
    "weight and bias": lambda: fp.Linear(huge(2**47, 1), huge(2**47)),
    "conversion": lambda: fp.Linear(np.ones((2, 2)))(huge(2**46, 2)),
}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_huge_views(name: str) -> None:
    with at_once(), pytest.raises((MemoryError, ValueError)):
        TOO_LARGE[name]()


def test_byte_counts_over_64_bits() -> None:
    with at_once(), pytest.raises(ValueError, match=r"too big|64 bits|maximum"):
        fp.linear(huge(2**33, 0), huge(2**33, 0))
    with at_once(), pytest.raises(ValueError, match=r"too big|64 bits|maximum"):
        fp.Linear(huge(3, 2**59))  # four outputs wide when packed
    with at_once(), pytest.raises(ValueError, match=r"too big|64 bits|maximum"):
        fp.matmul(huge(2**33, 0), huge(0, 2**33))


def test_an_error_leaves_the_layer_right() -> None:
    layer = fp.Linear(np.ones((4, 2), np.float32))
    with pytest.raises((MemoryError, ValueError)):
        layer(huge(2**46, 2))
    assert np.array_equal(layer([1, 2]), [3, 3, 3, 3])


@pytest.mark.parametrize(
    "call",
    [
        "fp.relu(x)",
        "fp.ReLU()(x)",
        "fp.add_bias(x, np.ones(0))",
        "fp.linear(x, np.ones((0, 0)))",
        "fp.Linear(np.ones((0, 0)))(x)",
        "fp.Sequential(fp.Linear(np.ones((0, 0))), fp.ReLU())(x)",
        "fp.matmul(x, np.ones((0, 0)))",
        "fp.linear(np.broadcast_to(np.ones(3), (2**44, 3)), np.ones((0, 3)))",
    ],
)
def test_many_rows_of_nothing(call: str) -> None:
    """An array of 2^44 empty rows is a small thing; a loop over its rows would never end."""
    code = f"import numpy as np, forwardpass as fp; x = np.empty((2**44, 0)); assert ({call}).shape == (2**44, 0)"
    subprocess.run([sys.executable, "-c", code], timeout=5, check=True)


def test_many_empty_stacks() -> None:
    assert fp.matmul(np.ones((0, 3, 4)), np.ones((4, 5))).shape == (0, 3, 5)
    assert fp.matmul(np.ones((0, 3, 4)), np.ones((1, 4, 5))).shape == (0, 3, 5)
