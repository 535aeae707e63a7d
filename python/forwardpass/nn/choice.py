"""The labels of outputs of shape (..., outputs), in each of the three ways that a classifier may speak of them.

A network of one row takes a fifth of a microsecond, so each function does what its case needs and no more [log 24].
NaN has no label: every function raises ValueError for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._core import dot
from .module import FloatArray

Choose = Callable[[FloatArray], Any]


def one_of_two(labels: NDArray[Any], edge: FloatArray) -> Choose:
    """The second label where the one output is above the edge, of shape (1,); the first where it is not."""
    edges = np.append(edge, np.inf)  # only NaN is sorted behind both, where there is no label

    def choose(y: FloatArray) -> Any:
        try:
            return labels[edges.searchsorted(y[..., 0])]  # `y > edge` takes twice as long
        except IndexError:
            raise _no_label(y) from None

    return choose


def each(edge: FloatArray) -> Choose:
    """1 for each output above the edge, of shape (1,); 0 for the others."""

    def choose(y: FloatArray) -> Any:
        if _has_nan(y):
            raise _no_label(y)
        return edge.searchsorted(y)

    return choose


def largest(labels: NDArray[Any]) -> Choose:
    """The label of the largest output; of equal ones, the first."""

    def choose(y: FloatArray) -> Any:
        if _has_nan(y):
            raise _no_label(y)
        return labels[y.argmax(-1)]

    return choose


def _has_nan(y: FloatArray) -> bool:
    """Whether their sum of squares is NaN: it is Inf at most for numbers, and NumPy's own questions take longer."""
    flat = y.ravel()
    return math.isnan(dot(flat, flat))


def _no_label(y: FloatArray) -> ValueError:
    row = int(np.isnan(y).any(axis=-1).argmax())
    return ValueError(f"x: row {row} gives NaN, which has no label: fill in what is missing, or leave the row out")
