""".keras files: a zip file with a model's configuration, in JSON, and its weights, in HDF5.

Nothing in them can run code: the configuration is data, and the weights are arrays. The sizes of all of it are checked
before anything is read.
"""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ..errors import ConversionError
from .hdf5 import Group, read_groups

CONFIG, WEIGHTS = "config.json", "model.weights.h5"
MEMBERS = {"metadata.json", CONFIG, WEIGHTS}
LARGEST_CONFIG = 2 << 20  # 1000 layers; JSON becomes up to 25 times as large in Python
# What the members may have beyond the file's own size: Keras does not compress.
INFLATION = 16 << 20


class FileWeights:
    """The weights of a model or a layer in a file."""

    def __init__(self, groups: dict[str, Group], path: str = "", name: str = "") -> None:
        self.groups, self.path, self.name = groups, path, name

    def child(self, key: str, name: str) -> FileWeights:
        """Those of a layer inside."""
        return FileWeights(self.groups, f"{self.path}layers/{key}/", name)

    def values(self) -> list[NDArray[Any]]:
        """The arrays of this layer."""
        group = self.groups.get(self.path)
        if group is None or group.name not in (None, self.name):
            raise ConversionError(f"{WEIGHTS}: {self.path[:200]}: expected the weights of {self.name[:100]!r}")
        return group.arrays


def read(path: Path) -> tuple[Any, FileWeights]:
    """The configuration in a file, and its weights.

    Raises
    ------
    ConversionError
        Not a file that Keras writes.
    ImportError
        h5py is not installed.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 22))
        tail = file.read(4)
        try:
            archive = zipfile.ZipFile(file)
        except Exception as error:
            raise ConversionError(f"not a zip file: {str(error)[:200]}") from error
        members = {member.filename: member for member in archive.infolist()}
        if members.keys() != MEMBERS or len(archive.infolist()) != len(MEMBERS):
            raise ConversionError(f"expected {sorted(MEMBERS)}, got {repr(sorted(members))[:200]}")
        if tail != b"PK\x05\x06" or min(member.header_offset for member in members.values()) != 0:
            raise ConversionError("expected a zip file from the first byte to the last")
        if members[CONFIG].file_size > LARGEST_CONFIG:
            raise ConversionError(f"{CONFIG}: expected at most {LARGEST_CONFIG} bytes, got {members[CONFIG].file_size}")
        if sum(member.file_size for member in members.values()) > size + INFLATION:
            raise ConversionError(f"its members would take more than the file and {INFLATION >> 20} MiB")
        config, content = (_bytes(archive, members[name]) for name in (CONFIG, WEIGHTS))
    spec = _json(config)
    try:
        return spec, FileWeights(read_groups(content))
    except ConversionError as error:
        raise ConversionError(f"{WEIGHTS}: {error}") from error.__cause__


def _bytes(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ConversionError(f"{member.filename}: expected no compression, or deflate")
    try:
        with archive.open(member) as stream:
            content = stream.read(member.file_size)  # without the size it would inflate up to 2 GiB before it looks
    except MemoryError:
        raise
    except Exception as error:
        raise ConversionError(f"{member.filename}: damaged: {str(error)[:200]}") from error
    if len(content) != member.file_size:
        raise ConversionError(f"{member.filename}: cut short")
    return content


def _json(text: bytes) -> Any:
    def refuse(token: str) -> None:
        raise ValueError(f"{token} is no number")

    try:
        return json.loads(text, parse_constant=refuse, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise ConversionError(f"{CONFIG}: not JSON: {str(error)[:100]}") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object none of whose keys stands there twice."""
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a key stands there twice")
    return made
