"""What both formats give: named tensors whose shapes are known before their values are read."""

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
    # Gives the array once, in C order, and keeps nothing of it; bfloat16 as its bits, uint16.
    read: Callable[[], NDArray[Any]]

    def values(self, dtype: DTypeLike | None = None) -> NDArray[np.floating[Any]]:
        """Native floats; without a dtype float16 and bfloat16 become float32, which holds them exactly."""
        array = self.read()
        if self.dtype == "bfloat16":
            bits = array.astype(np.uint32)
            bits <<= 16
            array = bits.view(np.float32)
        return array.astype(self.native if dtype is None else dtype, copy=False)

    @property
    def native(self) -> str:
        """The dtype of a network with these values."""
        return "float64" if self.dtype == "float64" else "float32"


@dataclass(frozen=True)
class Values:
    """The arrays of a file. Each is read when its layer is made, and not kept: only one lies beside the packed ones."""

    tensors: Mapping[str, Tensor]
    dtype: str | None = None
    use: Callable[[NDArray[Any]], None] = lambda array: None

    def __getitem__(self, name: str, /) -> NDArray[np.floating[Any]]:
        array = self.tensors[name].values(self.dtype)
        self.use(array)
        return array


@dataclass(frozen=True)
class Contents:
    """Of a file: the tensors in its order, and the document that save() put beside them, if any."""

    document: str | None
    tensors: dict[str, Tensor]
