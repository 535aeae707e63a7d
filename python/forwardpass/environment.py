"""Around arithmetic in Python: standard floats, and settings that no interrupt leaves changed."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar, cast

from . import _core

P = ParamSpec("P")
R = TypeVar("R")


def undisturbed(function: Callable[P, R]) -> Callable[P, R]:
    """Runs a function with rounding to nearest and subnormals kept, and in a copy of the caller's context.

    Other libraries switch the rounding mode and flush-to-zero for the whole thread, and NumPy obeys. An interrupt can
    come while ``numpy.errstate`` changes the context: then the copy alone is changed.

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
