"""`python -m forwardpass convert IN OUT`: a model file in another format."""

import argparse

from ..files import content_hash, load, save


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("source", metavar="IN", help="an .npz or .safetensors file")
    parser.add_argument("target", metavar="OUT", help="the file to write, .npz or .safetensors")
    parser.add_argument("--architecture", help="of a file of bare weights, like 64-128-10:relu")


def run(args: argparse.Namespace) -> int:
    """The command; its exit code."""
    network = load(args.source, args.architecture)
    save(network, args.target)
    print(f"{args.target}: {network.nbytes} bytes packed, sha256 {content_hash(network)}")
    return 0
