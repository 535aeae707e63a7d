"""Refuses subinterpreters: NumPy and the core keep state that two interpreters must not share."""

from importlib import import_module
from typing import Any


def _interpreters() -> Any:
    for name in ("_interpreters", "_xxsubinterpreters"):  # its name from Python 3.13 on, and its older name
        try:
            return import_module(name)
        except ImportError:
            continue
    return None  # this Python has no subinterpreters


if (interpreters := _interpreters()) and interpreters.get_current() != interpreters.get_main():
    raise ImportError("forwardpass does not work in a subinterpreter; use threads or processes")
