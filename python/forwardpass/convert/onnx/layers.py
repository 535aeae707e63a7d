"""From steps to layers: what is known of the values between them, and steps that make one layer together."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ... import nn
from ...limits import BYTES_OF_FEATURE, Budget
from ...nn.features import PerFeature
from ..errors import ConversionError
from .constants import Array
from .node import Node

Doubles: TypeAlias = NDArray[np.float64]

LARGEST_WIDTH = 1 << 20
# Bytes for each feature: what any layer makes of one row of the verification and its source keeps; and what the
# comparison of one row takes at its widest.
VALUE, COMPARED = 64, 64


@dataclass
class Part:
    """A layer to be: its class and arguments, which later nodes may complete."""

    layer: type[nn.Module]
    arguments: list[Any]
    node: Node


@dataclass
class Builder:
    """Takes the steps of a chain in turn.

    Attributes
    ----------
    dims : list of int or None
        The shape of the value at hand, the features last; None where a size is not known.
    dtype : numpy.dtype
        float32 or float64, of weights.
    budget : Budget
        What the layers may take, shared with the builders of inner chains.
    whole : bool
        All dimensions but the first are features together, as a node later on flattens them.
    squeezed : bool
        The value is without its last dimension, which is one feature.
    alone : bool
        The dimension of rows is taken away: the source runs on one row at a time.
    shapes : dict of str to list of int
        Of the results of nodes that change the shape, the shape for any number of rows; shared as the budget is.
    columns : bool
        The value is the transpose of that: (features, rows).
    cast : Node, optional
        What made the input to be of the dtype of weights, which only a network with weights does by itself.
    """

    dims: list[int | None]
    dtype: np.dtype[Any]
    budget: Budget
    whole: bool = False
    columns: bool = False
    cast: Node | None = None
    squeezed: bool = False
    alone: bool = False
    shapes: dict[str, list[int]] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    node: Node = field(init=False)  # the one at hand

    @property
    def width(self) -> int | None:
        """How many features there are, where that is known."""
        sizes = self.dims[1:] if self.whole else self.dims[-1:]
        return None if None in sizes else math.prod(size for size in sizes if size is not None)

    def refusal(self, message: str) -> ConversionError:
        """The error that names the node at hand."""
        return self.node.refusal(message)

    def add(self, layer: type[nn.Module], *arguments: Any) -> None:
        """A layer, once the number of features is what it gives."""
        width = self.width or 0
        if layer is nn.Linear:
            self.budget.take(arguments[0].nbytes, self.node.where)
        self.budget.take(width * (BYTES_OF_FEATURE if issubclass(layer, PerFeature) else VALUE), self.node.where)
        self.parts.append(Part(layer, list(arguments), self.node))

    def last_axis(self, axis: int, *, to_the_end: bool = False) -> None:
        """Refuse an axis that is not the one of the features; to_the_end: those after it are meant as well."""
        rank = len(self.dims)
        self._features_last()
        if not -rank <= axis < rank:
            raise self.refusal(f"its axis {axis} does not exist in {rank} dimensions")
        if axis % rank != (0 if self.columns else rank - 1) or (to_the_end and self.columns):
            raise self.refusal(f"its axis {axis} is not the last of {rank}, where the features are")

    def set_width(self, size: int) -> None:
        """The number of features, as something that is made for so many says."""
        if self.width is None and not self._spread:
            self.dims[-1] = size
        if self.width != size:
            raise self.refusal(f"it is for {size} features, and gets {self.width}")
        self._reasonable(size)

    def known_width(self) -> int:
        """The number of features, where a layer has to know it."""
        if self.width is None:
            raise self.refusal("the model does not say how many features there are")
        self._reasonable(self.width)
        return self.width

    def linear(self, weight: Array, bias: Array | None) -> None:
        """A weight (outputs, inputs)."""
        self._features_last()
        self.set_width(weight.shape[1])
        self.dims[-1] = weight.shape[0]
        self._reasonable(weight.shape[0])
        weight = weight.astype(self.dtype, copy=False)
        self.add(nn.Linear, weight, None if bias is None else self.features(bias).astype(self.dtype))

    def affine(self, scale: Doubles, offset: Doubles) -> None:
        """The value times a scale plus an offset; a part of the layer before it where that rounds no more than this.

        In float32, two of these are one: products of float32 are exact in float64, and their sums are but for 2^-53.
        """
        last, shift = self.parts[-1] if self.parts else None, bool((scale == 1.0).all())
        if last is None:
            self.add(nn.Affine, scale, offset)
        elif last.layer is nn.Linear and last.arguments[1] is None and shift:
            last.arguments[1] = offset.astype(self.dtype)
        elif last.layer is nn.LayerNorm and all(v is None for v in last.arguments[1:3]) and not offset.any():
            last.arguments[1] = scale
        elif last.layer is nn.LayerNorm and last.arguments[1] is not None and last.arguments[2] is None and shift:
            last.arguments[2] = offset
        elif last.layer is nn.Affine and self._joins(last.arguments[1] * scale, offset, shift):
            last.arguments = [last.arguments[0] * scale, last.arguments[1] * scale + offset]
        else:
            self.add(nn.Affine, scale, offset)

    def _joins(self, before: Doubles, offset: Doubles, shift: bool) -> bool:
        """Whether one Affine may do what two do. Where offsets cancel, the source loses digits that one would keep."""
        cancels = (np.abs(before + offset) < np.abs(offset) / 2).any()
        return bool(not cancels and (self.dtype == np.float32 or (shift and not before.any())))

    def divide(self, divisor: Array) -> None:
        """The value by a divisor for each feature; with a shift before it, (x - mean) / divisor."""
        last, divisors = self.parts[-1] if self.parts else None, self.features(divisor)
        shifted = last is not None and last.layer is nn.Affine and bool((last.arguments[0] == 1.0).all())
        if (divisors > 0).all() and (shifted or self.dtype == np.float64):
            mean = -self.parts.pop().arguments[1] if shifted else np.zeros_like(divisors)
            self.add(nn.Normalize, mean, divisors)
        else:
            with np.errstate(all="ignore"):
                self.affine(1.0 / divisors, np.zeros_like(divisors))

    def flatten(self, what: str) -> None:
        """All dimensions but the first become the features, if they are not yet."""
        if self.columns or self.squeezed or not (self.whole or len(self.dims) == 2):
            raise self.refusal(f"only {what} that flattens the input is supported")
        if not self.whole:  # rows already, whose x of more axes it flattens all the same
            self.add(nn.Flatten)
        self.dims, self.whole = [self.dims[0], self.width], False

    def inner(self) -> Builder:
        """For the chain inside a residual block."""
        return replace(self, dims=list(self.dims), parts=[], cast=None)

    def residual(self, inner: Builder) -> None:
        """The value plus what the inner chain makes of it."""
        if inner._form != self._form:
            raise self.refusal("the two values that it adds differ in shape")
        if inner.width is not None and self.width is not None and inner.width != self.width:
            raise self.refusal(f"the two values that it adds have {self.width} and {inner.width} features")
        layers = inner.layers()
        self.dims = inner.dims
        self.add(nn.Residual, layers[0] if len(layers) == 1 else nn.Sequential(*layers))

    def layers(self) -> list[nn.Module]:
        """All layers, one that gives back what it gets if there are none.

        Raises
        ------
        ConversionError
            Values that a layer refuses.
        """
        made = []
        for part in self.parts:
            try:
                made.append(part.layer(*part.arguments))
            except (ValueError, TypeError) as error:
                raise part.node.refusal(str(error)) from error
        return made or [nn.Identity()]

    @property
    def _form(self) -> tuple[bool, bool, bool, bool, int]:
        return self.whole, self.columns, self.squeezed, self.alone, len(self.dims)

    @property
    def _spread(self) -> bool:
        """Features are in several dimensions, until a node flattens them."""
        return self.whole and any(size != 1 for size in self.dims[1:-1])

    def _features_last(self) -> None:
        if self._spread:
            raise self.refusal("before a node that flattens, only functions of each element are supported")
        if self.squeezed:
            raise self.refusal("behind a Squeeze of the features, only functions of each element are supported")

    def _reasonable(self, size: int) -> None:
        if not 1 <= size <= LARGEST_WIDTH:
            raise self.refusal(f"expected from 1 to {LARGEST_WIDTH} features, got {size}")

    def features(self, array: Array) -> Doubles:
        """A constant as one float64 for each feature."""
        values: Doubles = array.astype(np.float64)
        rank = len(self.dims)
        if values.ndim > rank - self.squeezed:
            raise self.refusal(f"its constant of shape {array.shape} makes the {rank - self.squeezed} dimensions more")
        if values.size == 1:
            return np.full(self.known_width(), values.reshape(()))
        if self._spread:
            return self._spread_out(values)
        self._features_last()
        shape = (values.size, 1) if self.columns else (*[1] * (values.ndim - 1), values.size)
        if values.shape != shape:
            raise self.refusal(f"its constant of shape {array.shape} is more than one value for each feature")
        self.set_width(values.size)
        return values.reshape(-1)

    def _spread_out(self, values: Doubles) -> Doubles:
        """Numbers for some dimensions as one for each feature: the same in all others."""
        rows = values.shape[0] if values.ndim == len(self.dims) else 1
        width, sizes = self.known_width(), [size or 0 for size in self.dims[1:]]
        own = values.shape[1:] if values.ndim == len(self.dims) else values.shape
        fits = all(size in (1, there) for size, there in zip(own[::-1], sizes[::-1], strict=False))
        if rows != 1 or not fits:
            raise self.refusal(f"its constant of shape {values.shape} is more than one value for each of {sizes}")
        made: Doubles = np.broadcast_to(values.reshape(own), sizes).reshape(width)
        return made


# What a node does to a Builder; and with it, the value that it works on.
Emit: TypeAlias = Callable[[Builder], None]
Handled: TypeAlias = tuple[str, Emit]
