"""The network of a file, of whatever kind the library reads: all commands take the same files."""

from __future__ import annotations

import argparse
import warnings
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from ..nn import Module

FILES = "an .npz, .safetensors, .onnx or .keras file"
# By the end of a file's name: the module that reads it, which is imported when a file needs it, and its function.
OWN = dict.fromkeys((".npz", ".safetensors"), (".files", "load"))
FOREIGN = {".onnx": (".convert.onnx", "from_onnx"), ".keras": (".convert.keras", "from_keras")}
FOREIGN[".h5"] = FOREIGN[".keras"]
PACKAGE = __package__.rpartition(".")[0]


class Model(NamedTuple):
    """A network, and what was said of it while it was read, a sentence for each thing."""

    network: Module
    notes: list[str]


def add_architecture(parser: argparse.ArgumentParser) -> None:
    """The option of every command that reads a file."""
    parser.add_argument("--architecture", help="of a file of bare weights, like 64-128-10:relu (docs/files.md)")


def read(path: str, architecture: str | None = None) -> Model:
    """The network of a file.

    Raises
    ------
    ValueError
        A file that is damaged or of no known kind, or an architecture that does not belong to it.
    OSError
        The file cannot be read.
    ImportError
        The library that reads the file is not installed.
    """
    suffix = Path(path).suffix
    if suffix not in OWN | FOREIGN:
        raise ValueError(f"{path}: expected {FILES}")
    if suffix in FOREIGN and architecture is not None:
        raise ValueError(f"--architecture: {path} says itself what it holds; leave the option out")
    module, function = (OWN | FOREIGN)[suffix]
    reader = getattr(import_module(module, PACKAGE), function)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        network: Module = reader(path, architecture) if suffix in OWN else reader(path, verbose=False)
    notes = [str(warning.message) for warning in caught]  # that the file is of an older order
    return Model(network, notes + ([str(network.verification)] if suffix in FOREIGN else []))
