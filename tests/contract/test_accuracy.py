"""float32 errors against NumPy's own: short chains keep them where NumPy's best path has them."""

import numpy as np
import pytest

import forwardpass as fp
from tests.support import Array

ROWS = OUTPUTS = 128  # so many errors that their RMS is steady to a hundredth


def rms(y: Array, exact: Array) -> float:
    return float(np.sqrt(np.mean((y - exact) ** 2)))


def ratio_to_numpy(x: Array, W: Array) -> float:
    """Our RMS error over that of the best of NumPy's ways to compute the same."""
    exact = x.astype(np.float64) @ W.astype(np.float64).T
    numpy_paths = [
        x @ W.T,
        x @ np.asfortranarray(W.T),
        np.stack([W @ row for row in x]),
        np.stack([np.asfortranarray(W) @ row for row in x]),
    ]
    return rms(fp.linear(x, W), exact) / min(rms(y, exact) for y in numpy_paths)


@pytest.mark.parametrize("depth", [256, 512, 784, 1024, 2048, 4096])
def test_zero_mean(depth: int) -> None:
    rng = np.random.default_rng(depth)
    x, W = (rng.standard_normal((n, depth)).astype(np.float32) for n in (ROWS, OUTPUTS))
    assert ratio_to_numpy(x, W) <= 1.10


@pytest.mark.parametrize("depth", [64, 256, 784, 2048, 4096])
def test_all_positive(depth: int) -> None:
    rng = np.random.default_rng(depth)
    x, W = (rng.uniform(0, 1, (n, depth)).astype(np.float32) for n in (ROWS, OUTPUTS))
    assert ratio_to_numpy(x, W) <= 1.7
