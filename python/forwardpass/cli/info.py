"""`python -m forwardpass info [FILE]`: this machine, or the layers of a model file."""

from __future__ import annotations

import argparse
import json

from ..config import show_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("file", metavar="FILE", nargs="?", help="an .npz or .safetensors file; without it, the machine")
    parser.add_argument("--architecture", help="of a file of bare weights, like 64-128-10:relu")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(args: argparse.Namespace) -> int:
    """The command; its exit code."""
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
    from ..files import content_hash, load

    network = load(args.file, args.architecture)
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
        print(json.dumps({**about, "layers": layers}, indent=1))
        return
    print("\n".join(f"{name}: {value}" for name, value in about.items()))
    print(f"\n{'':10} {'layer':62} {'parameters':>11} {'bytes packed':>13}")
    for layer in layers:
        print(f"{layer['name']:10} {layer['layer']:62} {layer['parameters']:11} {layer['bytes']:13}")
