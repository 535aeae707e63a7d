"""`python -m forwardpass COMMAND`."""

import argparse
import sys
from importlib import import_module
from types import ModuleType

from . import __version__

# Each command is a module of cli/: its `add_arguments` adds the options, its `run` does the work.
COMMANDS = {
    "demo": "classify handwritten digits with a trained network",
    "info": "this machine, or the layers of a model file",
    "bench": "time this machine, against every peer that is installed",
    "check": "whether a model file's network is right, and how near",
    "convert": "a model file in another format",
}


def main() -> int:
    """Run the command that the arguments name, and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m forwardpass", description="Feed-forward networks on the CPU.")
    parser.add_argument("--version", action="version", version=f"forwardpass {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    modules: dict[str, ModuleType] = {}
    for name, purpose in COMMANDS.items():
        options = commands.add_parser(name, help=purpose)
        if name in sys.argv[1:]:  # imports one command and no other: the program starts faster
            modules[name] = import_module(f".cli.{name}", __package__)
            modules[name].add_arguments(options)
    args = parser.parse_args()
    try:
        code: int = modules[args.command].run(args)
    except (OSError, ValueError, TypeError, ImportError) as error:  # the user's files and options cause these
        print(f"python -m forwardpass {args.command}: error: {error}", file=sys.stderr)
        return 2
    return code


if __name__ == "__main__":
    sys.exit(main())
