"""One node of a graph, and its attributes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ConversionError

# The kinds of attribute in onnx.proto, by the type of their default here.
FLOAT, INT, STRING, FLOATS, INTS = 1, 2, 3, 6, 7


@dataclass(frozen=True, eq=False)
class Node:
    """A node, with the names of its inputs after those of nodes that change nothing were resolved.

    Attributes
    ----------
    where : str
        What messages call it.
    domain, op : str
    inputs, outputs : tuple of str
        An empty name is an optional one that is not there.
    proto : onnx.NodeProto
    """

    where: str
    domain: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    proto: Any

    @property
    def operator(self) -> str:
        """The operator with its domain, where that is not ONNX's own."""
        return f"{self.domain}.{self.op}" if self.domain else self.op

    def input(self, index: int) -> str:
        """The name of an input, "" where there is none."""
        return self.inputs[index] if index < len(self.inputs) else ""

    def refusal(self, message: str) -> ConversionError:
        """The error that says so, to be raised."""
        return ConversionError(f"{self.where}: {message}")

    def check_inputs(self, least: int, most: int) -> None:
        """Raise ConversionError where it has more inputs or fewer."""
        if not least <= len(self.inputs) <= most:
            raise self.refusal(f"it has {len(self.inputs)} inputs")
        if not all(self.inputs[:least]):
            raise self.refusal(f"its input {self.inputs.index('')} is missing")

    def attributes(self, **defaults: Any) -> list[Any]:
        """The values of the attributes named, in that order; of others, none may be there.

        A default is a float (a float32 in ONNX), an int, a str, or a list: ``[0.0]`` of floats, ``[0]`` of ints, and
        empty if not there.
        """
        values = {name: _default(default) for name, default in defaults.items()}
        seen = set()
        for attribute in self.proto.attribute:
            name = attribute.name
            if name not in defaults or name in seen or attribute.ref_attr_name:
                raise self.refusal(f"its attribute {name[:100]!r} is not supported")
            seen.add(name)
            values[name] = self._value(attribute, defaults[name])
        return list(values.values())

    def _value(self, attribute: Any, default: Any) -> Any:
        kind: int
        value: Any
        match default:
            case float():
                kind, value = FLOAT, float(attribute.f)
            case int():
                kind, value = INT, int(attribute.i)
            case str():
                kind, value = STRING, attribute.s.decode("ascii", "replace")
            case [float()]:
                kind, value = FLOATS, list(attribute.floats)
            case _:
                kind, value = INTS, list(attribute.ints)
        if attribute.type != kind:
            raise self.refusal(f"its attribute {attribute.name!r} is of another kind than ONNX's")
        return value


def _default(value: Any) -> Any:
    if isinstance(value, list):
        return []
    return float(np.float32(value)) if isinstance(value, float) else value
