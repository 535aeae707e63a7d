"""Refuses subinterpreters, in which NumPy and the core would share what each interpreter must have for itself."""

from importlib import import_module
from typing import Any


def _interpreters() -> Any:
    for name in ("_interpreters", "_xxsubinterpreters"):  # from Python 3.13 on, and before
        try:
            return import_module(name)
        except ImportError:
            continue
    return None  # then there are none


if (interpreters := _interpreters()) and interpreters.get_current() != interpreters.get_main():
    raise ImportError("forwardpass does not work in a subinterpreter; use threads or processes")
