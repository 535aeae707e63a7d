""".keras files: a zip file with a model's configuration, in JSON, and its weights, in HDF5.

Nothing in them can run code: the configuration is data, and the weights are arrays. HDF5 could speak of other files,
of filters and of sizes that are not there: all of that is refused before anything is read.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import ConversionError

CONFIG, WEIGHTS = "config.json", "model.weights.h5"
MEMBERS = {"metadata.json", CONFIG, WEIGHTS}
LARGEST_CONFIG = 2 << 20  # 1000 layers; JSON becomes up to 25 times as large in Python
MOST_ARRAYS = 4  # of a layer
# What the members may have beyond the file's own size: Keras does not compress.
INFLATION = 16 << 20


class FileWeights:
    """The weights of a model or a layer in an HDF5 file."""

    def __init__(
        self, library: Any, file: Any, path: str = "", name: str = "", budget: list[int] | None = None
    ) -> None:
        self.library, self.file, self.path, self.name = library, file, path, name
        # Bytes that may still be read: those of the file, for two names may stand for one array.
        self.budget = budget if budget is not None else [file.id.get_filesize()]

    def child(self, key: str, name: str) -> FileWeights:
        """Those of a layer inside."""
        return FileWeights(self.library, self.file, f"{self.path}layers/{key}/", name, self.budget)

    def values(self) -> list[NDArray[Any]]:
        """The arrays of this layer."""
        try:
            return self._values()
        except (ConversionError, MemoryError):
            raise
        except Exception as error:  # of h5py, which has many
            raise ConversionError(f"{WEIGHTS}: {self.path}vars: damaged: {str(error)[:200]}") from error

    def _values(self) -> list[NDArray[Any]]:
        group = self.file
        for part in f"{self.path}vars".split("/"):
            group = self._inside(group, part, self.library.Group)
        name = group.attrs.get("name", self.name)  # older versions of Keras do not say it
        if name != self.name:
            raise ConversionError(f"{WEIGHTS}: {self.path}vars: expected the weights of {self.name[:100]!r}")
        if len(group) > MOST_ARRAYS:
            raise ConversionError(f"{WEIGHTS}: {self.path}vars: expected at most {MOST_ARRAYS} arrays")
        return [self._array(group, str(i)) for i in range(len(group))]

    def _inside(self, group: Any, name: str, kind: Any) -> Any:
        """A member that is in this file itself, not behind a link to a name or to another file."""
        link = group.get(name, getlink=True)
        if not isinstance(link, self.library.HardLink) or not isinstance(group[name], kind):
            raise ConversionError(f"{WEIGHTS}: {group.name[:200]}: expected a {kind.__name__.lower()} {name}")
        return group[name]

    def _array(self, group: Any, name: str) -> NDArray[Any]:
        data = self._inside(group, name, self.library.Dataset)
        layout = data.id.get_create_plist()
        where = f"{WEIGHTS}: {self.path}vars/{name}"
        if layout.get_layout() != self.library.h5d.CONTIGUOUS or layout.get_nfilters() or layout.get_external_count():
            raise ConversionError(f"{where}: expected an array as it is, in this file")
        if data.dtype.kind not in "fi" or data.dtype.itemsize > 8 or len(data.shape) > 2:
            raise ConversionError(f"{where}: expected numbers in up to two axes, got {data.dtype} {data.shape}")
        size = data.dtype.itemsize
        for length in data.shape:
            size *= length
        self.budget[0] -= size
        if data.id.get_storage_size() != size or self.budget[0] < 0:
            raise ConversionError(f"{where}: an array of shape {data.shape} and {data.dtype} does not have its size")
        array: NDArray[Any] = np.asarray(data[()])
        return array.astype(array.dtype.newbyteorder("="))


def _library() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise ImportError(".keras files need h5py: pip install 'forwardpass[keras]'") from error
    return h5py


def read(path: Path) -> tuple[Any, FileWeights]:
    """The configuration in a file, and its weights.

    Raises
    ------
    ConversionError
        No such file, or not one that Keras writes.
    """
    library = _library()
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        try:
            archive = zipfile.ZipFile(file)
        except Exception as error:
            raise ConversionError(f"not a zip file: {str(error)[:200]}") from error
        members = {member.filename: member for member in archive.infolist()}
        if members.keys() != MEMBERS or len(archive.infolist()) != len(MEMBERS):
            raise ConversionError(f"expected {sorted(MEMBERS)}, got {repr(sorted(members))[:200]}")
        if members[CONFIG].file_size > LARGEST_CONFIG:
            raise ConversionError(f"{CONFIG}: expected at most {LARGEST_CONFIG} bytes, got {members[CONFIG].file_size}")
        if sum(member.file_size for member in members.values()) > size + INFLATION:
            raise ConversionError(f"its members would take more than the file and {INFLATION >> 20} MiB")
        config, content = (_bytes(archive, members[name]) for name in (CONFIG, WEIGHTS))
    try:
        weights = FileWeights(library, library.File(io.BytesIO(content), "r"))
    except MemoryError:
        raise
    except Exception as error:
        raise ConversionError(f"{WEIGHTS}: not an HDF5 file: {str(error)[:200]}") from error
    return _json(config), weights


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
