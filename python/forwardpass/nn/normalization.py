"""Normalisation: of a row by its own mean and deviation, or of each feature by numbers that training found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from .arithmetic import Arithmetic, Bound
from .declared import Argument
from .features import Doubles, PerFeature, column, empty_table, is_held
from .module import Module
from .numbers import real
from .wide import Dtype, Wide, number, sqrt

__all__ = ["BatchNorm1d", "LayerNorm", "RMSNorm"]


def _not_negative(name: str, value: float) -> float:
    eps = real(name, value)
    if not 0 <= eps < np.inf:
        raise ValueError(f"{name}: expected a number that is not negative, got {value!r}")
    return eps


def number_of_features(name: str, shape: Any) -> int:
    """The number, given as PyTorch takes it: an int, or a tuple or list of one. Raises ValueError or TypeError."""
    if isinstance(shape, (tuple, list)) and len(shape) == 1:
        (shape,) = shape
    if isinstance(shape, bool) or not isinstance(shape, (int, np.integer)):
        raise TypeError(f"{name}: expected the number of features, got {shape!r}")
    if shape < 0:
        raise ValueError(f"{name}: expected the number of features, got {shape}")
    return int(shape)


class RowNorm(PerFeature):
    """A layer that divides a row by its deviation: from its mean, or from 0.

    Attributes
    ----------
    centred : bool
        Of a class: whether the mean is subtracted.
    """

    centred: ClassVar[bool]
    eps: Argument[float]

    @property
    def normalized_shape(self) -> tuple[int]:
        """The number of features, as PyTorch has it."""
        return (self.features,)

    def shown(self) -> dict[str, Any]:
        """Its repr() is that of PyTorch's layer, with a number instead of a tuple."""
        return {"normalized_shape": self.features, "eps": self.eps}

    def made_from(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The number of features too, because a layer without arrays cannot tell it otherwise."""
        _, named = super().made_from()
        return (self.features,), named

    @classmethod
    def built(cls, sizes: Mapping[str, int], parts: Mapping[str, Any], children: Sequence[Module]) -> Module:
        """The layer of these sizes, arrays and arguments. The class takes the number of features first."""
        layer: Any = cls
        made: Module = layer(sizes["features"], **parts)
        return made

    @classmethod
    def table_of(cls, arrays: Mapping[str, Doubles], features: int | None, **arguments: Any) -> Doubles:
        """The table with the weight and the bias. The kernel computes mean and deviation for each row."""
        assert features is not None
        table = empty_table(features)
        table[_core.SCALE] = arrays.get("weight", 1.0)
        table[_core.OFFSET] = arrays.get("bias", 0.0)
        return table

    def reference(self, x: Wide, dtype: Dtype) -> Wide:
        """The definition in wider numbers. The variance divides by the number of features, not by one less."""
        arrays, count = self.wide_arrays(x), x.shape[-1]
        middle = x - x.sum(axis=-1, keepdims=True) / count if self.centred else x
        variance = (middle * middle).sum(axis=-1, keepdims=True) / count
        y: Wide = middle / sqrt(variance + number(self.eps, x))
        return y * arrays.get("weight", 1) + arrays.get("bias", 0)

    def bound(self, x: NDArray[Any], y: NDArray[Any], error: Bound, a: Arithmetic) -> Bound:
        """The bound does not grow with the mean: x minus its first element is rounded by its own size only."""
        table, width = self.table(), x.shape[-1]
        scale, offset = np.abs(table[_core.SCALE]), np.abs(table[_core.OFFSET])
        if width == 0:
            return error
        # Scaled by a power of two, so that no square overflows or underflows here.
        _, exponents = np.frexp(np.abs(x).max(axis=-1, keepdims=True, initial=0.0))
        values, error = np.ldexp(x.astype(np.float64), -exponents), np.ldexp(error, -exponents)
        moved, lost_offset = _moved(values, error, np.ldexp(np.sqrt(self.eps), -exponents), self.centred, a)
        bound = moved * scale * (1 + 2.0**-20) + lost_offset * offset + a.underflow * (scale + 1)
        known = is_held(offset, x) & np.isfinite(scale)
        return np.where(known, bound, np.inf) + a.of_result(y, a.row_units)


def _moved(values: Doubles, error: Bound, root_of_eps: Doubles, centred: bool, a: Arithmetic) -> tuple[Bound, float]:
    """How far (x - mean) / deviation can be from exact, and which share of the bias rounding may lose."""
    width = values.shape[-1]
    shifted = values - values[..., :1] if centred else values
    middle = shifted - shifted.mean(axis=-1, keepdims=True) if centred else values
    spread = np.sqrt((middle**2).mean(axis=-1, keepdims=True))
    deviation = np.hypot(spread, root_of_eps)
    rounded_here = (width + 8) * 2.0**-53 * np.abs(shifted).max(axis=-1, keepdims=True, initial=0.0)
    # The deviation is a norm of x - mean (and of eps). So it changes by at most the same norm of the error.
    change = np.sqrt((error**2).mean(axis=-1, keepdims=True))
    if a.ours:
        # A sum in pairs loses u^2 of the sizes of its terms, times the square of the most additions that a term goes
        # through (Ogita, Rump and Oishi, Accurate sum and dot product, 2005). Terms are a few deviations from 0. Rows
        # of float32 are summed in doubles, which lose less.
        lanes = 16 if a.single else 8
        lost = (20 * (width / lanes + lanes + 1) ** 2 + 100) * a.u * a.u
        of_mean, of_deviation, lost_offset = lost * spread, lost * deviation, 4 * a.u * a.u
    else:
        lost_offset = (4 * width + 16) * a.u
        of_mean = lost_offset * np.abs(values).max(axis=-1, keepdims=True, initial=0.0)
        of_deviation = lost_offset * deviation + of_mean
    if centred:
        error = error + error.mean(axis=-1, keepdims=True) + of_mean
    error = error + rounded_here
    change = change + of_deviation + rounded_here
    moved = (error + np.abs(middle) / deviation * change) / (deviation - change)
    # Even with a wrong mean or deviation, no result is further from the exact one than this.
    furthest = 2 * np.sqrt(width)
    return np.where(deviation > change, np.minimum(moved, furthest), furthest), lost_offset


class LayerNorm(RowNorm):
    """(x - mean) / sqrt(variance + eps) of each row, times ``weight``, plus ``bias`` (Ba et al., 2016).

    Parameters
    ----------
    normalized_shape : int, or a tuple or list of one
        The number of features.
    weight, bias : array_like, shape (features,), optional
        Kept as float64; without them 1 and 0.
    eps : float

    Raises
    ------
    ValueError
        A shape that does not fit, or an eps that is negative.
    TypeError
        A dtype that is not real.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.LayerNorm(2, eps=0.0)([1.0, 3.0])
    array([-1.,  1.])
    """

    kernel = "layer_norm"
    centred = True
    weight = column(optional=True)
    bias = column(optional=True)
    eps = Argument(_not_negative)

    def __init__(
        self,
        normalized_shape: int | tuple[int] | list[int],
        weight: ArrayLike | None = None,
        bias: ArrayLike | None = None,
        eps: float = 1e-5,
    ) -> None:
        super().__init__([weight, bias], {"eps": eps}, number_of_features("normalized_shape", normalized_shape))


class RMSNorm(RowNorm):
    """x / sqrt(mean of x^2 + eps) of each row, times ``weight`` (Zhang and Sennrich, 2019).

    Parameters
    ----------
    normalized_shape : int, or a tuple or list of one
        The number of features.
    weight : array_like, shape (features,), optional
        Kept as float64; without it 1.
    eps : float
        The default 2^-23 is what PyTorch takes for float32.

    Raises
    ------
    ValueError
        A shape that does not fit, or an eps that is negative.
    TypeError
        A dtype that is not real.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.RMSNorm(2, eps=0.0)([1.0, 7.0])
    array([0.2, 1.4])
    """

    kernel = "rms_norm"
    centred = False
    weight = column(optional=True)
    eps = Argument(_not_negative)

    def __init__(
        self,
        normalized_shape: int | tuple[int] | list[int],
        weight: ArrayLike | None = None,
        eps: float = 2.0**-23,
    ) -> None:
        super().__init__([weight], {"eps": eps}, number_of_features("normalized_shape", normalized_shape))


class BatchNorm1d(PerFeature):
    """(x - running_mean) / sqrt(running_var + eps), times ``weight``, plus ``bias``, for each feature.

    What PyTorch's BatchNorm1d computes in eval mode (Ioffe and Szegedy, 2015), for x of shape (rows, features) or
    (features,). PyTorch normalises axis 1 of x with three axes, which is not the last one: such x is refused.

    Parameters
    ----------
    running_mean : array_like, shape (features,), or int
        A number of features makes a layer as PyTorch's begins, for ``load_state_dict``: running_var and weight are 1,
        running_mean and bias 0.
    running_var : array_like, shape (features,)
        Given together with an array.
    weight, bias : array_like, shape (features,), optional
        All are kept as float64; without weight and bias 1 and 0.
    eps : float

    Raises
    ------
    ValueError
        A shape that does not fit, or a variance and eps whose sum is not positive.
    TypeError
        A dtype that is not real, or a mean without a variance.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.BatchNorm1d([1.0, 2.0], [4.0, 9.0], eps=0.0)([3.0, 2.0])
    array([1., 0.])
    """

    training_names = ("num_batches_tracked",)
    weight = column(optional=True)
    bias = column(optional=True)
    running_mean = column()
    running_var = column()
    eps = Argument(_not_negative)

    def __init__(
        self,
        running_mean: ArrayLike | int,
        running_var: ArrayLike | None = None,
        weight: ArrayLike | None = None,
        bias: ArrayLike | None = None,
        eps: float = 1e-5,
    ) -> None:
        arrays = [weight, bias, running_mean, running_var]
        if running_var is None:
            if weight is not None or bias is not None or np.ndim(running_mean) > 0:
                raise TypeError("running_var: expected an array beside running_mean, got None")
            features = number_of_features("running_mean", running_mean)
            arrays = [np.ones(features), np.zeros(features), np.zeros(features), np.ones(features)]
        super().__init__(arrays, {"eps": eps}, axes="rows")

    @classmethod
    def table_of(cls, arrays: Mapping[str, Doubles], features: int | None, **arguments: Any) -> Doubles:
        """The table. A pair of numbers, multiplied, replaces the division by the deviation."""
        variances, eps = arrays["running_var"], arguments["eps"]
        if not np.all(variances + eps > 0):
            raise ValueError("running_var: expected values that are positive with eps added")
        table = empty_table(len(variances))
        table[_core.CENTER] = arrays["running_mean"]
        table[_core.OFFSET] = arrays.get("bias", 0.0)
        weights = arrays.get("weight", np.ones_like(variances))
        table[_core.SCALE : _core.SCALE + 2] = _core.quotients(weights, variances, eps)
        return table

    def reference(self, x: Wide, dtype: Dtype) -> Wide:
        """The definition in wider numbers. It uses the arrays and so can find an error of the table."""
        arrays = self.wide_arrays(x)
        y: Wide = (x - arrays["running_mean"]) / sqrt(arrays["running_var"] + number(self.eps, x))
        return y * arrays.get("weight", 1) + arrays.get("bias", 0)
