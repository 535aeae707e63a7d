"""How many threads a call may use: in a block of code, and as threadpoolctl sees it."""

from collections.abc import Iterator
from contextlib import contextmanager

from . import _core


@contextmanager
def num_threads(num_threads: int) -> Iterator[None]:
    """In a ``with`` block, how many threads the calls from this Python thread may use.

    Parameters
    ----------
    num_threads : int
        From 1 up; 256 and more count as 256. Comes before ``set_num_threads``, and after the
        argument ``num_threads`` of a call.

    Raises
    ------
    TypeError
        No integer.
    ValueError
        Less than 1.

    Examples
    --------
    >>> import forwardpass as fp
    >>> with fp.num_threads(1):
    ...     fp.get_num_threads()
    1
    """
    before = _core.override_num_threads(num_threads)
    try:
        yield
    finally:
        _core.override_num_threads(before or None)
