"""`python -m forwardpass COMMAND`."""

import argparse
import sys

from .cli import bench, demo


def main() -> int:
    """Run the command that the arguments name; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m forwardpass", description="Feed-forward networks on the CPU.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("demo", help="classify handwritten digits with a trained network")
    bench.add_arguments(commands.add_parser("bench", help="time this machine, against every peer that is installed"))
    args = parser.parse_args()
    return bench.run(args) if args.command == "bench" else demo.run()


if __name__ == "__main__":
    sys.exit(main())
