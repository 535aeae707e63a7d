"""Shared by the test files: comparison of bits, data, and the ways into the kernels."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

import forwardpass as fp
from forwardpass import _core
from forwardpass.selfcheck.outcome import same_bits as same_bits_of_arrays

Array: TypeAlias = NDArray[Any]
Float: TypeAlias = type[np.float32] | type[np.float64]

# What a library of the order before fma-v2 saved.
FMA_V1 = Path(__file__).with_name("fma-v1.npz")

# What a call of one layer is in each form: (x, W, b or None, "relu" or None) -> y, for 2-d x.
Entry: TypeAlias = Callable[[Array, Array, Array | None, str | None], Array]


def same_bits(a: Any, b: Any) -> bool:
    """Of any array-likes: equal shape, dtype and bit patterns; NaN for NaN, whose sign and payload are not promised."""
    return same_bits_of_arrays(np.asarray(a), np.asarray(b))


def normal(seed: int, shape: tuple[int, ...], dtype: Float) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def integers(seed: int, shape: tuple[int, ...], dtype: Float, largest: int = 8) -> Array:
    """Whole numbers whose sums of products stay exact in float32 up to K = 2^18."""
    return np.random.default_rng(seed).integers(-largest, largest + 1, shape).astype(dtype)


def signalling_nan(dtype: Float) -> Array:
    """A 0-d array, as a scalar would be quietened on its way."""
    pattern = np.array(0x7F800001, np.uint32) if dtype is np.float32 else np.array(0x7FF0000000000001, np.uint64)
    return pattern.view(dtype)


def reference(x: Array, W: Array, b: Array | None = None, activation: str | None = None) -> Array:
    """The reference kernel, for any layout."""
    bias = None if b is None else np.ascontiguousarray(b)
    return _core.reference_linear(np.ascontiguousarray(x), np.ascontiguousarray(W), bias, activation)


def _unfused(y: Array, b: Array | None, activation: str | None) -> Array:
    if b is not None:
        y = fp.add_bias(y, b)
    if activation:
        y = fp.relu(y)
    return y


def by_layer(x: Array, W: Array, b: Array | None, activation: str | None) -> Array:
    y = fp.Linear(W, b)(x)
    return fp.ReLU()(y) if activation else y


def by_network(x: Array, W: Array, b: Array | None, activation: str | None) -> Array:
    layer = fp.Linear(W, b)
    return fp.Sequential(fp.Sequential(layer), fp.ReLU())(x) if activation else fp.Sequential(layer)(x)


def by_linear(x: Array, W: Array, b: Array | None, activation: str | None) -> Array:
    return fp.linear(x, W, b, activation)


def by_matmul(x: Array, W: Array, b: Array | None, activation: str | None) -> Array:
    y: Array = fp.matmul(x, W.T)
    return _unfused(y, b, activation)


def by_rows(x: Array, W: Array, b: Array | None, activation: str | None) -> Array:
    """One row at a time: the path that reads the weights where they are."""
    rows = [_unfused(fp.matvec(W, row), b, activation) for row in x]
    return np.stack(rows) if rows else fp.linear(x, W)


def by_dot(x: Array, W: Array, b: Array | None, activation: str | None) -> Array:
    y = np.array([[fp.dot(row, w) for w in W] for row in x], np.result_type(x, W))
    y = y.reshape(len(x), len(W))  # also where there are no rows or no outputs
    return _unfused(y, b, activation)


def by_columns(x: Array, W: Array, b: Array | None, activation: str | None) -> Array:
    return fp.linear(x, np.asfortranarray(W), b, activation)


ENTRIES: dict[str, Entry] = {
    "layer": by_layer,
    "network": by_network,
    "linear": by_linear,
    "columns": by_columns,
    "matmul": by_matmul,
    "rows": by_rows,
    "dot": by_dot,
}
