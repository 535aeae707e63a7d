"""The layer that takes the axis of a single feature away."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arithmetic import Arithmetic, Bound
from .declared import Argument
from .elementwise import Elementwise
from .wide import Dtype, Wide

__all__ = ["Squeeze"]


def _last(name: str, value: int) -> int:
    if value != -1 or isinstance(value, bool):
        raise ValueError(f"{name}: expected -1, the last axis, got {value!r}")
    return -1


class Squeeze(Elementwise):
    """Answers of one feature without its axis: x of shape (..., 1) becomes (...). Other shapes stay what they are.

    It is the last layer of a network that gives one number for each row, because other layers take the last axis for
    a row.

    Parameters
    ----------
    dim : int
        -1, the last axis.

    Raises
    ------
    ValueError
        Another axis.

    Examples
    --------
    >>> import numpy as np, forwardpass as fp
    >>> net = fp.Sequential(fp.Linear.random(3, 1, rng=0), fp.Squeeze())
    >>> net(np.ones((5, 3), np.float32)).shape
    (5,)
    """

    rounds = False
    dim = Argument(_last, int)

    def __init__(self, dim: int = -1) -> None:
        super().__init__("identity", axes="squeeze", dim=dim)

    def reference(self, x: Wide, dtype: Dtype) -> Wide:
        """Another shape."""
        return x.reshape(x.shape[:-1]) if x.shape[-1] == 1 else x

    def bound(self, x: NDArray[Any], y: NDArray[Any], error: Bound, a: Arithmetic) -> Bound:
        """Another shape."""
        return error.reshape(np.shape(y))
