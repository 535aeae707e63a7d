"""The labels of outputs of shape (..., outputs), in each of the three ways that a classifier may speak of them.

A network of one row takes a fifth of a microsecond, so each function does what its case needs and no more [log 24].
NaN has no label: every function raises ValueError for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .module import FloatArray

Choose = Callable[[FloatArray], Any]


def one_of_two(labels: NDArray[Any], edge: float, dtype: DTypeLike | None) -> Choose:
    """The second label where the one output is above the edge; the first where it is not."""
    edges = np.array([edge, np.inf], dtype)  # only NaN is sorted behind both, where there is no label
    scalars, single = (labels[0], labels[1]), (labels[:1], labels[1:])

    def choose(y: FloatArray) -> Any:
        if y.size == 1 and y.ndim <= 2:  # Python's own float takes half the time of NumPy's functions
            p = y.item()
            if p == p:
                return scalars[p > edge] if y.ndim == 1 else single[p > edge].copy()
        try:
            return labels[edges.searchsorted(y[..., 0])]
        except IndexError:
            raise _no_label(y) from None

    return choose


def each(edge: float, dtype: DTypeLike | None) -> Choose:
    """1 for each output above the edge; 0 for the others."""
    edges = np.array([edge], dtype)

    def choose(y: FloatArray) -> Any:
        if _has_nan(y):
            raise _no_label(y)
        return edges.searchsorted(y)  # `y > edge` takes twice as long for a row

    return choose


def largest(labels: NDArray[Any]) -> Choose:
    """The label of the largest output; of equal ones, the first."""
    outputs = len(labels)

    def choose(y: FloatArray) -> Any:
        at = y.argmax(-1)
        if y.size == outputs:  # one row, of which the largest is known
            value = y.item(int(at) if y.ndim == 1 else at.item())
            if value == value:
                return labels[at]
        elif not _has_nan(y):
            return labels[at]
        raise _no_label(y)

    return choose


def _has_nan(y: FloatArray) -> bool:
    """Whether any output is NaN: the first NaN counts as the largest, and NumPy's own question takes longer."""
    if y.size == 0:
        return False
    value = y.item(int(y.argmax()))  # .item() of a scalar of NumPy takes five times as long as int()
    return bool(value != value)


def _no_label(y: FloatArray) -> ValueError:
    row = int(np.isnan(y).any(axis=-1).argmax())
    return ValueError(f"x: row {row} gives NaN, which has no label: fill in what is missing, or leave the row out")
