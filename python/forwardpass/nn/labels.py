"""Names of outputs and inputs: labels of classes, and columns of a table. In memory, in repr() and in a file."""

from __future__ import annotations

import re
import reprlib
from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .declared import Fixed

# NumPy's code of a dtype without its byte order, as a file has it: U6 is text of six characters, O is objects.
CODE = re.compile(r"U[1-9]\d{0,6}|[iu][1248]|f[248]|b1|O")
KINDS: dict[str, type] = {"U": str, "O": str, "i": int, "u": int, "f": float, "b": bool}
BYTES_OF_CHARACTER = 4  # in an array of text, which is as wide as its longest label everywhere
# Memory for each label beside its text: an object, and its places in a list and in a set.
BYTES_OF_LABEL = 256


class Labels(Fixed[Any]):
    """Labels that a layer is given, each once. As an attribute they are a read-only array of shape (labels,).

    A file has the dtype beside the values, as lists of JSON know neither int8 nor the width of text:

        {"dtype": "U5", "values": ["blue", "green", "red"]}

    Parameters
    ----------
    text : bool
        Whether only text is taken, which is kept as objects: names of columns, as scikit-learn keeps them.
    optional : bool
        Whether it may be None.
    """

    def __init__(self, *, text: bool = False, optional: bool = False) -> None:
        self.text, self.optional = text, optional

    def checked(self, values: Any) -> Any:
        """The labels as a layer keeps them. Raises ValueError or TypeError, and the message names the argument."""
        if values is None and self.optional:
            return None
        try:
            array = np.array(values, dtype=object if self.text else None)
        except ValueError as error:  # lists of several lengths
            raise ValueError(f"{self.name}: expected a list of labels: {error}") from None
        if array.ndim != 1 or array.size == 0:
            raise ValueError(f"{self.name}: expected a list of labels, got {_shown(values)}")
        code = array.dtype.str[1:]
        if not CODE.fullmatch(code) or (code == "O" and not all(isinstance(value, str) for value in array)):
            expected = "text" if self.text else "text, integers, floats or bools"
            raise TypeError(f"{self.name}: expected {expected}, got {_shown(values)} of dtype {array.dtype}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"{self.name}: expected finite numbers, got {_shown(values)}")
        often, times = Counter(array.tolist()).most_common(1)[0]
        if times > 1:
            raise ValueError(f"{self.name}: expected each label once, got {_shown(often)} {times} times")
        array = array.astype(array.dtype.newbyteorder("="), copy=False)
        array.flags.writeable = False
        return array

    # ---- in a file ----

    def written(self, labels: NDArray[Any] | None) -> Any:
        """Their JSON."""
        return None if labels is None else {"dtype": labels.dtype.str[1:], "values": labels.tolist()}

    def check_written(self, json: Any) -> None:
        """Whether they can be read from it. Raises ValueError. No array is made: how large is it? See `nbytes`."""
        if json is None and self.optional:
            return
        if not isinstance(json, dict) or json.keys() != {"dtype", "values"}:
            raise ValueError(f"{self.name}: expected a dtype and values, got {_shown(json)}")
        code, values = json["dtype"], json["values"]
        if not isinstance(code, str) or not CODE.fullmatch(code) or (self.text and code != "O"):
            raise ValueError(f"{self.name}: expected the dtype of labels, got {_shown(code)}")
        if not isinstance(values, list) or not all(type(value) is KINDS[code[0]] for value in values):
            raise ValueError(f"{self.name}: expected a list of dtype {code}, got {_shown(values)}")

    def nbytes(self, json: Any) -> int:
        """Bytes that reading them takes, from what check_written() has checked."""
        if json is None:
            return 0
        code = json["dtype"]
        wide = BYTES_OF_CHARACTER * int(code[1:]) if code[0] == "U" else 0
        return len(json["values"]) * (2 * wide + BYTES_OF_LABEL)  # the array, and the layer's own copy of it

    def read(self, json: Any) -> NDArray[Any] | None:
        """The labels of what check_written() has checked. Raises ValueError."""
        if json is None:
            return None
        code, values = json["dtype"], json["values"]
        try:
            labels = np.array(values, code)
        except OverflowError:
            raise ValueError(f"{self.name}: expected integers that dtype {code} holds") from None
        if labels.tolist() != values:  # cut, rounded, or no number
            raise ValueError(f"{self.name}: expected values that dtype {code} holds as they are")
        return labels


def _shown(value: Any) -> str:
    return reprlib.repr(value.tolist() if isinstance(value, np.ndarray) else value)
