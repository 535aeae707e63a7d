"""`python -m forwardpass convert IN OUT`: a model file in another format."""

import argparse
from pathlib import Path

from ..files import content_hash, load, save
from ..nn import Module
from ..printing import printable, say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("source", metavar="IN", help="an .onnx, .keras, .npz or .safetensors file")
    parser.add_argument("target", metavar="OUT", help="the file to write, .npz or .safetensors")
    parser.add_argument("--architecture", help="of a file of bare weights, like 64-128-10:relu")


def read(path: Path, architecture: str | None) -> Module:
    """The network of a file, by its suffix."""
    if path.suffix not in (".onnx", ".keras"):
        return load(path, architecture)
    if architecture is not None:
        raise ValueError(f"--architecture: {path.name} says itself what it holds")
    if path.suffix == ".onnx":
        from ..convert.onnx import from_onnx

        return from_onnx(path)
    from ..convert.keras import from_keras

    return from_keras(path)


def run(args: argparse.Namespace) -> int:
    """The command; its exit code."""
    network = read(Path(args.source), args.architecture)
    save(network, args.target)
    say(printable(f"{args.target}: {network.nbytes} bytes packed, sha256 {content_hash(network)}"))
    return 0
