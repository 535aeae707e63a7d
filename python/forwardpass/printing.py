"""Text for people: printing it never fails the caller, and no control character in it reaches the terminal."""

from __future__ import annotations

import io
import os
import sys

from .limits import FAILURES


def say(line: str) -> None:
    """Print a line on standard output. Print nothing where that fails: it is closed, or full, or nobody reads it.

    Examples
    --------
    >>> from forwardpass.printing import say
    >>> say("72 rows agree")
    72 rows agree
    """
    try:
        stream = sys.stdout
        encoding = getattr(stream, "encoding", None) or "utf-8"
        data = f"{line}\n".encode(encoding, "backslashreplace")
        descriptor = _descriptor()
        if descriptor is None:
            stream.write(data.decode(encoding))
            return
        # Not into the stream's buffer: a line that fails would stay there and fail again when the program ends.
        stream.flush()
        os.write(descriptor, data)
    except TimeoutError:  # an OSError too, but a signal handler of the caller may have raised it
        raise
    except (OSError, EOFError, *FAILURES):
        pass


def _descriptor() -> int | None:
    """The file descriptor of standard output, or None where a notebook or a test has replaced the stream."""
    if type(sys.stdout) is not io.TextIOWrapper or type(sys.stdout.buffer) is not io.BufferedWriter:
        return None
    try:
        return sys.stdout.fileno()
    except io.UnsupportedOperation:  # the buffer is not a file
        return None


def printable(text: str) -> str:
    r"""The text with control characters escaped, because text from a file must not control the terminal.

    Examples
    --------
    >>> from forwardpass.printing import printable
    >>> printable("a name\x1b[2J")
    'a name\\x1b[2J'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
