"""What a model file may cost, each limit in one place, and how a file that nobody vouches for is opened."""

from __future__ import annotations

import os
import stat
from typing import IO

# Bytes of all tensors of a file together, as they are once inflated, unless the caller says otherwise.
MAX_BYTES = 4 << 30
# Reading a file takes at most so many times the bytes of its tensors, and so many bytes beside them.
TIMES, SPARE = 4, 64 << 20
# DEFLATE holds at most so many bytes in one: a member that says more than that is lying (zlib's technical notes).
MOST_INFLATION = 1032


def open_regular(path: str | os.PathLike[str], error: type[ValueError]) -> IO[bytes]:
    """Open a file for reading, if it is a regular one: a pipe would hang, and a device never ends.

    Raises
    ------
    ValueError
        Of the class ``error``: no regular file.
    OSError
        The file cannot be opened.
    """
    # Without O_NONBLOCK, opening a pipe would wait for a writer. A regular file does not know the flag.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise error(f"{os.fspath(path)}: expected a regular file")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def printable(text: str) -> str:
    """The text with control characters escaped: what stands in a file must not steer a terminal.

    Examples
    --------
    >>> from forwardpass.limits import printable
    >>> printable("a name\\x1b[2J")
    'a name\\\\x1b[2J'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
