"""`python -m forwardpass COMMAND`."""

import argparse
import sys

from .cli import demo


def main() -> int:
    """Run the command that the arguments name; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m forwardpass", description="Feed-forward networks on the CPU.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("demo", help="classify handwritten digits with a trained network")
    parser.parse_args()
    return demo.run()


if __name__ == "__main__":
    sys.exit(main())
