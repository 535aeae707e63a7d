"""Ways to hold the values of an array: memory layouts, and objects that are no ndarray."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.support import Array


class HasArray:
    """Anything that NumPy can make an array of."""

    def __init__(self, array: Array) -> None:
        self._array = array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self._array if dtype is None else self._array.astype(dtype)


class Tensor:
    """A tensor of another library: DLPack and nothing else."""

    def __init__(self, array: Array) -> None:
        self._array = array

    def __dlpack__(self, **options: Any) -> Any:
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._array.__dlpack_device__()


def strided(a: Array) -> Array:
    return np.repeat(np.repeat(a, 2, axis=0), 3, axis=-1)[::2, ::3] if a.ndim == 2 else np.repeat(a, 3)[::3]


def spaced(a: Array) -> Array:
    """Elements of a row adjacent, rows apart."""
    return np.concatenate([a, np.full_like(a, np.nan)], axis=-1)[..., : a.shape[-1]]


def reversed_memory(a: Array) -> Array:
    return np.flip(np.ascontiguousarray(np.flip(a)))


def rows_reversed(a: Array) -> Array:
    return np.ascontiguousarray(a[::-1])[::-1]


def byte_swapped(a: Array) -> Array:
    return a.astype(a.dtype.newbyteorder())


def misaligned(a: Array) -> Array:
    shifted = np.empty(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)
    shifted[...] = a
    assert a.size == 0 or not shifted.flags.aligned
    return shifted


def read_only(a: Array) -> Array:
    copied = a.copy()
    copied.flags.writeable = False
    return copied


def in_a_record(a: Array) -> Array:
    """A field of a packed structure: strides that are no whole elements."""
    records = np.zeros(a.shape, [("pad", "u1"), ("value", a.dtype)])
    records["value"] = a
    return records["value"]


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "strided": strided,
    "spaced": spaced,
    "reversed": reversed_memory,
    "rows reversed": rows_reversed,
    "swapped": byte_swapped,
    "misaligned": misaligned,
    "read-only": read_only,
    "record": in_a_record,
}
KINDS: dict[str, Callable[[Any], Any]] = {
    "__array__": HasArray,
    "DLPack": Tensor,
    "memoryview": memoryview,
}
