"""Functions of each element, made of straight lines and parabolas. Names, arguments and defaults are PyTorch's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .declared import Argument
from .elementwise import Elementwise
from .module import Meaning
from .numbers import less, real, single
from .wide import Dtype, Wide, gated, held, number

__all__ = ["Hardsigmoid", "Hardswish", "Hardtanh", "LeakyReLU", "ReLU"]


class ReLU(Elementwise):
    """max(0, x), element by element. NaN stays NaN, and the result is never -0.0.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.ReLU()([-1.0, 2.0])
    array([0., 2.])
    """

    function = "relu"
    rounds = False

    def __init__(self) -> None:
        super().__init__()

    def reference(self, x: Wide, dtype: Dtype) -> Wide:
        """The larger of x and 0, in wider numbers."""
        y: Wide = np.maximum(x, 0)
        return y


class LeakyReLU(Elementwise):
    """x, multiplied by ``negative_slope`` where x is negative.

    Parameters
    ----------
    negative_slope : float

    Raises
    ------
    ValueError
        A slope that is not finite in float32.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.LeakyReLU(0.5)([-1.0, 2.0])
    array([-0.5,  2. ])
    """

    function = "leaky_relu"
    negative_slope = Argument(single)

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__(negative_slope=negative_slope)

    @property
    def largest_slope(self) -> float:
        """The larger of the slope above 0, which is 1, and the slope below 0."""
        return max(1.0, abs(self.negative_slope))

    def reference(self, x: Wide, dtype: Dtype) -> Wide:
        """x, and x times the slope where x is negative, in wider numbers."""
        y: Wide = np.where(x >= 0, x, x * held(self.negative_slope, x, dtype))
        return y


class Hardtanh(Elementwise):
    """x, but at least ``min_val`` and at most ``max_val``; torch's ReLU6 is ``Hardtanh(0, 6)``. NaN stays NaN.

    Parameters
    ----------
    min_val, max_val : float

    Raises
    ------
    ValueError
        A min_val that is not below max_val, or NaN.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.Hardtanh(0.0, 6.0)([-1.0, 2.0, 7.0])
    array([0., 2., 6.])
    """

    function = "hardtanh"
    rounds = False
    min_val = Argument(real)
    max_val = Argument(real)

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0) -> None:
        super().__init__(min_val=min_val, max_val=max_val)

    @classmethod
    def check_arguments(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """The two limits as floats. Raises ValueError where min_val is not below max_val."""
        checked = super().check_arguments(values)
        low, high = checked.values()
        if not less(low, high):
            raise ValueError(f"min_val, max_val: expected min_val < max_val, got {low!r} and {high!r}")
        return checked

    def reference(self, x: Wide, dtype: Dtype) -> Wide:
        """Clip x to the two limits, in wider numbers."""
        y: Wide = np.clip(x, held(self.min_val, x, dtype), held(self.max_val, x, dtype))
        return y


class Hardsigmoid(Elementwise):
    """(x + 3) / 6, but at least 0 and at most 1. NaN stays NaN.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.Hardsigmoid()([-4.0, 0.0, 1.5])
    array([0.  , 0.5 , 0.75])
    """

    function = "hardsigmoid"
    order = "functions"
    largest_slope = 1 / 6

    def __init__(self) -> None:
        super().__init__()

    def reference(self, x: Wide, dtype: Dtype) -> Wide:
        """(x + 3) / 6 between 0 and 1, in wider numbers."""
        y: Wide = np.clip(x + 3, number(0.0, x), number(6.0, x)) / 6
        return y

    def meaning(self, given: Meaning) -> Meaning:
        """Each is between 0 and 1."""
        return "chances"


class Hardswish(Elementwise):
    """x (x + 3) / 6 between -3 and 3, 0 below and x above (Howard et al., 2019).

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.Hardswish()([-4.0, 1.5, 4.0])
    array([-0.   ,  1.125,  4.   ])
    """

    function = "hardswish"
    order = "functions"
    largest_slope = 1.5  # at 3

    def __init__(self) -> None:
        super().__init__()

    def reference(self, x: Wide, dtype: Dtype) -> Wide:
        """The product of x and its Hardsigmoid, in wider numbers."""
        return gated(x, np.clip(x + 3, number(0.0, x), number(6.0, x)) / 6)
