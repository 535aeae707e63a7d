"""`undisturbed` protects arithmetic in Python from the caller's float settings, and the settings from interrupts."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar, cast

from . import _core

P = ParamSpec("P")
R = TypeVar("R")


def undisturbed(function: Callable[P, R]) -> Callable[P, R]:
    """The function, run with rounding to nearest and subnormals kept, in a copy of the caller's context.

    Other libraries switch the rounding mode and flush-to-zero for the whole thread, and NumPy obeys. An interrupt can
    come while ``numpy.errstate`` changes the context. Then only the copy stays changed.

    Examples
    --------
    >>> import numpy as np
    >>> from forwardpass.environment import undisturbed
    >>> undisturbed(np.seterr)(all="raise") == np.geterr()
    True
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        return cast(R, _core.undisturbed(function, args, kwargs))

    return run
