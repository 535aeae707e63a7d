"""The .safetensors format, by its own library (``pip install safetensors``)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from .errors import ModelFileError
from .tensors import MOST_TENSORS, Contents, Tensor

DOCUMENT = "forwardpass"  # key of the metadata
LONGEST_HEADER = 16 << 20  # the names of 20,000 tensors, and a document with its quotes escaped
DTYPES = {"F16": ("float16", "<f2"), "F32": ("float32", "<f4"), "F64": ("float64", "<f8"), "BF16": ("bfloat16", "<u2")}


def _library() -> Any:
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(".safetensors files need the library of that name: pip install safetensors") from error
    return safetensors


def write(file: IO[bytes], document: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    """The file's bytes."""
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    file.write(_library().numpy.save(contiguous, metadata={DOCUMENT: document}))


def read(file: IO[bytes]) -> Contents:
    """What is in it.

    Raises
    ------
    ImportError
        The library is not installed.
    ModelFileError
        Not of the format, or tensors of other dtypes than floats.
    """
    library = _library()
    start = file.read(8)
    length = int.from_bytes(start, "little")
    if length > LONGEST_HEADER:
        raise ModelFileError(
            f"not a safetensors file: expected a header of at most {LONGEST_HEADER} bytes, got {length}"
        )
    file.seek(0)
    content = file.read()
    try:
        entries = library.deserialize(content)  # a copy
        # It has checked the header, and gives everything in it but the metadata.
        header = json.loads(content[8 : 8 + length], object_pairs_hook=_once)
        document = header.get("__metadata__", {}).get(DOCUMENT)
    except MemoryError:
        raise
    except Exception as error:
        raise ModelFileError(f"not a safetensors file: {str(error)[:200]}") from error
    if len(entries) > MOST_TENSORS:
        raise ModelFileError(f"expected at most {MOST_TENSORS} tensors, got {len(entries)}")
    tensors = {}
    for name, entry in entries:
        if entry["dtype"] not in DTYPES:
            raise ModelFileError(f"{name[:100]}: expected floats, got dtype {entry['dtype']}")
        dtype, code = DTYPES[entry["dtype"]]
        shape, data = tuple(entry["shape"]), entry["data"]
        tensors[name] = Tensor(dtype, shape, partial(_array, data, code, shape))
    return Contents(document, tensors)


def _array(data: bytes, code: str, shape: tuple[int, ...]) -> NDArray[Any]:
    return np.frombuffer(data, code).reshape(shape)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object none of whose keys stands there twice."""
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ModelFileError("a key stands there twice")
    return made
