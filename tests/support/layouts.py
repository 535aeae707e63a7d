"""Ways to hold the values of an array: memory layouts, and objects that are no ndarray."""

from collections.abc import Callable
from typing import Any

import numpy as np

from forwardpass.selfcheck.layouts import LAYOUTS as COMMON
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


def misaligned(a: Array) -> Array:
    shifted = np.empty(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)
    shifted[...] = a
    assert a.size == 0 or not shifted.flags.aligned
    return shifted


def read_only(a: Array) -> Array:
    copied = a.copy()
    copied.flags.writeable = False
    return copied


LAYOUTS: dict[str, Callable[[Array], Array]] = {**COMMON, "misaligned": misaligned, "read-only": read_only}
KINDS: dict[str, Callable[[Any], Any]] = {
    "__array__": HasArray,
    "DLPack": Tensor,
    "memoryview": memoryview,
}
