"""The arrays of a Keras weight file, read by h5py in a process of its own.

HDF5's library crashes on some files that are made for it, and on others it never comes to an end: on one each of 4,000
that were changed in one to three places (HDF5 2.0). It may do that to a process that has nothing else to lose.

What goes in is the file, what comes out a .npz: an index of groups, in JSON, and their arrays by number.
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ConversionError

MOST_GROUPS = 20_000
MOST_ARRAYS = 4  # of a layer
DEEPEST_NESTING = 50
# For the child: memory beside 4 times the file, processor time beside a second for each so many bytes of it.
MEMORY, BYTES_PER_SECOND = 256 << 20, 32 << 20
# Until it gives up on one that gets no processor time.
LONGEST_WAIT = 120
REFUSED = 3
START = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); from forwardpass.convert.keras.hdf5 import main; main()"
)


@dataclass(frozen=True)
class Group:
    """The weights of one layer."""

    name: str | None  # the layer's own; None of older versions of Keras
    arrays: list[NDArray[Any]]


def read_groups(content: bytes) -> dict[str, Group]:
    """The weights of every layer, by their path in the file.

    Raises
    ------
    ConversionError
        No HDF5 file, or one that Keras would not have written.
    ImportError
        h5py is not installed.
    """
    if importlib.util.find_spec("h5py") is None:
        raise ImportError(".keras files need h5py: pip install h5py")
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", START, json.dumps(sys.path)],
            input=content,
            capture_output=True,
            timeout=LONGEST_WAIT,
            check=False,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
    except subprocess.TimeoutExpired as error:
        raise ConversionError("the HDF5 library did not come to an end with it") from error
    if done.returncode == REFUSED:
        raise ConversionError(done.stdout.decode(errors="replace")[:1000])
    if done.returncode < 0:
        raise ConversionError(f"the HDF5 library did not survive it: signal {-done.returncode}")
    if done.returncode:
        raise RuntimeError(f"cannot start a process that reads it: {done.stderr.decode(errors='replace')[-1000:]}")
    with np.load(io.BytesIO(done.stdout), allow_pickle=False) as file:
        index = json.loads(file["index"].tobytes())
        return {path: Group(name, [file[str(i)] for i in numbers]) for path, (name, numbers) in index.items()}


# ---- in the child ----


def main() -> None:
    """What the child does: standard input to standard output."""
    import h5py

    content = sys.stdin.buffer.read()
    _limit(len(content))
    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            groups = _Reader(h5py, len(content)).read(file)
    except ConversionError as error:
        _refuse(str(error))
    except Exception as error:  # of h5py, which has many
        _refuse(f"not an HDF5 file, or damaged: {str(error)[:200]}")
    index: dict[str, tuple[str | None, list[int]]] = {}
    arrays: list[NDArray[Any]] = []
    for path, group in groups.items():
        index[path] = group.name, [*range(len(arrays), len(arrays) + len(group.arrays))]
        arrays += group.arrays
    result = io.BytesIO()
    text = np.frombuffer(json.dumps(index).encode(), np.uint8)
    np.savez(result, allow_pickle=False, index=text, **{str(i): array for i, array in enumerate(arrays)})
    sys.stdout.buffer.write(result.getbuffer())


def _refuse(message: str) -> None:
    sys.stdout.write(message)
    sys.exit(REFUSED)


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
        self.groups: dict[str, Group] = {}

    def read(self, file: Any) -> dict[str, Group]:
        self._model(file, "", 0)
        return self.groups

    def _model(self, model: Any, path: str, nesting: int) -> None:
        if nesting > DEEPEST_NESTING or len(self.groups) > MOST_GROUPS:
            raise ConversionError(f"expected at most {MOST_GROUPS} layers, nested at most {DEEPEST_NESTING} deep")
        layers = self._inside(model, "layers", self.library.Group)
        for key in layers:
            layer = self._inside(layers, key, self.library.Group)
            inside = f"{path}layers/{key}/"
            if "vars" in layer:
                self.groups[inside] = self._values(self._inside(layer, "vars", self.library.Group), inside)
            if "layers" in layer:
                self._model(layer, inside, nesting + 1)

    def _values(self, group: Any, path: str) -> Group:
        name = group.attrs.get("name")
        if not isinstance(name, (str, type(None))) or len(group) > MOST_ARRAYS:
            raise ConversionError(f"{path[:200]}: expected a name and at most {MOST_ARRAYS} arrays")
        return Group(name, [self._array(group, str(i), f"{path[:200]}{i}") for i in range(len(group))])

    def _inside(self, group: Any, name: str, kind: Any) -> Any:
        """A member that is in this file itself, not behind a link to a name or to another file."""
        link = group.get(name, getlink=True)
        member = group[name] if isinstance(link, self.library.HardLink) else None
        if not isinstance(member, kind):
            raise ConversionError(f"{str(group.name)[:200]}: expected a {kind.__name__.lower()} {name[:100]!r}")
        return member

    def _array(self, group: Any, name: str, where: str) -> NDArray[Any]:
        data = self._inside(group, name, self.library.Dataset)
        layout = data.id.get_create_plist()
        if layout.get_layout() != self.library.h5d.CONTIGUOUS or layout.get_nfilters() or layout.get_external_count():
            raise ConversionError(f"{where}: expected an array as it is, in this file")
        if data.dtype.kind not in "fi" or data.dtype.itemsize > 8 or len(data.shape) > 2:
            raise ConversionError(f"{where}: expected numbers in up to two axes, got {data.dtype} {data.shape}")
        size = data.dtype.itemsize
        for length in data.shape:
            size *= length
        self.left -= size
        if data.id.get_storage_size() != size or self.left < 0:
            raise ConversionError(f"{where}: an array of shape {data.shape} and {data.dtype} does not have its size")
        array: NDArray[Any] = np.asarray(data[()])
        return array.astype(array.dtype.newbyteorder("="))
