"""The readers of both formats return these: named tensors, whose shapes are known before their values are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

FLOATS = ("float16", "float32", "float64", "bfloat16")


@dataclass(frozen=True, slots=True)
class Tensor:
    """An array in a file."""

    dtype: str  # one of FLOATS
    shape: tuple[int, ...]
    # Returns the array once, in C order, and keeps nothing of it. bfloat16 comes as its bits, in uint16.
    read: Callable[[], NDArray[Any]]

    def values(self, dtype: DTypeLike | None = None) -> NDArray[np.floating[Any]]:
        """The array as native floats. Without a dtype, float16 and bfloat16 become float32, which is exact."""
        array = self.read()
        if self.dtype == "bfloat16":
            bits = array.astype(np.uint32)
            bits <<= 16
            array = bits.view(np.float32)
        return array.astype(self.native if dtype is None else dtype, copy=False)

    @property
    def native(self) -> str:
        """The dtype of a network that has these values."""
        return "float64" if self.dtype == "float64" else "float32"


@dataclass(frozen=True)
class Values:
    """The arrays of a file. Each is read when its layer is made and then dropped, so memory holds one at a time."""

    tensors: Mapping[str, Tensor]
    dtype: str | None = None
    use: Callable[[NDArray[Any]], None] = lambda array: None

    def __getitem__(self, name: str, /) -> NDArray[np.floating[Any]]:
        array = self.tensors[name].values(self.dtype)
        self.use(array)
        return array


@dataclass(frozen=True)
class Contents:
    """What a file holds: its tensors in their order, and the document if save() wrote one."""

    document: str | None
    tensors: dict[str, Tensor]
