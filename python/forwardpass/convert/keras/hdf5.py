"""The arrays of a Keras weight file, read by h5py in a process of its own.

HDF5's library crashes on some files that are made for it, and on others it never comes to an end: on one each of 4,000
that were changed in one to three places (HDF5 2.0). It may do that to a process that has nothing else to lose.

What goes in is the file. What comes out is where its arrays lie in it, as JSON: they are not copied.
"""

from __future__ import annotations

import importlib.util
import io
import json
import math
import resource
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...limits import DEEPEST_NESTING, MOST_PARTS
from ..errors import ConversionError
from .interpreter import MARKER, ask

MOST_ARRAYS = 4  # of a layer
# Keras writes this name beside such arrays, because HDF5 has no bfloat16 and holds their bytes alone.
BFLOAT16 = "bfloat16"
# For the child: memory beside 4 times the file, processor time beside a second for each so many bytes of it.
MEMORY, BYTES_PER_SECOND = 256 << 20, 32 << 20


@dataclass(frozen=True)
class Group:
    """The weights of one layer."""

    name: str | None  # the layer's own; None of older versions of Keras
    arrays: list[NDArray[Any]]


def read_groups(content: NDArray[np.uint8]) -> dict[str, Group]:
    """The weights of every layer, by their path in the file; parts of the content, not copies.

    Raises
    ------
    ConversionError
        No HDF5 file, or one that Keras would not have written.
    ImportError
        h5py is not installed.
    RuntimeError
        No Python can be started to read it.
    """
    if importlib.util.find_spec("h5py") is None:
        raise ImportError(".keras files need h5py: pip install h5py")
    answer = json.loads(ask(__name__, content.data))
    if "refused" in answer:
        raise ConversionError(answer["refused"])
    return {
        path: Group(name, [_part(content, *place) for place in places])
        for path, (name, places) in answer["groups"].items()
    }


def _part(content: NDArray[np.uint8], offset: int, kind: str, shape: list[int]) -> NDArray[Any]:
    """An array where it lies, in this machine's byte order; bfloat16, which NumPy does not have, as float32."""
    if kind == BFLOAT16:
        return (_part(content, offset, "<u2", shape).astype(np.uint32) << 16).view(np.float32)
    dtype, count = np.dtype(kind), math.prod(shape)
    array = np.frombuffer(content, dtype, count, offset) if count else np.empty(0, dtype)
    return array.reshape(shape).astype(dtype.newbyteorder("="), copy=False)


# ---- in the child ----

Place = tuple[int, str, list[int]]  # offset, dtype, shape


def main() -> None:
    """What the child does: standard input to standard output."""
    import h5py

    content = sys.stdin.buffer.read()
    _limit(len(content))
    answer: dict[str, Any]
    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            answer = {"groups": _Reader(h5py, len(content)).read(file)}
    except ConversionError as error:
        answer = {"refused": str(error)[:1000]}
    except Exception as error:  # of h5py, which has many; nobody else is in this process
        answer = {"refused": f"not an HDF5 file, or damaged: {str(error)[:200]}"}
    sys.stdout.buffer.write(MARKER + json.dumps(answer).encode())


def _limit(size: int) -> None:
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    seconds = int(sum(resource.getrusage(resource.RUSAGE_SELF)[:2])) + 1 + size // BYTES_PER_SECOND
    for kind, limit in (
        (resource.RLIMIT_AS, used + MEMORY + 4 * size),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (limit, hard))


class _Reader:
    """Looks only at what is in the file itself, as it is, with the size that it should have."""

    def __init__(self, library: Any, size: int) -> None:
        self.library = library
        self.left = size  # bytes that may still be read: two names may stand for one array
        self.size = size
        self.groups: dict[str, tuple[str | None, list[Place]]] = {}

    def read(self, file: Any) -> dict[str, tuple[str | None, list[Place]]]:
        if file.userblock_size:
            raise ConversionError("expected an HDF5 file from its first byte on")
        self._model(file, "", 0)
        return self.groups

    def _model(self, model: Any, path: str, nesting: int) -> None:
        if nesting > DEEPEST_NESTING or len(self.groups) > MOST_PARTS:
            raise ConversionError(f"expected at most {MOST_PARTS} layers, nested at most {DEEPEST_NESTING} deep")
        layers = self._inside(model, "layers", self.library.Group)
        for key in layers:
            layer = self._inside(layers, key, self.library.Group)
            inside = f"{path}layers/{key}/"
            if "vars" in layer:
                self.groups[inside] = self._values(self._inside(layer, "vars", self.library.Group), inside)
            if "layer" in layer:  # which TimeDistributed wraps
                wrapped = self._inside(layer, "layer", self.library.Group)
                if "vars" in wrapped:
                    values = self._inside(wrapped, "vars", self.library.Group)
                    self.groups[f"{inside}layer/"] = self._values(values, f"{inside}layer/")
            if "layers" in layer:
                self._model(layer, inside, nesting + 1)

    def _values(self, group: Any, path: str) -> tuple[str | None, list[Place]]:
        name = group.attrs.get("name")
        if not isinstance(name, (str, type(None))) or len(group) > MOST_ARRAYS:
            raise ConversionError(f"{path[:200]}: expected a name and at most {MOST_ARRAYS} arrays")
        return name, [self._place(group, str(i), f"{path[:200]}{i}") for i in range(len(group))]

    def _inside(self, group: Any, name: str, kind: Any) -> Any:
        """A member that is in this file itself, not behind a link to a name or to another file."""
        link = group.get(name, getlink=True)
        member = group[name] if isinstance(link, self.library.HardLink) else None
        if not isinstance(member, kind):
            raise ConversionError(f"{str(group.name)[:200]}: expected a {kind.__name__.lower()} {name[:100]!r}")
        return member

    def _place(self, group: Any, name: str, where: str) -> Place:
        data = self._inside(group, name, self.library.Dataset)
        layout = data.id.get_create_plist()
        if layout.get_layout() != self.library.h5d.CONTIGUOUS or layout.get_nfilters() or layout.get_external_count():
            raise ConversionError(f"{where}: expected an array as it is, in this file")
        brain = data.attrs.get("dtype") == BFLOAT16 and data.dtype.itemsize == 2
        if not (brain or data.dtype.kind in "fi") or data.dtype.itemsize > 8 or len(data.shape) > 2:
            raise ConversionError(f"{where}: expected numbers in up to two axes, got {data.dtype} {data.shape}")
        size = data.dtype.itemsize
        for length in data.shape:
            size *= length
        self.left -= size
        if data.id.get_storage_size() != size or self.left < 0:
            raise ConversionError(f"{where}: an array of shape {data.shape} and {data.dtype} does not have its size")
        offset = data.id.get_offset() if size else 0
        if offset is None or not 0 <= offset <= self.size - size:
            raise ConversionError(f"{where}: expected an array inside of the file")
        return int(offset), BFLOAT16 if brain else data.dtype.str, list(data.shape)
