"""Values of tensors in a file beside the model, as exporters write them for all but the smallest weights.

A model may name any file. Only a plain file in the model's own folder is opened, and never a link. Its size is compared
with what the tensors claim before anything is read.
"""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...limits import Budget, open_regular
from ..errors import ConversionError

EXTERNAL = 1
# Ends of the protocol's whole numbers, in text.
MOST_DIGITS = 19


class ExternalData:
    """Reads values of tensors beside a model.

    Parameters
    ----------
    folder : str or None
        Of the model.
    budget : Budget
        Counts what is claimed and what is read.
    """

    def __init__(self, folder: str | None, budget: Budget) -> None:
        self._folder, self._budget = folder, budget
        self._read: dict[tuple[str, int, int], memoryview] = {}
        self._bytes_of: dict[str, int] = {}

    def values(self, tensor: Any, itemsize: int, where: str) -> memoryview:
        """The bytes of a tensor whose elements have a size.

        Raises
        ------
        ConversionError
            Another place than a plain file in the same folder, or a size that is not the tensor's.
        """
        # Protobuf gives bytes for what is not UTF-8.
        entries = {str(entry.key): str(entry.value) for entry in tensor.external_data}
        name = self._name(entries.get("location", ""), where)
        size = math.prod(tensor.dims) * itemsize
        offset = _number(entries.get("offset", "0"), where)
        if _number(entries.get("length", str(size)), where) != size:
            raise ConversionError(f"{where}: its {size} bytes are said to be {entries['length'][:20]} in {name!r}")
        place = (name, offset, size)
        if place not in self._read:
            self._budget.count_tensors(size * (2 if itemsize == 2 else 1))  # halves become float32
            self._budget.take(size, where)
            self._read[place] = self._bytes(*place, where)
        return self._read[place]

    def _name(self, name: str, where: str) -> str:
        if self._folder is None:
            raise ConversionError(
                f"{where}: its values are in the file {name[:100]!r}, and a model in memory has no folder: give "
                "from_onnx the path of the model, or load it with onnx.load(path)"
            )
        if not name or name in (".", "..") or any(mark in name for mark in "/\\\0") or len(name) > 255:
            raise ConversionError(
                f"{where}: its values are in {name[:100]!r}: expected the name of a file in the model's own folder. "
                "Save the model with all in one file, external_data=False, or put both files into one folder"
            )
        return name

    def _bytes(self, name: str, offset: int, size: int, where: str) -> memoryview:
        """A part of a file; all parts together are at most as large as the file is."""
        try:
            file = open_regular(os.path.join(self._folder or "", name), ConversionError, link=False)
        except (OSError, ConversionError) as error:
            raise ConversionError(
                f"{where}: its values are in {name!r}, expected to be a plain file beside the model: {error}"
            ) from error
        with file:
            there = os.fstat(file.fileno()).st_size
            if offset + size > there:
                raise ConversionError(f"{where}: its {size} bytes from {offset} on are outside of {name!r}, of {there}")
            self._bytes_of[name] = self._bytes_of.get(name, 0) + size
            if self._bytes_of[name] > there:
                raise ConversionError(f"{where}: tensors overlap in {name!r}")
            values: NDArray[np.uint8] = np.empty(size, np.uint8)
            file.seek(offset)
            if file.readinto(values.data) != size:  # type: ignore[attr-defined]  # a buffered file has it
                raise ConversionError(f"{where}: {name!r} was cut short while it was read")
        return values.data


def _number(text: str, where: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > MOST_DIGITS:
        raise ConversionError(f"{where}: expected an offset and a length in its file, got {text[:20]!r}")
    return int(text)
