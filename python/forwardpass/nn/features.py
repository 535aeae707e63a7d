"""The class that layers with a few numbers for each feature share.

A mean may be large beside its deviation, and x - mean must not lose digits then. So the arrays are float64 in every
network, and the network uses them with twice its own precision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from ..environment import undisturbed
from .arithmetic import Arithmetic, Bound, Shake
from .declared import Array
from .module import FloatArray, Module
from .wide import Wide, numbers

Doubles = NDArray[np.float64]


def column(*, optional: bool = False) -> Array:
    """An array with one number for each feature."""
    return Array("features", optional=optional, double=True)


class PerFeature(Module):
    """A layer whose arrays have shape (features,).

    The kernel reads a table and computes (x - CENTER) SCALE + OFFSET, limited to LOWEST and HIGHEST; _core has the
    numbers of these rows. CENTER, SCALE and OFFSET have two rows each, and the number is the sum of the two.
    """

    size_names = ("features",)
    order = "row_order"
    kernel: ClassVar[str] = "columns"  # its name in _core

    def __init__(
        self,
        values: Sequence[ArrayLike | None],
        arguments: Mapping[str, Any] | None = None,
        features: int | None = None,
        axes: str = "any",
    ) -> None:
        self._make(values, self.check_arguments(arguments or {}), features, axes)

    @undisturbed
    def _make(
        self, values: Sequence[ArrayLike | None], arguments: dict[str, Any], features: int | None, axes: str
    ) -> None:
        given = {name: value for name, value in zip(self.arrays, values, strict=True) if not self._absent(name, value)}
        arrays = checked_columns(given, features)
        packed, eps = self.table_of(arrays, features, **arguments), arguments.get("eps", 0.0)
        super().__init__(
            self.kernel, eps, 0.0, packed, tuple(arrays.values()), axes, arguments=arguments, arrays=tuple(arrays)
        )

    def _absent(self, name: str, value: ArrayLike | None) -> bool:
        return value is None and self.arrays[name].optional

    @classmethod
    def table_of(cls, arrays: Mapping[str, Doubles], features: int | None, **arguments: Any) -> Doubles:
        """Make the table from arrays and arguments. Raises ValueError for a value that the layer does not take."""
        raise NotImplementedError  # each of its classes has its own

    def table(self) -> Doubles:
        """The table that the layer computes with, shape (COLUMN_ROWS, features)."""
        arguments = {name: getattr(self, name) for name in self.arguments}
        return self.table_of(self.own_arrays(), self.features, **arguments)

    @undisturbed
    def to_load(self, prefix: str, values: list[ArrayLike]) -> list[tuple[str, Any]]:
        """The table and the arrays as one value: loaded together, a layer's arrays and its answers always agree."""
        arrays = checked_columns(dict(zip(self.array_names, values, strict=True)), self.features, prefix)
        arguments = {name: getattr(self, name) for name in self.arguments}
        return [(prefix.rstrip("."), (self.table_of(arrays, self.features, **arguments), tuple(arrays.values())))]

    @property
    def features(self) -> int:
        """How many features a row has."""
        features = self.in_features
        assert features is not None  # such a layer has a width
        return features

    num_features = features  # as PyTorch calls it

    def shown(self) -> dict[str, Any]:
        """As torch.nn.BatchNorm1d shows itself."""
        return {"num_features": self.features, **super().shown()}

    def wide_arrays(self, x: Wide) -> dict[str, Wide]:
        """The layer's arrays as numbers of the same type as those of x."""
        return {name: numbers(array, x) for name, array in self.own_arrays().items()}

    def bound(self, x: NDArray[Any], y: NDArray[Any], error: Bound, a: Arithmetic) -> Bound:
        """The scale times the error, plus the rounding of each term: some u^2 here, some u in other libraries."""
        table = self.table()
        center, scale, offset = table[_core.CENTER], np.abs(table[_core.SCALE]), np.abs(table[_core.OFFSET])
        away = np.abs(x.astype(np.float64) - center)
        # The second number of a pair may be too small for the dtype: a.underflow.
        lost = 24 * a.u * a.u if a.ours else 8 * a.u
        own: Bound = lost * ((np.abs(x) + np.abs(center)) * scale + offset) + a.underflow * (away + scale + 1)
        bound: Bound = error * scale * (1 + 4 * a.u) + own
        known = is_held(center, x) & is_held(offset, x) & np.isfinite(scale)
        return np.where(known, bound, np.inf) + a.of_result(y, a.row_units)

    def shaken(self, x: FloatArray, shake: Shake) -> FloatArray:
        """The answer if rounding had moved x SCALE, CENTER SCALE and OFFSET. The limits do not move."""
        table = self.table()
        y = self(x).astype(np.float64)
        offset, middle = table[_core.OFFSET], table[_core.CENTER] * table[_core.SCALE]
        moved = (y - offset) * shake.signs(y.shape[1])
        for term in (offset, middle):
            moved += term * shake.signs(y.shape[1])
        limits = table[_core.LOWEST], table[_core.HIGHEST]
        limited: FloatArray = np.clip(y + shake.units * moved, *limits).astype(x.dtype)
        return limited

    @classmethod
    def widths(cls, sizes: Mapping[str, int]) -> tuple[int, int] | None:
        """As many features come out as go in."""
        return sizes["features"], sizes["features"]

    @classmethod
    def memory(cls, sizes: Mapping[str, int], itemsize: int) -> tuple[int, int]:
        """Bytes of the table and the arrays, and bytes that only the making of the table takes."""
        (features,) = sizes.values()
        return 136 * features, 160 * features


def checked_columns(values: Mapping[str, Any], width: int | None, prefix: str = "") -> dict[str, Doubles]:
    """The values as float64 arrays of one length. Raises ValueError or TypeError with the name of an array."""
    arrays: dict[str, Doubles] = {}
    for name, value in values.items():
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


def empty_table(features: int) -> Doubles:
    """The table with which the kernel returns x unchanged."""
    table = np.zeros((_core.COLUMN_ROWS, features))
    table[_core.SCALE] = 1.0
    table[_core.LOWEST], table[_core.HIGHEST] = -np.inf, np.inf
    return table


def is_held(values: Doubles, x: NDArray[Any]) -> NDArray[np.bool_]:
    """Which of the layer's numbers stay finite in the dtype of x."""
    held: NDArray[np.bool_] = np.isfinite(values.astype(x.dtype))
    return held
