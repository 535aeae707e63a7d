"""`python -m forwardpass COMMAND`."""

import argparse
import os
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


# What a shell says of a program that a signal ended: 128 and the signal's number.
INTERRUPTED, NOBODY_READS = 128 + 2, 128 + 13


def main() -> int:
    """Run the command that the arguments name, and return its exit code."""
    try:
        try:
            return _run()
        finally:
            print(end="", flush=True)  # here, where a reader who has left is no error, and not when Python ends
    except KeyboardInterrupt:
        print("python -m forwardpass: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `| head -2` has read enough
        _drop_output()
        return NOBODY_READS
    except OSError as error:
        _drop_output()
        print(f"python -m forwardpass: error: standard output: {error}", file=sys.stderr)
        return 2


def _run() -> int:
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
    program = f"python -m forwardpass {args.command}"
    try:
        code: int = modules[args.command].run(args)
    except BrokenPipeError:
        raise
    except MemoryError:
        print(f"{program}: error: it takes more memory than there is", file=sys.stderr)
        return 2
    except (OSError, ValueError, TypeError, ImportError) as error:  # the user's files and options cause these
        print(f"{program}: error: {_said(error)}", file=sys.stderr)
        return 2
    return code


def _said(error: Exception) -> str:
    """What is wrong, without the system's number for it."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _drop_output() -> None:
    """What standard output could not write stays in its buffer, and Python would fail with it again at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
