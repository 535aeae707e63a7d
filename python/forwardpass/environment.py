"""Around arithmetic in Python: the standard floating-point environment, and settings that an interrupt cannot leave."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from functools import wraps
from typing import ParamSpec, TypeVar

from . import _core

P = ParamSpec("P")
R = TypeVar("R")


@contextmanager
def standard_floats() -> Iterator[None]:
    """Rounding to nearest, subnormals kept: other libraries switch both for the whole thread, and NumPy obeys."""
    found = _core.enter_standard_floats()
    try:
        yield
    finally:
        _core.leave_standard_floats(found)


def undisturbed(function: Callable[P, R]) -> Callable[P, R]:
    """Runs a function in the standard floating-point environment, and in a copy of the caller's context.

    An interrupt can come while ``numpy.errstate`` changes the context. Then the copy alone is changed.

    Examples
    --------
    >>> import numpy as np
    >>> from forwardpass.environment import undisturbed
    >>> undisturbed(np.seterr)(all="raise") == np.geterr()
    True
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with standard_floats():
            return copy_context().run(function, *args, **kwargs)

    return run
