"""What a person reads: a line that cannot fail the call that prints it, and text that cannot steer a terminal."""

from __future__ import annotations

import io
import os
import sys

from .limits import FAILURES


def say(line: str) -> None:
    """Print a line on standard output, or nothing where it cannot be printed: closed, full, nobody reads it.

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
        # Past the stream's own buffer: what fails there stays in it, and fails again when the program ends.
        stream.flush()
        os.write(descriptor, data)
    except TimeoutError:  # an OSError, but one that a signal handler of the caller's may raise
        raise
    except (OSError, EOFError, *FAILURES):
        pass


def _descriptor() -> int | None:
    """The file behind standard output, where it is Python's own stream; None of notebooks and the like."""
    if type(sys.stdout) is not io.TextIOWrapper or type(sys.stdout.buffer) is not io.BufferedWriter:
        return None
    try:
        return sys.stdout.fileno()
    except io.UnsupportedOperation:  # of a buffer that is no file
        return None


def printable(text: str) -> str:
    r"""The text with control characters escaped: what stands in a file must not steer a terminal.

    Examples
    --------
    >>> from forwardpass.printing import printable
    >>> printable("a name\x1b[2J")
    'a name\\x1b[2J'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
