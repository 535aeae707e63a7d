"""Softmax and LogSoftmax, which sum the exponentials of a row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arithmetic import Arithmetic, Bound
from .declared import Argument
from .module import Meaning, Module
from .wide import Dtype, Wide, exp, log1p

__all__ = ["LogSoftmax", "Softmax"]


def _axis(name: str, value: int) -> int:
    if value not in (-1, 1) or isinstance(value, bool):
        raise ValueError(f"{name}: expected -1, the last axis, or 1, the last axis of rows, got {value!r}")
    return int(value)


class OverAnAxis(Module):
    """A function along the last axis, or along axis 1 of x with at most two axes."""

    order = "row_order"
    dim = Argument(_axis, int)

    def __init__(self, dim: int = -1) -> None:
        checked = self.check_arguments({"dim": dim})
        axes = "any" if checked["dim"] == -1 else "rows"
        super().__init__(self.function, 0.0, 0.0, None, None, axes, arguments=checked)

    def below_largest(self, x: NDArray[Any]) -> Bound:
        """How far each element lies below the largest one of its row."""
        values = x.astype(np.float64)
        below: Bound = np.abs(values - values.max(axis=-1, keepdims=True, initial=-np.inf))
        return below


class Softmax(OverAnAxis):
    """e^x divided by the sum of e^x in its row.

    Parameters
    ----------
    dim : int
        -1 is the last axis. 1 is allowed for PyTorch's sake: then x with more than two axes is refused.

    Raises
    ------
    ValueError
        Another axis.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.Softmax()([1.0, 1.0, 1.0, 1.0])
    array([0.25, 0.25, 0.25, 0.25])
    """

    function = "softmax"

    def reference(self, x: Wide, dtype: Dtype) -> Wide:
        """The definition in wider numbers. Subtracting the row's largest x first keeps e^x from overflowing."""
        e = exp(x - x.max(axis=-1, keepdims=True))
        y: Wide = e / e.sum(axis=-1, keepdims=True)
        return y

    def meaning(self, given: Meaning) -> Meaning:
        """They are at least 0, and their sum is 1."""
        return "shares"

    def bound(self, x: NDArray[Any], y: NDArray[Any], error: Bound, a: Arithmetic) -> Bound:
        """An error of x changes each e^x, and so their sum, by a factor of at most e^largest. No answer is above 1."""
        largest = error.max(axis=-1, keepdims=True, initial=0.0)
        others = 0.0 if a.ours else 8 * a.u * (self.below_largest(x) + x.shape[-1])
        share = np.minimum((np.abs(y) * (1 + 4 * a.u) + 2 * a.underflow) * np.expm1(2 * largest + others), 1.0)
        # Each e^x is rounded before it is divided.
        bound: Bound = share + a.of_result(y, a.element_units)
        return bound


class LogSoftmax(OverAnAxis):
    """The logarithm of Softmax, exact where that is near 0 or 1.

    Parameters
    ----------
    dim : int
        -1 is the last axis. 1 is allowed for PyTorch's sake: then x with more than two axes is refused.

    Raises
    ------
    ValueError
        Another axis.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.LogSoftmax()([1000.0, 0.0])
    array([    0., -1000.])
    """

    function = "log_softmax"

    def reference(self, x: Wide, dtype: Dtype) -> Wide:
        """The definition in wider numbers. The largest x contributes e^0 = 1 to the sum, which log1p adds."""
        d = x - x.max(axis=-1, keepdims=True)
        others = exp(d)
        np.put_along_axis(others, d.argmax(axis=-1, keepdims=True), 0, axis=-1)
        y: Wide = d - log1p(others.sum(axis=-1, keepdims=True))
        return y

    def bound(self, x: NDArray[Any], y: NDArray[Any], error: Bound, a: Arithmetic) -> Bound:
        """The error of x, plus the largest error of the row, which changes the sum, plus the layer's rounding."""
        own = 0.0 if a.ours else 8 * a.u * (self.below_largest(x) + np.log(max(x.shape[-1], 1)) + 1)
        largest = error.max(axis=-1, keepdims=True, initial=0.0)
        bound: Bound = error + largest + own + a.of_result(y, a.row_units)
        return bound
