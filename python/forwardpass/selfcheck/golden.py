"""The golden file: hashes of 5,000 layers' answers, which the reference kernel computed (tests/cpp/golden.cpp)."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import nn

Hashes = NDArray[np.uint64]
Float = type[np.float32] | type[np.float64]
CASES = 5000
# In the order of tests/cpp/golden.cpp.
ACTIVATIONS: list[nn.Module] = [
    nn.Identity(), nn.ReLU(), nn.LeakyReLU(), nn.ELU(), nn.SELU(), nn.GELU(), nn.GELU("tanh"), nn.SiLU(), nn.Tanh(),
    nn.Sigmoid(), nn.Softplus(), nn.Hardtanh(), nn.Identity(), nn.Identity(), nn.ReLU(), nn.ReLU(),
]  # fmt: skip


def golden() -> Hashes:
    """The golden file's hash of each case."""
    return np.frombuffer(files("forwardpass").joinpath("data/golden-fma-v2.bin").read_bytes(), "<u8")


def draws(number: int, first: int, count: int) -> Hashes:
    """Random integers of a case from number ``first`` on: the finaliser of splitmix64 (Steele, Lea, Flood, 2014)."""
    z = (np.arange(first, first + count, dtype=np.uint64) | np.uint64(number << 32)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def numbers(number: int, kind: int, first: int, count: int, dtype: Float) -> NDArray[Any]:
    """Numbers for a case. ``kind``: 0 real, 1 whole, 2 of wide exponents, 3 with NaN, infinities and extremes."""
    pairs = draws(number, first, 2 * count)
    a, b = pairs[::2], pairs[1::2]
    real = a.astype(np.int64).astype(np.float64) * 2.0**-63
    if kind == 1:
        return ((a % 17).astype(np.int64) - 8).astype(dtype)
    if kind == 2:
        return np.ldexp(real, (b % 41).astype(np.int64) - 20).astype(dtype)
    values = real.astype(dtype)
    if kind == 3:
        info = np.finfo(dtype)
        specials = np.array([np.nan, np.inf, -np.inf, -0.0, info.max, -info.max, info.smallest_subnormal], dtype)
        values = np.where(b % 16 == 0, specials[((b >> np.uint64(8)) % 7).astype(np.int64)], values)
    return values


def layer_and_input(number: int) -> tuple[nn.Module, NDArray[Any]]:
    """The Linear with activation, and the rows of x, of a case."""
    d = [int(value) for value in draws(number, 0, 9)]
    dtype: Float = np.float32 if d[0] % 2 == 0 else np.float64
    rows, outputs = 1 + d[1] % 12, 1 if d[5] % 8 == 0 else 1 + d[4] % 100
    chosen = d[2] % 8
    depth = {0: d[3] % 4, 6: 1 + d[3] % 700, 7: 4056 + d[3] % 80}.get(chosen, 1 + d[3] % 130)
    x_count, w_count = rows * depth, outputs * depth
    values = numbers(number, d[8] % 4, 16, x_count + w_count + outputs, dtype)
    x, w, b = np.split(values, [x_count, x_count + w_count])
    linear = nn.Linear(w.reshape(outputs, depth), b if d[6] % 2 else None)
    return nn.Sequential(linear, ACTIVATIONS[d[7] % 16]), x.reshape(rows, depth)


def hash_of(y: NDArray[Any]) -> int:
    """The hash of an answer: the sum of bits * P^i modulo 2^64, with the same bits for every NaN."""
    values = np.where(np.isnan(y), np.array(np.nan, y.dtype), y).reshape(-1)
    bits = values.view(f"u{values.itemsize}").astype(np.uint64)
    with np.errstate(over="ignore"):
        powers = np.cumprod(
            np.concatenate([[1], np.full(max(len(bits) - 1, 0), 6364136223846793005)]).astype(np.uint64)
        )
        return int((bits * powers[: len(bits)]).sum())


def wrong_cases(every: int = 1) -> tuple[int, list[int]]:
    """How many cases were tried on the current instruction set, and the numbers of those that gave other bits."""
    expected = golden()
    tried = range(0, CASES, every)
    wrong = []
    for number in tried:
        layer, x = layer_and_input(number)
        if hash_of(layer(x)) != int(expected[number]):
            wrong.append(number)
    return len(tried), wrong
