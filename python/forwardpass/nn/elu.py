"""Functions of each element: x above 0, and e^x - 1 below 0, with factors. Names and defaults are PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arithmetic import Bound
from .declared import Argument
from .elementwise import Elementwise
from .numbers import single
from .wide import Dtype, Wide, expm1, held, number

__all__ = ["CELU", "ELU", "SELU"]


class ExpBelow(Elementwise):
    """A function that is made of e^x - 1 below 0."""

    order = "functions"

    def cancelled(self, x: NDArray[Any]) -> Bound:
        """The size of the terms that cancel. Below 0, neither e^x nor 1 is larger than 1."""
        return np.minimum(super().cancelled(x), 1.0) + 1.0


class ELU(ExpBelow):
    """x, and alpha (e^x - 1) where x is negative (Clevert et al., 2015).

    Parameters
    ----------
    alpha : float

    Raises
    ------
    ValueError
        An alpha that is not finite in float32.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.ELU()([-1000.0, 2.0])
    array([-1.,  2.])
    """

    function = "elu"
    alpha = Argument(single)

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__(alpha=alpha)

    @property
    def largest_slope(self) -> float:
        """The larger of the slope above 0, which is 1, and the steepest slope below 0, which is alpha."""
        return max(1.0, abs(self.alpha))

    def reference(self, x: Wide, dtype: Dtype) -> Wide:
        """x, and alpha (e^x - 1) where x is negative, in wider numbers."""
        y: Wide = np.where(x >= 0, x, held(self.alpha, x, dtype) * expm1(np.minimum(x, x * 0)))
        return y


class CELU(ExpBelow):
    """x, and alpha (e^(x / alpha) - 1) where x is negative: an ELU whose slope is continuous (Barron, 2017).

    Parameters
    ----------
    alpha : float

    Raises
    ------
    ValueError
        An alpha that is not between 1e-30 and 1e30.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.CELU(2.0)([-1000.0, 2.0])
    array([-2.,  2.])
    """

    @staticmethod
    def _middling(name: str, value: float) -> float:
        alpha = single(name, value)
        if not 1e-30 <= alpha <= 1e30:  # float32 must hold 1 / alpha too, with all its digits and some more
            raise ValueError(f"{name}: expected a number from 1e-30 to 1e30, got {value!r}")
        return alpha

    function = "celu"
    alpha = Argument(_middling)

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__(alpha=alpha)

    def reference(self, x: Wide, dtype: Dtype) -> Wide:
        """x, and alpha (e^(x / alpha) - 1) where x is negative, in wider numbers."""
        alpha = held(self.alpha, x, dtype)
        y: Wide = np.where(x >= 0, x, alpha * expm1(np.minimum(x, x * 0) / alpha))
        return y

    def cancelled(self, x: NDArray[Any]) -> Bound:
        """The size of the terms that cancel. Below 0, neither alpha e^(x / alpha) nor alpha is larger than alpha."""
        size: Bound = np.minimum(np.abs(x).astype(np.float64), self.alpha) + self.alpha
        return size


class SELU(ExpBelow):
    """1.0507 times an ELU of alpha = 1.6733, with the constants of Klambauer et al., 2017.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.SELU()([1.0])
    array([1.05070099])
    """

    function = "selu"
    largest_slope = 1.7581  # the product of its two constants, just below 0

    def __init__(self) -> None:
        super().__init__()

    def reference(self, x: Wide, dtype: Dtype) -> Wide:
        """The function with the paper's constants, in wider numbers."""
        scale, alpha = number("1.0507009873554804934193349852946", x), number("1.6732632423543772848170429916717", x)
        y: Wide = scale * np.where(x >= 0, x, alpha * expm1(np.minimum(x, x * 0)))
        return y
