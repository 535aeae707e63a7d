"""What the input has become at a place in a forward(): a chain of parts, which a sum with an earlier value closes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ... import nn
from ...nn.elementwise import Elementwise
from ..errors import ConversionError
from ..tensors import array_of
from .chain import Skip
from .parts import Arithmetic, Doubles, Layer, Part

JOIN = "convert the modules that it joins, such as fp.from_torch(module.part), and join their answers with NumPy"
LAST = "behind a squeeze(-1), are not supported: put the squeeze(-1) last"


@dataclass(frozen=True, eq=False)
class Value:
    """One value that depends on the input. Values share what they have in common, so that none copies a chain.

    Attributes
    ----------
    at : str
        What messages call the place that is being read.
    dtype : str
        PyTorch's name of what the network computes in.
    width : int or None
        How many features it has, where that is known.
    squeezed : bool
        Its last axis, of one feature, is taken away.
    before, part : Value, Part
        What it is made of; the input is made of nothing.
    length : int
        How many parts lead to it.
    """

    at: str
    dtype: str
    width: int | None = None
    squeezed: bool = False
    before: Value | None = None
    part: Part | None = None
    length: int = 0

    def then(self, part: Part) -> Value:
        """What a part makes of it."""
        return Value(self.at, self.dtype, part.result(self.width), self.squeezed, self, part, self.length + 1)

    def arithmetic(self, operator: str, value: Doubles) -> Value:
        """With a constant, one number or one for each feature."""
        if value.ndim and self.squeezed:
            raise ConversionError(f"numbers for each feature, {LAST}")
        return self.then(Arithmetic(self.at, operator, value))

    def through(self, layer: nn.Module) -> Value:
        """What a layer makes of it."""
        if isinstance(layer, (nn.Dropout, nn.Identity)):
            return self
        if self.squeezed and not isinstance(layer, Elementwise):
            raise ConversionError(f"layers of rows, {LAST}")
        return self.then(Layer(self.at, layer))

    def with_squeeze(self, squeezed: bool) -> Value:
        """The same numbers, with the last axis or without."""
        return replace(self, squeezed=squeezed)

    def parts_since(self, start: Value) -> list[Part] | None:
        """The parts that lead from an earlier value to this one, or None where there is no such way."""
        value, parts = self, list[Part]()
        while value.length > start.length and value.before is not None and value.part is not None:
            parts.append(value.part)
            value = value.before
        return parts[::-1] if value.before is start.before and value.part is start.part else None


def added(first: Value, second: Value, sign: float) -> Value:
    """A sum of two values, the second times a sign, where one of them leads to the other."""
    for start, end, turned in ((first, second, False), (second, first, True)):
        parts = end.parts_since(start)
        if parts is None or start.squeezed != end.squeezed:
            continue
        if start.width is not None and end.width is not None and start.width != end.width:
            raise ConversionError(f"the two values that it adds have {start.width} and {end.width} features: {JOIN}")
        negative = [] if sign > 0 else [Arithmetic(start.at, "*", np.array(-1.0))]
        total = start.then(Skip(start.at, [*parts, *negative]))
        return total.then(negative[0]) if negative and turned else total
    raise ConversionError(f"neither of the two values that it adds is made from the other: {JOIN}")


def constant(value: Any) -> Doubles:
    """A number, or a tensor of one number or of one for each feature."""
    if isinstance(value, (bool, int, float, np.number)):
        return np.array(value, np.float64)
    if hasattr(value, "is_floating_point") and not value.is_floating_point() and not value.is_complex():
        value = value.double()
    array: Doubles = array_of(value, "a constant").astype(np.float64)
    if array.size == 1:
        return array.reshape(())
    if array.size != array.shape[-1]:
        raise ConversionError(
            f"a constant of shape {array.shape} is more than one number for each feature: expected shape (features,)"
        )
    return array.reshape(-1)
