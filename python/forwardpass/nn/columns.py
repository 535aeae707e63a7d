"""Layers with a few numbers for each feature: normalisation, scaling, limits.

Their arrays are float64 whatever the network computes in, and the network uses them to twice its own precision, so
that a mean that is large beside its deviation loses nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from ..environment import undisturbed
from .module import Array, Module, Prepared
from .numbers import less, real

Doubles = NDArray[np.float64]

# The rows of a table, as ColumnRow in cpp/kernels/contract.hpp: each value but the limits in two parts.
CENTER, SCALE, OFFSET, LOWEST, HIGHEST, ROWS = 0, 2, 4, 6, 7, 8


class Columns(Module):
    """A layer that holds arrays of shape (features,)."""

    _function = "columns"
    _optional: tuple[str, ...] = ()  # arrays that may be absent

    def _start(
        self, arrays: Mapping[str, ArrayLike | None], eps: float = 0.0, width: int | None = None, axes: str = "any"
    ) -> None:
        checked, table = self._packed(arrays.keys(), arrays.values(), width)
        super().__init__(self._function, eps, 0.0, table, tuple(checked.values()), axes)
        self._names = tuple(checked)

    @undisturbed
    def _packed(
        self, names: Iterable[str], values: Iterable[ArrayLike | None], width: int | None, prefix: str = ""
    ) -> tuple[dict[str, Doubles], Doubles]:
        """The arrays, checked, and what _core packs of them."""
        arrays = self._checked(names, values, width, prefix)
        return arrays, self._table(arrays)

    def _checked(
        self, names: Iterable[str], values: Iterable[ArrayLike | None], width: int | None, prefix: str = ""
    ) -> dict[str, Doubles]:
        """Arrays of one length, without the optional ones that are None."""
        arrays: dict[str, Doubles] = {}
        for name, value in zip(names, values, strict=True):
            if value is None and name in self._optional:
                continue
            array = _core.to_ndarray(value, prefix + name)
            if array.dtype.kind not in "biuf":
                raise TypeError(f"{prefix}{name}: expected real numbers, got dtype {array.dtype}")
            if array.ndim != 1:
                raise ValueError(f"{prefix}{name}: expected shape (features,), got {array.shape}")
            width = array.shape[0] if width is None else width
            if array.shape[0] != width:
                raise ValueError(f"{prefix}{name}: expected shape ({width},), got {array.shape}")
            arrays[name] = array.astype(np.float64)
        return arrays

    def _table(self, arrays: Mapping[str, Doubles]) -> Doubles:
        """What _core takes. Raises ValueError for values that make no sense."""
        raise NotImplementedError

    def table(self) -> Doubles:
        """The rows of numbers that the layer computes with, shape (ROWS, features): CENTER, SCALE, OFFSET, limits."""
        return self._table(self._own_arrays())

    def _own_names(self) -> tuple[str, ...]:
        return self._names

    def _prepared(self, prefix: str, values: list[ArrayLike]) -> Prepared:
        arrays, table = self._packed(self._names, values, self.num_features, prefix)
        return Prepared([prefix.rstrip(".")], [(table, tuple(arrays.values()))])

    @property
    def num_features(self) -> int:
        """How many features a row has."""
        features = self.in_features
        assert features is not None  # columns have a width
        return features


class LayerNorm(Columns):
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

    _function = "layer_norm"
    _optional = ("weight", "bias")
    weight = Array("A new read-only array, shape (features,), float64, or None.")
    bias = Array("A new read-only array, shape (features,), float64, or None.")

    def __init__(
        self,
        normalized_shape: int | tuple[int] | list[int],
        weight: ArrayLike | None = None,
        bias: ArrayLike | None = None,
        eps: float = 1e-5,
    ) -> None:
        if isinstance(normalized_shape, (tuple, list)) and len(normalized_shape) == 1:
            (normalized_shape,) = normalized_shape  # as PyTorch takes it, too
        if isinstance(normalized_shape, bool) or not isinstance(normalized_shape, (int, np.integer)):
            raise TypeError(f"normalized_shape: expected the number of features, got {normalized_shape!r}")
        if normalized_shape < 0:
            raise ValueError(f"normalized_shape: expected the number of features, got {normalized_shape}")
        self.normalized_shape = (int(normalized_shape),)  # as PyTorch has it
        self.eps = _eps(eps)
        self._start({"weight": weight, "bias": bias}, self.eps, width=int(normalized_shape))

    def _table(self, arrays: Mapping[str, Doubles]) -> Doubles:
        table = _empty_table(*self.normalized_shape)
        table[SCALE] = arrays.get("weight", 1.0)
        table[OFFSET] = arrays.get("bias", 0.0)
        return table

    def _config(self) -> dict[str, Any]:
        return {"normalized_shape": self.num_features, "eps": self.eps}

    def _arguments(self) -> tuple[Any, ...]:
        arrays = self._own_arrays()
        return (self.normalized_shape, arrays.get("weight"), arrays.get("bias"), self.eps)


class BatchNorm1d(Columns):
    """(x - running_mean) / sqrt(running_var + eps), times ``weight``, plus ``bias``, for each feature.

    What PyTorch's BatchNorm1d computes in eval mode (Ioffe and Szegedy, 2015), for x of shape (rows, features) or
    (features,). PyTorch normalises axis 1 of x with three axes, which is not the last one: such x is refused.

    Parameters
    ----------
    running_mean, running_var : array_like, shape (features,)
    weight, bias : array_like, shape (features,), optional
        All are kept as float64; without weight and bias 1 and 0.
    eps : float

    Raises
    ------
    ValueError
        A shape that does not fit, or a variance and eps whose sum is not positive.
    TypeError
        A dtype that is not real.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.BatchNorm1d([1.0, 2.0], [4.0, 9.0], eps=0.0)([3.0, 2.0])
    array([1., 0.])
    """

    _optional = ("weight", "bias")
    _training_names = ("num_batches_tracked",)
    weight = Array("A new read-only array, shape (features,), float64, or None.")
    bias = Array("A new read-only array, shape (features,), float64, or None.")
    running_mean = Array("A new read-only array, shape (features,), float64.")
    running_var = Array("A new read-only array, shape (features,), float64.")

    def __init__(
        self,
        running_mean: ArrayLike,
        running_var: ArrayLike,
        weight: ArrayLike | None = None,
        bias: ArrayLike | None = None,
        eps: float = 1e-5,
    ) -> None:
        arrays = {"weight": weight, "bias": bias, "running_mean": running_mean, "running_var": running_var}
        self.eps = _eps(eps)
        self._start(arrays, self.eps, axes="rows")

    def _table(self, arrays: Mapping[str, Doubles]) -> Doubles:
        variances = arrays["running_var"]
        if not np.all(variances + self.eps > 0):
            raise ValueError("running_var: expected values that are positive with eps added")
        table = _empty_table(len(variances))
        table[CENTER] = arrays["running_mean"]
        table[OFFSET] = arrays.get("bias", 0.0)
        weights = arrays.get("weight", np.ones_like(variances))
        table[SCALE : SCALE + 2] = _core.quotients(weights, variances, self.eps)
        return table

    def _config(self) -> dict[str, Any]:
        return {"num_features": self.num_features, "eps": self.eps}

    def _arguments(self) -> tuple[Any, ...]:
        arrays = self._own_arrays()
        return (*(arrays.get(name) for name in ("running_mean", "running_var", "weight", "bias")), self.eps)


class Normalize(Columns):
    """(x - mean) / std for each feature, and at most ``clip`` away from 0: for normalisers of observations.

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

    mean = Array("A new read-only array, shape (features,), float64.")
    std = Array("A new read-only array, shape (features,), float64.")

    def __init__(self, mean: ArrayLike, std: ArrayLike, clip: float | None = None) -> None:
        self.clip = None if clip is None else real("clip", clip)
        if self.clip is not None and not less(0.0, self.clip):
            raise ValueError(f"clip: expected a positive number, got {clip!r}")
        self._start({"mean": mean, "std": std})

    def _table(self, arrays: Mapping[str, Doubles]) -> Doubles:
        deviations = arrays["std"]
        if not np.all(deviations > 0):
            raise ValueError("std: expected positive values")
        table = _empty_table(len(deviations))
        table[CENTER] = arrays["mean"]
        table[SCALE : SCALE + 2] = _core.quotients(np.ones_like(deviations), deviations)
        if self.clip is not None:
            table[LOWEST], table[HIGHEST] = -self.clip, self.clip
        return table

    def _config(self) -> dict[str, Any]:
        return {"num_features": self.num_features, "clip": self.clip}

    def _arguments(self) -> tuple[Any, ...]:
        arrays = self._own_arrays()
        return (arrays["mean"], arrays["std"], self.clip)


class Affine(Columns):
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

    scale = Array("A new read-only array, shape (features,), float64.")
    offset = Array("A new read-only array, shape (features,), float64.")

    def __init__(self, scale: ArrayLike, offset: ArrayLike) -> None:
        self._start({"scale": scale, "offset": offset})

    def _table(self, arrays: Mapping[str, Doubles]) -> Doubles:
        table = _empty_table(len(arrays["scale"]))
        table[SCALE], table[OFFSET] = arrays["scale"], arrays["offset"]
        return table

    def _config(self) -> dict[str, Any]:
        return {"num_features": self.num_features}

    def _arguments(self) -> tuple[Any, ...]:
        arrays = self._own_arrays()
        return (arrays["scale"], arrays["offset"])


class Clip(Columns):
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

    low = Array("A new read-only array, shape (features,), float64.")
    high = Array("A new read-only array, shape (features,), float64.")

    def __init__(self, low: ArrayLike, high: ArrayLike) -> None:
        self._start({"low": low, "high": high})

    def _table(self, arrays: Mapping[str, Doubles]) -> Doubles:
        if not np.all(arrays["low"] <= arrays["high"]):
            raise ValueError("low, high: expected low <= high for every feature")
        table = _empty_table(len(arrays["low"]))
        table[LOWEST], table[HIGHEST] = arrays["low"], arrays["high"]
        return table

    def _config(self) -> dict[str, Any]:
        return {"num_features": self.num_features}

    def _arguments(self) -> tuple[Any, ...]:
        arrays = self._own_arrays()
        return (arrays["low"], arrays["high"])


def _eps(eps: float) -> float:
    number = real("eps", eps)
    if not 0 <= number < np.inf:
        raise ValueError(f"eps: expected a number that is not negative, got {eps!r}")
    return number


def _empty_table(features: int) -> Doubles:
    """That of x itself."""
    table = np.zeros((ROWS, features))
    table[SCALE] = 1.0
    table[LOWEST], table[HIGHEST] = -np.inf, np.inf
    return table
