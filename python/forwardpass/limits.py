"""The limits on files that nobody vouches for: sizes, nesting, memory. And how such a file is opened."""

from __future__ import annotations

import os
import stat
from typing import IO, Any

import numpy as np

# The default of max_bytes: bytes of all tensors of a file together, after they are inflated.
MAX_BYTES = 4 << 30
# Reading a file takes at most TIMES the bytes of its tensors, and SPARE bytes more.
TIMES, SPARE = 4, 64 << 20
# DEFLATE packs at most so many bytes into one (zlib's technical notes). A member that claims more is lying.
MOST_INFLATION = 1032


# What a library raises when it cannot do what we asked. We catch nothing more: a signal handler of the caller may raise
# an exception of its own anywhere. OSError (and TimeoutError with it) passes too: it tells what the system said.
FAILURES = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
# Networks and groups may stand inside each other so deep. LARGEST_SIZE is the most for in_features, out_features and
# features: the product of two sizes and the bytes of an element stays below 2**63.
DEEPEST_NESTING = 50
LARGEST_SIZE = 2**30
# The most layers of a network, and the most parts of a file. A layer has two: weight and bias, or node and constant.
MOST_LAYERS = 10_000
MOST_PARTS = 2 * MOST_LAYERS
# Memory for each feature of a layer like BatchNorm1d: its table and arrays, and what they are made from.
BYTES_OF_FEATURE = 256

# Parsing JSON copies its text several times, in up to four bytes a character, and makes an object for each mark.
BYTES_OF_TEXT, BYTES_OF_MARK = 12, 150


class Budget:
    """The memory that reading one file may take: TIMES the bytes of its tensors, and SPARE bytes more.

    A reader calls it before it allocates, and so never trusts the sizes that the file claims.

    Parameters
    ----------
    max_bytes : int
        The most bytes that all tensors together may have.
    error : type
        The exception to raise, a subclass of ValueError.

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
        """Add the bytes of tensors, after they are inflated. Raises ``error`` where the sum passes max_bytes."""
        self.tensors += nbytes
        if self.tensors > self.max_bytes:
            raise self.error(
                f"its tensors take {self.tensors} bytes, more than max_bytes={self.max_bytes}; "
                "max_bytes= of the call allows more"
            )

    def take(self, nbytes: int, what: str) -> None:
        """Add the bytes of memory that ``what`` is about to take. Raises ``error`` where the sum is too large."""
        self.taken += nbytes
        if self.taken > self._most:
            raise self.error(
                f"{what}: would take {self.taken >> 20} MiB of memory, more than {TIMES} times its "
                f"{self.tensors >> 20} MiB of tensors and {SPARE >> 20} MiB"
            )

    def compute(self, numbers: int, what: str) -> None:
        """Raises ``error`` where ``what`` is about to compute more numbers than it may take bytes of memory."""
        if numbers > self._most:
            raise self.error(f"{what}: would compute {numbers} numbers, and its tensors account for {self._most}")

    @property
    def _most(self) -> int:
        return TIMES * self.tensors + SPARE


def json_bytes(text: bytes) -> int:
    """The most bytes of memory that parsing a JSON text takes, known before it is parsed.

    Every value stands behind one of four marks. Marks inside of strings count too, so the result can be too large.

    Examples
    --------
    >>> from forwardpass.limits import json_bytes
    >>> json_bytes(b"[[],[]]")
    684
    """
    return BYTES_OF_TEXT * len(text) + BYTES_OF_MARK * sum(text.count(mark) for mark in (b",", b":", b"[", b"{"))


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The ``object_pairs_hook`` of json.loads(): a dict. Raises ValueError where a key stands there twice."""
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a key stands there twice")
    return made


def open_regular(path: str | os.PathLike[str], error: type[ValueError]) -> IO[bytes]:
    """Open a regular file for reading. Others are refused: a pipe may hang, and a device may never end.

    Raises
    ------
    ValueError
        Of the class ``error``: the path is no regular file.
    OSError
        The file cannot be opened.
    """
    # Without O_NONBLOCK, opening a pipe would wait for a writer. The flag does nothing to a regular file.
    try:
        file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))  # noqa: SIM115 (given away)
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return file
        file.close()
    except IsADirectoryError:
        pass
    raise error("expected a regular file")
