"""The .npz format: a zip file of .npy arrays, by NumPy and the standard library alone.

Nothing is unpickled, and no member is inflated before its size is known to fit its array.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Mapping
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from .errors import ModelFileError
from .tensors import FLOATS, LARGEST_DOCUMENT, MOST_TENSORS, Contents, Tensor

DOCUMENT = "forwardpass"  # name of the member with the document: UTF-8 as uint8
# What all members together may have beyond the file's own size: a compressed file may say more than it holds.
INFLATION = 64 << 20
LONGEST_HEADER = 1024


def write(file: IO[bytes], document: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    """The file's bytes; the same network gives the same ones."""
    # numpy.savez would stamp the time of day on its members only in later versions; ZipInfo's own default is 1980.
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        text = np.frombuffer(document.encode(), np.uint8)
        for name, array in {DOCUMENT: text, **arrays}.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, np.asarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(name + ".npy"), content.getbuffer())


def read(file: IO[bytes]) -> Contents:
    """What is in it. The file must stay open until the tensors have been read.

    Raises
    ------
    ModelFileError
        No zip file of arrays of floats.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 22))
    tail = file.read(4)
    try:
        archive = zipfile.ZipFile(file)
    except Exception as error:
        raise ModelFileError(f"not a zip file of NumPy arrays: {error}") from error
    members = archive.infolist()
    if tail != b"PK\x05\x06" or not members or min(member.header_offset for member in members) != 0:
        raise ModelFileError("expected a zip file from the first byte to the last")
    if len(members) > MOST_TENSORS + 1 or len({member.filename for member in members}) < len(members):
        raise ModelFileError(f"expected at most {MOST_TENSORS + 1} members, each name once, got {len(members)}")
    if sum(member.file_size for member in members) > size + INFLATION:
        raise ModelFileError(f"its members would take more than the file and {INFLATION >> 20} MiB")
    document, tensors = None, {}
    for member in members:
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ModelFileError(f"{member.filename[:100]}: expected no compression, or deflate")
        name, suffix = os.path.splitext(member.filename)
        if suffix != ".npy":
            raise ModelFileError(f"expected .npy members, got {member.filename[:100]!r}")
        if name == DOCUMENT:
            document = _document(archive, member)
        else:
            tensors[name] = _tensor(archive, member)
    return Contents(document, tensors)


def _header(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """(shape, Fortran order, dtype, where the values begin), whose sizes fit the member's."""
    name = member.filename[:100]
    try:
        with archive.open(member) as stream:
            start = io.BytesIO(stream.read(LONGEST_HEADER))
        version = np.lib.format.read_magic(start)
        if version != (1, 0):
            raise ModelFileError(f"{name}: expected version 1.0 of the format, got {version}")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(start, max_header_size=LONGEST_HEADER)
    except ModelFileError:
        raise
    except Exception as error:  # of zipfile, zlib, NumPy's parser of headers, or Python's (MemoryError for nesting)
        raise ModelFileError(f"{name}: not a .npy array: {type(error).__name__}: {str(error)[:100]}") from error
    count = 1
    for length in shape:
        count *= length
    if dtype.hasobject or count < 0 or start.tell() + count * dtype.itemsize != member.file_size:
        raise ModelFileError(f"{name}: an array of shape {shape} and dtype {dtype} does not have its size")
    return shape, fortran, dtype, start.tell()


def _bytes(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    try:
        with archive.open(member) as stream:
            content = stream.read(member.file_size)  # without the size it would inflate up to 2 GiB before it looks
    except MemoryError:
        raise
    except Exception as error:
        raise ModelFileError(f"{member.filename[:100]}: damaged: {error}") from error
    if len(content) != member.file_size:
        raise ModelFileError(f"{member.filename[:100]}: cut short")
    return content


def _document(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> str:
    if member.file_size > LARGEST_DOCUMENT + LONGEST_HEADER:
        raise ModelFileError(f"the document: expected at most {LARGEST_DOCUMENT} bytes, got {member.file_size}")
    shape, _, dtype, start = _header(archive, member)
    if len(shape) != 1 or dtype != np.uint8:
        raise ModelFileError(f"the document: expected uint8 text, got shape {shape} and dtype {dtype}")
    try:
        return _bytes(archive, member)[start:].decode()
    except UnicodeDecodeError as error:
        raise ModelFileError(f"the document: not UTF-8: {error}") from error


def _tensor(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Tensor:
    shape, fortran, dtype, start = _header(archive, member)
    if dtype.name not in FLOATS:
        raise ModelFileError(f"{member.filename[:100]}: expected floats, got dtype {dtype}")

    def read() -> NDArray[Any]:
        values = np.frombuffer(_bytes(archive, member), dtype, offset=start)
        return values.reshape(shape, order="F" if fortran else "C").astype(dtype.newbyteorder("="), copy=False)

    return Tensor(dtype.name, shape, read)
