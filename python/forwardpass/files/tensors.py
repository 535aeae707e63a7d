"""What both formats give: named tensors whose shapes are known before their values are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Of a document: 10,000 layers and 4096 answers take 1 MB. JSON becomes up to 25 times as large in Python.
LARGEST_DOCUMENT = 2 << 20
MOST_TENSORS = 20_000
FLOATS = ("float16", "float32", "float64", "bfloat16")


@dataclass(frozen=True)
class Tensor:
    """An array in a file."""

    dtype: str  # one of FLOATS
    shape: tuple[int, ...]
    read: Callable[[], NDArray[Any]]  # bfloat16 as its bits, uint16

    def values(self) -> NDArray[np.floating[Any]]:
        """Native floats; float16 and bfloat16 become float32, which holds them exactly."""
        array = self.read()
        if self.dtype == "bfloat16":
            return (array.astype(np.uint32) << 16).view(np.float32)
        return array.astype("float32" if self.dtype == "float16" else self.dtype, copy=False)


@dataclass(frozen=True)
class Contents:
    """Of a file: the tensors in its order, and the document that save() put beside them, if any."""

    document: str | None
    tensors: dict[str, Tensor]
