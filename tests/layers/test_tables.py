"""Tables with named columns: the right ones, in their order, or an error that names them. pandas: tests/convert."""

import re
from typing import Any

import numpy as np
import pytest

import forwardpass as fp
from tests.support import Array, same_bits

NAMES = ["width", "height", "age"]
WEIGHT = np.array([[1.0, 10, 100]])


class Table:
    """As polars has them: columns with names, and an array of all values."""

    def __init__(self, columns: list[Any], values: Array) -> None:
        self.columns, self.values = columns, values

    def to_numpy(self) -> Array:
        return self.values

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        return self.values if dtype is None else self.values.astype(dtype)


class Arrow:
    """As Arrow has them, whose columns are arrays."""

    def __init__(self, column_names: list[str], values: Array) -> None:
        self.column_names, self.columns, self.values = column_names, list(values.T), values

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        return self.values


ROWS = np.array([[1.0, 2, 3], [4, 5, 6]])
NETS: list[Any] = [
    fp.Regressor(fp.Linear(WEIGHT), feature_names=NAMES),
    fp.Classifier(fp.Linear(WEIGHT), feature_names=NAMES),
]


def ways(net: Any) -> list[Any]:
    return [getattr(net, name) for name in ("predict", "predict_proba") if hasattr(net, name)]


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("kind", [Table, Arrow])
def test_the_right_columns(net: Any, kind: Any) -> None:
    for way in ways(net):
        assert same_bits(way(kind(NAMES, ROWS)), way(ROWS))
        assert same_bits(way(kind(NAMES, ROWS[:0])), way(ROWS[:0]))


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("kind", [Table, Arrow])
@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            ["height", "width", "age"],
            "got another order: 'height', 'width', 'age'; x[[*network.feature_names_in_]] has",
        ),
        (["width", "height", "weight"], "got without 'age' and with 'weight' beside them"),
        (["width", "height"], "got without 'age'"),
        (["width", "height", "age", "x"], "got with 'x' beside them; x[[*network.feature_names_in_]] has them"),
        (["width", "width", "height", "age"], "got another order: 'width', 'width', 'height', 'age'"),
        (["Width", "height", "age"], "got without 'width' and with 'Width' beside them"),
        (["\x1b[2J", "height", "age"], r"with '\x1b[2J' beside them"),
    ],
)
def test_other_columns(net: Any, kind: Any, columns: list[str], message: str) -> None:
    """Even where as many columns would have been taken."""
    for way in ways(net):
        with pytest.raises(ValueError, match=re.escape(message)) as caught:
            way(kind(columns, np.resize(ROWS, (2, len(columns)))))
        assert str(caught.value).startswith(
            "x: expected the columns of feature_names_in_, 'width', 'height', 'age', got "
        )


def test_many_columns_make_a_short_message() -> None:
    names = [f"column {i}" for i in range(1000)]
    net = fp.Regressor(fp.Linear(np.ones((1, 1000))), feature_names=names)
    with pytest.raises(ValueError, match=r"feature_names_in_, 'column 0', 'column 1', .*, 'column 4', \.\.\., got"):
        net.predict(Table(names[::-1], np.ones((2, 1000))))


def test_numbers_for_names_say_nothing() -> None:
    """Of a table that was made of an array: scikit-learn lets them pass as well. But not among names."""
    assert same_bits(NETS[0].predict(Table([0, 1, 2], ROWS)), NETS[0].predict(ROWS))
    with pytest.raises(ValueError, match=r"with 1, 2 beside them"):
        NETS[0].predict(Table(["width", 1, 2], ROWS))


def test_a_network_without_names_takes_any() -> None:
    net = fp.Regressor(*NETS[0])
    assert same_bits(net.predict(Table(["a", "b", "c"], ROWS)), net.predict(ROWS))
    with pytest.raises(ValueError, match="x: expected a last axis of 3"):
        net.predict(Table(["a", "b"], ROWS[:, :2]))


def test_a_table_of_other_things_than_numbers() -> None:
    for values in (ROWS.astype(object), ROWS.astype(str), ROWS.astype("M8[s]"), ROWS.astype(complex)):
        with pytest.raises(TypeError, match="x: "):
            NETS[0].predict(Table(NAMES, values))
