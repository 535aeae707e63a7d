"""Layers with their own numbers for each feature: they scale, shift, bend or limit it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from .arithmetic import Arithmetic, Bound, Shake
from .declared import Argument, Array
from .features import Doubles, PerFeature, column, empty_table
from .module import FloatArray
from .numbers import less, real
from .wide import Dtype, Wide, number

__all__ = ["Affine", "Clip", "Normalize", "PReLU"]


class Normalize(PerFeature):
    """(x - mean) / std for each feature, limited to -clip and clip: as libraries normalise observations.

    Parameters
    ----------
    mean, std : array_like, shape (features,)
        Kept as float64.
    clip : float, optional

    Raises
    ------
    ValueError
        A shape that does not fit, or a std or clip that is not positive.
    TypeError
        A dtype that is not real.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.Normalize([1.0, 2.0], [2.0, 1.0], clip=10.0)([3.0, 99.0])
    array([ 1., 10.])
    """

    @staticmethod
    def _positive(name: str, value: float | None) -> float | None:
        clip = None if value is None else real(name, value)
        if clip is not None and not less(0.0, clip):
            raise ValueError(f"{name}: expected a positive number, got {value!r}")
        return clip

    mean = column()
    std = column()
    clip = Argument(_positive, optional=True)

    def __init__(self, mean: ArrayLike, std: ArrayLike, clip: float | None = None) -> None:
        super().__init__([mean, std], {"clip": clip})

    @classmethod
    def table_of(cls, arrays: Mapping[str, Doubles], features: int | None, **arguments: Any) -> Doubles:
        """The table. A pair of numbers, multiplied, replaces the division by std."""
        deviations, clip = arrays["std"], arguments["clip"]
        if not np.all(deviations > 0):
            raise ValueError("std: expected positive values")
        table = empty_table(len(deviations))
        table[_core.CENTER] = arrays["mean"]
        table[_core.SCALE : _core.SCALE + 2] = _core.quotients(np.ones_like(deviations), deviations)
        if clip is not None:
            table[_core.LOWEST], table[_core.HIGHEST] = -clip, clip
        return table

    def reference(self, x: Wide, dtype: Dtype) -> Wide:
        """The definition in wider numbers. It uses the arrays and so can find an error of the table."""
        arrays = self.wide_arrays(x)
        y: Wide = (x - arrays["mean"]) / arrays["std"]
        return y if self.clip is None else np.clip(y, number(-self.clip, x), number(self.clip, x))


class Affine(PerFeature):
    """x * scale + offset for each feature.

    Parameters
    ----------
    scale, offset : array_like, shape (features,)
        Kept as float64.

    Raises
    ------
    ValueError
        A shape that does not fit.
    TypeError
        A dtype that is not real.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.Affine([2.0, 3.0], [0.0, 1.0])([1.0, 1.0])
    array([2., 4.])
    """

    scale = column()
    offset = column()

    def __init__(self, scale: ArrayLike, offset: ArrayLike) -> None:
        super().__init__([scale, offset])

    @classmethod
    def table_of(cls, arrays: Mapping[str, Doubles], features: int | None, **arguments: Any) -> Doubles:
        """The table of scale and offset."""
        table = empty_table(len(arrays["scale"]))
        table[_core.SCALE], table[_core.OFFSET] = arrays["scale"], arrays["offset"]
        return table

    def reference(self, x: Wide, dtype: Dtype) -> Wide:
        """The definition, x * scale + offset, in wider numbers."""
        arrays = self.wide_arrays(x)
        return x * arrays["scale"] + arrays["offset"]


class Clip(PerFeature):
    """x, but at least ``low`` and at most ``high``, for each feature. NaN stays NaN.

    Parameters
    ----------
    low, high : array_like, shape (features,)
        Kept as float64; may be infinite.

    Raises
    ------
    ValueError
        A shape that does not fit, or a low that is above its high, or NaN.
    TypeError
        A dtype that is not real.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.Clip([0.0, -1.0], [1.0, 1.0])([-3.0, 3.0])
    array([0., 1.])
    """

    order = ""  # nothing is rounded
    low = column()
    high = column()

    def __init__(self, low: ArrayLike, high: ArrayLike) -> None:
        super().__init__([low, high])

    @classmethod
    def table_of(cls, arrays: Mapping[str, Doubles], features: int | None, **arguments: Any) -> Doubles:
        """The table of the limits. Raises ValueError where a low is above its high."""
        if not np.all(arrays["low"] <= arrays["high"]):
            raise ValueError("low, high: expected low <= high for every feature")
        table = empty_table(len(arrays["low"]))
        table[_core.LOWEST], table[_core.HIGHEST] = arrays["low"], arrays["high"]
        return table

    def reference(self, x: Wide, dtype: Dtype) -> Wide:
        """Clip x to the two limits, in wider numbers."""
        arrays = self.wide_arrays(x)
        y: Wide = np.clip(x, arrays["low"], arrays["high"])
        return y


class PReLU(PerFeature):
    """x, times a slope where x is negative: one slope for all features, or one for each (He et al., 2015).

    Parameters
    ----------
    weight : array_like, shape (1,) or (features,)
        The slopes, kept as float64; the default is PyTorch's. A layer with one slope takes rows of any width. PyTorch
        applies several slopes along axis 1, so such a layer refuses x with more than two axes.

    Raises
    ------
    ValueError
        A shape that does not fit, or an array without slopes.
    TypeError
        A dtype that is not real.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.PReLU([0.25])([-1.0, 2.0])
    array([-0.25,  2.  ])
    >>> fp.PReLU([0.25, 0.5])([-1.0, -2.0])
    array([-0.25, -1.  ])
    """

    size_names = ("num_parameters",)
    order = ""  # one product, which rounds in one way only
    kernel = "prelu"
    weight = Array("num_parameters", double=True)

    def __init__(self, weight: ArrayLike = (0.25,)) -> None:
        array = _core.to_ndarray(weight, "weight")
        # PyTorch applies several slopes along axis 1. That is the last axis of x with two axes only.
        super().__init__([array], axes="any" if array.shape == (1,) else "rows")

    @property
    def num_parameters(self) -> int:
        """How many slopes there are."""
        return len(self.own_arrays()["weight"])

    @property
    def features(self) -> int:
        """How many slopes there are: one where it serves all features."""
        return self.num_parameters

    def shown(self) -> dict[str, Any]:
        """Its repr() is that of torch.nn.PReLU."""
        return {"num_parameters": self.num_parameters}

    @classmethod
    def table_of(cls, arrays: Mapping[str, Doubles], features: int | None, **arguments: Any) -> Doubles:
        """The table, with the slopes in the row SCALE. Raises ValueError where there is no slope."""
        slopes = arrays["weight"]
        if len(slopes) == 0:
            raise ValueError("weight: expected at least one slope")
        table = empty_table(len(slopes))
        table[_core.SCALE] = slopes
        return table

    def reference(self, x: Wide, dtype: Dtype) -> Wide:
        """x, and x times its slope where x is negative, in wider numbers."""
        y: Wide = np.where(x >= 0, x, x * self.wide_arrays(x)["weight"])
        return y

    def bound(self, x: NDArray[Any], y: NDArray[Any], error: Bound, a: Arithmetic) -> Bound:
        """The steeper slope of each feature (1, or its own) times the error, plus one rounding."""
        slopes = np.maximum(1.0, np.abs(self.own_arrays()["weight"]))
        bound: Bound = error * slopes * (1 + 2 * a.u) + a.of_result(y, a.row_units)
        return bound

    def shaken(self, x: FloatArray, shake: Shake) -> FloatArray:
        """The answer if rounding had moved the product of each element."""
        return shake.of(self(x))

    @classmethod
    def widths(cls, sizes: Mapping[str, int]) -> tuple[int, int] | None:
        """As many features as slopes, in and out. None, for any width, where there is one slope."""
        count = sizes["num_parameters"]
        return None if count == 1 else (count, count)
