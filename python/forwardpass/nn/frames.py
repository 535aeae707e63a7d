"""Networks that take tables with named columns: DataFrames of pandas, polars and the like, which are not imported."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from .containers import Sequential
from .labels import Labels
from .module import Module

# Of columns that are numbers, as NumPy calls them: bools, integers, floats.
NUMBERS = "biuf"
MOST_SHOWN = 5


class Predictor(Sequential):
    """What Classifier and Regressor share: x may be a table, and its columns may have names."""

    feature_names = Labels(text=True, optional=True)

    def __init__(self, *layers: Module, feature_names: ArrayLike | None = None) -> None:
        super().__init__(*layers)
        names = type(self).feature_names.checked(feature_names)
        if names is not None and len(names) != self.in_features:
            raise ValueError(f"feature_names: expected {self.in_features} names, one for each input, got {len(names)}")
        vars(self)["feature_names"] = names

    @property
    def n_features_in_(self) -> int | None:
        """The number of columns of x, in scikit-learn's words."""
        return self.in_features

    @property
    def feature_names_in_(self) -> NDArray[Any]:
        """The names of the columns of x, in scikit-learn's words. AttributeError where there are none, as there."""
        if self.feature_names is None:
            raise AttributeError(f"{type(self).__name__}.feature_names_in_: it was made without names of columns")
        names: NDArray[Any] = self.feature_names
        return names

    def rows_of(self, x: Any) -> Any:
        """What a call takes of it: columns of a table are compared with feature_names, and become numbers."""
        columns = _columns_of(x)
        if columns is None:
            return x
        if self.feature_names is not None:
            _check_columns(columns, self.feature_names.tolist())
        return _values_of(x, self.dtype or np.float64)

    def shown(self) -> dict[str, Any]:
        """Some of the labels."""
        there = {name: getattr(self, name) for name in self.labels}
        return {name: reprlib.repr(labels.tolist()) for name, labels in there.items() if labels is not None}


def _columns_of(x: Any) -> list[Any] | None:
    """The names of its columns, or None where it is no table."""
    if isinstance(getattr(x, "column_names", None), list):  # of Arrow
        return list(x.column_names)
    return list(x.columns) if hasattr(x, "columns") and hasattr(x, "to_numpy") else None


def _check_columns(columns: Sequence[Any], expected: Sequence[str]) -> None:
    """Whether a table has just these columns, in this order. Columns without any text for a name pass, as numbers do.

    Raises
    ------
    ValueError
        Others, or another order; the message names them.
    """
    if [*columns] == [*expected] or not any(isinstance(column, str) for column in columns):
        return
    unknown = [column for column in columns if column not in set(expected)]
    missing = [name for name in expected if name not in set(columns)]
    found = [f"without {_some(missing)}"] * bool(missing) + [f"with {_some(unknown)} beside them"] * bool(unknown)
    advice = "" if missing else "; x[[*network.feature_names_in_]] has them"
    raise ValueError(
        f"x: expected the columns of feature_names_in_, {_some(expected)}, "
        f"got {' and '.join(found) or 'another order: ' + _some(columns)}{advice}"
    )


def _values_of(table: Any, dtype: DTypeLike) -> Any:
    """The numbers of a table, as an array or as what NumPy makes one of; NaN where one is missing.

    Raises
    ------
    TypeError
        A column that holds no numbers; the message names it.
    """
    if not hasattr(table, "iloc"):  # not pandas: such tables are NumPy's numbers, or refuse
        return np.asarray(table)
    for column, kind in zip(table.columns, table.dtypes, strict=True):
        if kind.kind not in NUMBERS:
            raise TypeError(f"x: column {column!r}: expected numbers, got {kind}; .astype(float) makes numbers of it")
    return table.to_numpy(dtype=dtype, na_value=np.nan)


def _some(names: Sequence[Any]) -> str:
    shown = ", ".join(reprlib.repr(name) for name in names[:MOST_SHOWN])
    return f"{shown}, ..." if len(names) > MOST_SHOWN else shown
