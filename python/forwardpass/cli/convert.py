"""`python -m forwardpass convert IN OUT`: a model file in another format."""

import argparse

from ..files import content_hash, save
from ..printing import printable, say
from . import model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("source", metavar="IN", help=model.FILES)
    parser.add_argument("target", metavar="OUT", help="the file to write, .npz or .safetensors")
    model.add_architecture(parser)


def run(args: argparse.Namespace) -> int:
    """The command; its exit code."""
    network, notes = model.read(args.source, args.architecture)
    save(network, args.target)
    for note in notes:
        say(note)
    say(printable(f"{args.target}: {network.nbytes} bytes packed, sha256 {content_hash(network)}"))
    return 0
