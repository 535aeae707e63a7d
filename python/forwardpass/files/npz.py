"""The .npz format, a zip file of .npy arrays, read and written with NumPy and the standard library.

The reader unpickles nothing. It inflates a member only after its size was found to fit its array.
"""

from __future__ import annotations

import io
import math
import tokenize
import zipfile
from collections.abc import Mapping
from functools import partial
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ..limits import FAILURES, MOST_PARTS, Budget
from .errors import ModelFileError
from .tensors import FLOATS, Contents, Tensor
from .zip import Archive

DOCUMENT = "forwardpass.npy"  # the member with the document: UTF-8 as uint8
LONGEST_HEADER = 1024
# What NumPy's parser of headers raises, or Python's parser below it, which raises MemoryError for deep nesting.
UNREADABLE = (*FAILURES, SyntaxError, tokenize.TokenError, MemoryError, Warning)
Header = tuple[tuple[int, ...], bool, np.dtype[Any], int]


def write(file: IO[bytes], document: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write the file. The same network gives the same bytes."""
    # numpy.savez may write the time into its members, and equal networks must give equal files. ZipInfo writes 1980.
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        text = np.frombuffer(document.encode(), np.uint8)
        members = {DOCUMENT: text, **{name + ".npy": array for name, array in arrays.items()}}
        for name, array in members.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, np.asarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(name), content.getbuffer())


def read(file: IO[bytes], budget: Budget) -> Contents:
    """The document and the tensors of a file, which must stay open until the tensors have been read.

    Raises
    ------
    ModelFileError
        The file is no zip file of float arrays, or takes more than the budget.
    """
    archive = Archive(file, budget, MOST_PARTS + 1)
    for name in archive.sizes:
        if not name.endswith(".npy"):
            raise ModelFileError(f"expected .npy members, got {name[:100]!r}")
    budget.count_tensors(sum(size for name, size in archive.sizes.items() if name != DOCUMENT))
    document = _document(archive, budget) if DOCUMENT in archive.sizes else None
    names = (name for name in archive.sizes if name != DOCUMENT)
    return Contents(document, {name.removesuffix(".npy"): _tensor(archive, name) for name in names})


def _header(archive: Archive, name: str) -> Header:
    """(shape, Fortran order, dtype, where the values begin). Raises ModelFileError unless the member has this size."""
    start = io.BytesIO(archive.beginning(name, LONGEST_HEADER))
    try:
        version = np.lib.format.read_magic(start)
        if version != (1, 0):
            raise ModelFileError(f"{name[:100]}: expected version 1.0 of the format, got {version}")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(start, max_header_size=LONGEST_HEADER)
    except ModelFileError:
        raise
    except UNREADABLE as error:
        raise ModelFileError(f"{name[:100]}: not a .npy array: {type(error).__name__}: {str(error)[:100]}") from None
    size = start.tell() + math.prod(shape) * dtype.itemsize
    if dtype.hasobject or min(shape, default=0) < 0 or size != archive.sizes[name]:
        raise ModelFileError(f"{name[:100]}: an array of shape {shape} and dtype {dtype} does not have its size")
    return shape, fortran, dtype, start.tell()


def _document(archive: Archive, budget: Budget) -> str:
    budget.take(archive.sizes[DOCUMENT], "the document")
    shape, _, dtype, start = _header(archive, DOCUMENT)
    if len(shape) != 1 or dtype != np.uint8:
        raise ModelFileError(f"the document: expected uint8 text, got shape {shape} and dtype {dtype}")
    try:
        return archive.read(DOCUMENT)[start:].tobytes().decode()
    except UnicodeDecodeError as error:
        raise ModelFileError(f"the document: not UTF-8: {error}") from error


def _tensor(archive: Archive, name: str) -> Tensor:
    header = _header(archive, name)
    shape, _, dtype, _ = header
    if dtype.name not in FLOATS:
        raise ModelFileError(f"{name[:100]}: expected floats, got dtype {dtype}")
    return Tensor(dtype.name, shape, partial(_array, archive, name, header))


def _array(archive: Archive, name: str, header: Header) -> NDArray[Any]:
    shape, fortran, dtype, start = header
    values = archive.read(name)[start:].view(dtype).reshape(shape, order="F" if fortran else "C")
    return np.ascontiguousarray(values, dtype.newbyteorder("="))
