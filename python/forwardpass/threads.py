"""How many threads a call may use: in a block of code, and as threadpoolctl sees it."""

from collections.abc import Iterator
from contextlib import contextmanager

from . import _core

try:
    # Optional, and imported at once: it asks only libraries that registered before it was asked itself.
    import threadpoolctl
except ImportError:
    pass
else:

    class _Controller(threadpoolctl.LibController):
        """Finds the extension among the loaded libraries by the two symbols that only it exports."""

        user_api = "forwardpass"
        internal_api = "forwardpass"
        filename_prefixes = ("_core.",)
        check_symbols = ("forwardpass_get_num_threads", "forwardpass_set_num_threads")

        def get_num_threads(self) -> int:
            return _core.get_num_threads()

        def set_num_threads(self, num_threads: int) -> None:
            _core.set_num_threads(num_threads)

        def get_version(self) -> str:
            return _core.__version__

    threadpoolctl.register(_Controller)


@contextmanager
def num_threads(num_threads: int) -> Iterator[None]:
    """Set how many threads calls inside a ``with`` block may use.

    The setting belongs to the context, like that of `numpy.errstate`: other threads and coroutines do not see it. If a
    generator yields inside such a block, the code that runs the generator sees the setting until the block ends.

    Parameters
    ----------
    num_threads : int
        From 1 up; 256 and more count as 256. It has priority over ``set_num_threads``. The argument ``num_threads``
        of a call has priority over it.

    Raises
    ------
    TypeError
        Not an integer.
    ValueError
        Less than 1.

    Examples
    --------
    >>> import forwardpass as fp
    >>> with fp.num_threads(1):
    ...     fp.get_num_threads()
    1
    """
    block = [_core.checked_num_threads(num_threads)]
    blocks = _core.NUM_THREADS_BLOCKS
    try:
        blocks.set((*blocks.get(()), block))
        yield
    finally:
        # A generator may end its block after a block that began later, or in another context. So it ends its own only.
        block[0] = 0
        blocks.set(tuple(other for other in blocks.get(()) if other[0] > 0))
