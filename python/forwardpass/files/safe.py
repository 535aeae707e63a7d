"""The .safetensors format, read and written with its own library (``pip install safetensors``)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import partial
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ..limits import FAILURES, MOST_PARTS, Budget, json_bytes, once
from .errors import ModelFileError
from .tensors import Contents, Tensor

DOCUMENT = "forwardpass"  # key of the metadata
DTYPES = {"F16": ("float16", "<f2"), "F32": ("float32", "<f4"), "F64": ("float64", "<f8"), "BF16": ("bfloat16", "<u2")}
# The library refuses longer ones.
LONGEST_HEADER = 100_000_000


def _library() -> Any:
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(".safetensors files need the library of that name: pip install safetensors") from error
    return safetensors


def write(file: IO[bytes], document: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write the file."""
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    file.write(_library().numpy.save(contiguous, metadata={DOCUMENT: document}))


def read(file: IO[bytes], budget: Budget) -> Contents:
    """The document and the tensors of a file.

    Raises
    ------
    ImportError
        The library is not installed.
    ModelFileError
        The file has another format, has tensors that are not floats, or takes more than the budget.
    """
    library = _library()
    size = file.seek(0, os.SEEK_END)
    header = _header(file, size, budget)
    file.seek(0)
    try:
        entries = dict(library.deserialize(file.read(size)))  # copies all tensors; the bytes that were read are freed
    except (*FAILURES, library.SafetensorError) as error:
        raise ModelFileError(f"not a safetensors file: {str(error)[:200]}") from error
    if len(entries) > MOST_PARTS:
        raise ModelFileError(f"expected at most {MOST_PARTS} tensors, got {len(entries)}")
    tensors = {}
    for name, entry in entries.items():
        if entry["dtype"] not in DTYPES:
            raise ModelFileError(f"{name[:100]}: expected floats, got dtype {entry['dtype']}")
        dtype, code = DTYPES[entry["dtype"]]
        tensors[name] = Tensor(dtype, tuple(entry["shape"]), partial(_array, entries, name, code))
    # The library has checked the header, but does not return the metadata.
    return Contents(header.get("__metadata__", {}).get(DOCUMENT), tensors)


def _header(file: IO[bytes], size: int, budget: Budget) -> dict[str, Any]:
    """The header. Raises ModelFileError where a key stands twice: the library would take the last one silently."""
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    most = min(max(0, size - 8), LONGEST_HEADER)
    if length > most:
        raise ModelFileError(f"not a safetensors file: expected a header of at most {most} bytes, got {length}")
    budget.count_tensors(size - 8 - length)
    budget.take(length, "its header")
    text = file.read(length)
    budget.take(json_bytes(text), "its header")
    try:
        header = json.loads(text, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"not a safetensors file: {str(error)[:200]}") from error
    if not isinstance(header, dict) or not isinstance(header.get("__metadata__", {}), dict):
        raise ModelFileError("not a safetensors file: expected a header that is an object, of objects")
    return header


def _array(entries: dict[str, Any], name: str, code: str) -> NDArray[Any]:
    entry = entries.pop(name)
    return np.frombuffer(entry["data"], code).reshape(entry["shape"])
