"""What a model file may cost, each limit in one place, and how a file that nobody vouches for is opened."""

from __future__ import annotations

import os
import stat
from typing import IO, Any

import numpy as np

# Bytes of all tensors of a file together, as they are once inflated, unless the caller says otherwise.
MAX_BYTES = 4 << 30
# Reading a file takes at most so many times the bytes of its tensors, and so many bytes beside them.
TIMES, SPARE = 4, 64 << 20
# DEFLATE holds at most so many bytes in one: a member that says more than that is lying (zlib's technical notes).
MOST_INFLATION = 1032


# What a library raises that cannot do what it was asked for. Anything beside these passes through as it is: an
# exception of the caller's own, which a signal handler may raise anywhere, and what the system says (OSError, and
# TimeoutError with it).
FAILURES = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
# Of networks and groups inside each other, and of in_features, out_features and features: with bytes for each, products
# of sizes stay below 2**63.
DEEPEST_NESTING = 50
LARGEST_SIZE = 2**30
# Of a network, and of what a file has for its layers: a weight and a bias each, or a node and a constant.
MOST_LAYERS = 10_000
MOST_PARTS = 2 * MOST_LAYERS
# Memory for each feature of a layer with numbers for each: its table and arrays, and what they are made from.
BYTES_OF_FEATURE = 256

# What JSON becomes in Python: its text several times, in up to four bytes a character, and an object for each mark.
BYTES_OF_TEXT, BYTES_OF_MARK = 12, 150


class Budget:
    """What reading one file may take: TIMES the bytes of its tensors in memory, and SPARE beside them.

    A reader counts what it is about to make before it makes it, whatever the file says of itself.

    Parameters
    ----------
    max_bytes : int
        The most that all tensors together may have.
    error : type
        The class of what is raised, a ValueError.

    Examples
    --------
    >>> from forwardpass.limits import Budget
    >>> budget = Budget(1000, ValueError)
    >>> budget.count_tensors(600)
    >>> try:
    ...     budget.count_tensors(600)
    ... except ValueError as error:
    ...     print(error)
    its tensors take 1200 bytes, more than max_bytes=1000; max_bytes= of the call allows more
    """

    def __init__(self, max_bytes: int, error: type[ValueError]) -> None:
        if isinstance(max_bytes, bool) or not isinstance(max_bytes, (int, np.integer)):
            raise TypeError(f"max_bytes: expected a number of bytes, got {type(max_bytes).__name__}")
        if max_bytes < 0:
            raise ValueError(f"max_bytes: expected a number of bytes, got {max_bytes}")
        self.max_bytes, self.error = int(max_bytes), error
        self.tensors = self.taken = 0

    def count_tensors(self, nbytes: int) -> None:
        """Bytes of tensors, as they are once inflated. Raises ``error`` where all are more than max_bytes."""
        self.tensors += nbytes
        if self.tensors > self.max_bytes:
            raise self.error(
                f"its tensors take {self.tensors} bytes, more than max_bytes={self.max_bytes}; "
                "max_bytes= of the call allows more"
            )

    def take(self, nbytes: int, what: str) -> None:
        """Bytes of memory that ``what`` is about to take. Raises ``error`` where all are more than it may take."""
        self.taken += nbytes
        if self.taken > self._most:
            raise self.error(
                f"{what}: would take {self.taken >> 20} MiB of memory, more than {TIMES} times its "
                f"{self.tensors >> 20} MiB of tensors and {SPARE >> 20} MiB"
            )

    def compute(self, numbers: int, what: str) -> None:
        """Numbers that ``what`` is about to compute without weights: as many as it may take bytes, or ``error``."""
        if numbers > self._most:
            raise self.error(f"{what}: would compute {numbers} numbers, and its tensors account for {self._most}")

    @property
    def _most(self) -> int:
        return TIMES * self.tensors + SPARE


def json_bytes(text: bytes) -> int:
    """Memory that a JSON text takes at most, before anything of it is parsed.

    Every value stands behind one of four marks, and so does what is inside of texts, which then counts for too much.

    Examples
    --------
    >>> from forwardpass.limits import json_bytes
    >>> json_bytes(b"[[],[]]")
    684
    """
    return BYTES_OF_TEXT * len(text) + BYTES_OF_MARK * sum(text.count(mark) for mark in (b",", b":", b"[", b"{"))


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, for json.loads(). Raises ValueError where a key stands there twice."""
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a key stands there twice")
    return made


def open_regular(path: str | os.PathLike[str], error: type[ValueError], *, link: bool = True) -> IO[bytes]:
    """Open a file for reading, if it is a regular one: a pipe would hang, and a device never ends.

    With ``link=False`` the last part of the path may be no symbolic link: where a file names another one.

    Raises
    ------
    ValueError
        Of the class ``error``: no regular file.
    OSError
        The file cannot be opened.
    """
    # Without O_NONBLOCK, opening a pipe would wait for a writer. A regular file does not know the flag.
    more = os.O_NONBLOCK if link else os.O_NONBLOCK | os.O_NOFOLLOW
    try:
        file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | more))  # noqa: SIM115 (given away)
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return file
        file.close()
    except IsADirectoryError:
        pass
    raise error("expected a regular file")
