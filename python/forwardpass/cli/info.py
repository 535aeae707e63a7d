"""`python -m forwardpass info [FILE]`: this machine, or the layers of a model file."""

from __future__ import annotations

import argparse
import json

from ..config import show_config
from . import model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("file", metavar="FILE", nargs="?", help=f"{model.FILES}; without it, the machine")
    model.add_architecture(parser)
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(args: argparse.Namespace) -> int:
    """The command; its exit code."""
    if args.file is None and args.architecture is not None:
        raise ValueError("--architecture: expected a FILE of bare weights beside it")
    if args.file is None:
        if args.json:
            print(json.dumps(show_config("dicts"), indent=1))
        else:
            show_config()
        return 0
    print_file(args)
    return 0


def print_file(args: argparse.Namespace) -> None:
    """The layers of a model file."""
    network, notes = model.read(args.file, args.architecture)
    from ..files import content_hash  # imported by now, and not by `info` of the machine

    layers = [
        {
            "name": name.rstrip("."),
            "layer": str(layer),
            "parameters": sum(v.size for v in layer.state_dict().values()),
            "bytes": layer.nbytes,
        }
        for name, layer in network.leaves()
    ]
    total = sum(value.size for value in network.state_dict().values())
    about = {"file": args.file, "dtype": str(network.dtype), "parameters": total, "hash": content_hash(network)}
    if args.json:
        print(json.dumps({**about, "notes": notes, "layers": layers}, indent=1))
        return
    print("\n".join([*(f"{name}: {value}" for name, value in about.items()), *notes]))
    print(f"\n{'':10} {'layer':62} {'parameters':>11} {'bytes packed':>13}")
    for layer in layers:
        print(f"{layer['name']:10} {layer['layer']:62} {layer['parameters']:11} {layer['bytes']:13}")
