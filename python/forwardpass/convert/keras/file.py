""".keras files: a zip file with a model's configuration, in JSON, and its weights, in HDF5.

Nothing in them can run code: the configuration is data, and the weights are arrays. The configuration says how large
the weights are, before these are inflated.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ...files.zip import Archive
from ...limits import Budget, json_bytes, once, open_regular
from ...nn import Sequential
from ..errors import ConversionError
from .hdf5 import Group, read_groups
from .layer import Context, Shape
from .model import network_of

CONFIG, WEIGHTS = "config.json", "model.weights.h5"
MEMBERS = {"metadata.json", CONFIG, WEIGHTS}
LARGEST_CONFIG = 2 << 20  # 1000 layers
SPARE_WEIGHTS = 8 << 20  # of HDF5's own structures, for a thousand layers


class FileWeights:
    """The weights of a model or a layer in a file, once these have been read."""

    def __init__(self, groups: dict[str, Group], path: str = "", name: str = "") -> None:
        self.groups, self.path, self.name = groups, path, name

    def child(self, key: str, name: str) -> FileWeights:
        """Those of a layer inside."""
        return FileWeights(self.groups, f"{self.path}layers/{key}/", name)

    def wrapped(self, name: str) -> FileWeights:
        """Those of the layer that this one wraps."""
        return FileWeights(self.groups, f"{self.path}layer/", name)

    def values(self) -> list[NDArray[Any]]:
        """The arrays of this layer."""
        group = self.groups.get(self.path)
        if group is None or group.name not in (None, self.name):
            raise ConversionError(f"{WEIGHTS}: {self.path[:200]}: expected the weights of {self.name[:100]!r}")
        return group.arrays


def read(path: Path, max_bytes: int, output: str | None) -> tuple[Sequential, Shape]:
    """The network of a file, and the shape of a row that its model takes.

    Raises
    ------
    ConversionError
        Not a file that Keras writes, or a part of the model that is not supported.
    ImportError
        h5py is not installed.
    RuntimeError
        No Python can be started to read the weights.
    """
    budget = Budget(max_bytes, ConversionError)
    groups: dict[str, Group] = {}
    with open_regular(path, ConversionError) as file:
        archive = Archive(file, budget, len(MEMBERS))
        if archive.sizes.keys() != MEMBERS:
            raise ConversionError(f"expected {sorted(MEMBERS)}, got {repr(sorted(archive.sizes))[:200]}")
        if archive.sizes[CONFIG] > LARGEST_CONFIG:
            raise ConversionError(f"{CONFIG}: expected at most {LARGEST_CONFIG} bytes, got {archive.sizes[CONFIG]}")
        text = archive.read(CONFIG).tobytes()
        budget.take(json_bytes(text), CONFIG)
        context = Context()
        build, row, _ = network_of(_json(text), FileWeights(groups), context, output)
        _check_sizes(archive, context, budget, os.fstat(file.fileno()).st_size)
        content = archive.read(WEIGHTS)
    try:
        groups.update(read_groups(content))
    except ConversionError as error:
        raise ConversionError(f"{WEIGHTS}: {error}") from error.__cause__
    return build(), row


def _check_sizes(archive: Archive, context: Context, budget: Budget, file_size: int) -> None:
    """Whether the weights are as large as the model needs them, and nothing takes more than it may."""
    size, least = archive.sizes[WEIGHTS], context.tensors // 2 if context.half else context.tensors
    if size < least:
        raise ConversionError(f"{WEIGHTS}: {size} bytes cannot hold the model's {least} bytes of weights")
    # Optimizers keep up to twice the weights beside them. Bytes that lie in the file as they are count as tensors.
    budget.count_tensors(max(context.tensors, min(size, file_size)))
    if size > 3 * budget.tensors + SPARE_WEIGHTS:
        raise ConversionError(
            f"{WEIGHTS}: {size} bytes, where the model needs {context.tensors}: more than an optimizer adds"
        )
    # Here, in the process that reads them, and packed in the network.
    budget.take(2 * size + context.tensors, WEIGHTS)
    budget.take(context.memory, "its layers")


def _json(text: bytes) -> Any:
    def refuse(token: str) -> None:
        raise ValueError(f"{token} is no number")

    try:
        return json.loads(text, parse_constant=refuse, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise ConversionError(f"{CONFIG}: not JSON: {str(error)[:100]}") from error
