"""`python -m forwardpass COMMAND`."""

import argparse
import sys
from collections.abc import Callable

from . import __version__
from .cli import bench, check, convert, demo, info


def main() -> int:
    """Run the command that the arguments name; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m forwardpass", description="Feed-forward networks on the CPU.")
    parser.add_argument("--version", action="version", version=f"forwardpass {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    demo.add_arguments(commands.add_parser("demo", help="classify handwritten digits with a trained network"))
    info.add_arguments(commands.add_parser("info", help="this machine, or the layers of a model file"))
    bench.add_arguments(commands.add_parser("bench", help="time this machine, against every peer that is installed"))
    check.add_arguments(commands.add_parser("check", help="whether a model file's network is right, and how near"))
    convert.add_arguments(commands.add_parser("convert", help="a model file in another format"))
    args = parser.parse_args()
    runs: dict[str, Callable[[argparse.Namespace], int]] = {
        "demo": demo.run,
        "info": info.run,
        "bench": bench.run,
        "check": check.run,
        "convert": convert.run,
    }
    try:
        return runs[args.command](args)
    except (OSError, ValueError, TypeError, ImportError) as error:  # of the files and the options that were named
        print(f"python -m forwardpass {args.command}: error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
