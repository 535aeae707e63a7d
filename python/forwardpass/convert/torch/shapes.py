"""Views and casts: what changes the shape of a value, or only seems to change something."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ... import nn
from ..errors import ConversionError
from .kinds import BETWEEN
from .layers import flatten as flatten_layer
from .parts import Flat, Layer
from .values import Value


@dataclass(frozen=True)
class Shape:
    """The shape of a value, of which only the number of rows is ever used."""


@dataclass(frozen=True)
class Rows:
    """The number of rows, whatever it is."""


WAY_OUT = "only what makes a row of each, such as torch.flatten(x, 1) or x.view(x.size(0), -1), is supported"


def _of_rows(x: Value, squeezed: bool) -> Value:
    """With or without its last axis, where PyTorch names another axis, which is the last one of rows alone."""
    return x.then(Layer(x.at, nn.Flatten())).with_squeeze(squeezed)


def _flatten(x: Value, start_dim: int = 0, end_dim: int = -1) -> Value:
    if (start_dim, end_dim) == (0, -1) and x.width == 1:
        return _of_rows(x, True)
    return x if x.squeezed else x.then(Layer(x.at, flatten_layer(start_dim, end_dim)))


def _view(x: Value, *sizes: Any) -> Value:
    shape = tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes
    if x.width == 1 and shape in ((-1,), (Rows(),)):
        return _of_rows(x, True)
    if x.width == 1 and len(shape) == 2 and x.squeezed and shape[1] in (1, -1):
        return _of_rows(x, False)
    if len(shape) != 2 or x.squeezed or shape[0] not in (-1, Rows()) or shape == (-1, -1):
        raise ConversionError(f"a view of shape {shown(shape)}: {WAY_OUT}")
    if shape[1] == -1:
        return x.then(Layer(x.at, nn.Flatten()))
    if not isinstance(shape[1], int) or shape[1] < 1:
        raise ConversionError(f"a view of shape {shown(shape)}: {WAY_OUT}")
    if x.width not in (None, shape[1]):
        raise ConversionError(f"a view of {x.width} features as {shape[1]}: {WAY_OUT}")
    return x.then(Flat(x.at, shape[1]))


def shown(shape: tuple[Any, ...]) -> str:
    """A shape for a message."""
    return "(" + ", ".join("rows" if size == Rows() else str(size) for size in shape) + ")"


def _squeeze(x: Value, dim: int | None = None) -> Value:
    if dim not in (-1, 1) or x.width != 1:
        raise ConversionError(
            f"squeeze({'' if dim is None else dim}) of {x.width or 'any number of'} features: expected squeeze(-1) of "
            "1, which never takes the axis of rows away"
        )
    return x.with_squeeze(True) if dim == -1 else _of_rows(x, True)


def _unsqueeze(x: Value, dim: int) -> Value:
    if not x.squeezed or dim not in (-1, 1):
        raise ConversionError(f"unsqueeze({dim}) is supported only behind a squeeze(-1), as unsqueeze(-1)")
    return x.with_squeeze(False) if dim == -1 else _of_rows(x, False)


def _size(x: Value, dim: int | None = None) -> Shape | Rows:
    return Shape() if dim is None else _getitem(Shape(), dim)


def _getattr(x: Any, name: str) -> Any:
    if isinstance(x, Value) and name == "shape":
        return Shape()
    if isinstance(x, Value) and name in ("data", "device", "dtype"):
        return x if name == "data" else name
    raise ConversionError(f"the attribute {name!r} is not supported: {BETWEEN}")


def _getitem(x: Any, index: Any) -> Any:
    if isinstance(x, Shape):
        # Other sizes than that of rows are known from layers, and only x.view(rows, -1) needs none of them.
        return Rows() if index == 0 else x if index == slice(None) else None
    column = index[-1] if isinstance(index, tuple) and len(index) == 2 else None
    if isinstance(x, Value) and x.width == 1 and column in (0, -1) and index[0] in (Ellipsis, slice(None)):
        return x.with_squeeze(True) if index[0] is Ellipsis else _of_rows(x, True)
    raise ConversionError(f"the index {index!r}: it takes other values than those of a whole row: {BETWEEN}")


def _same(x: Any, *ignored: Any, **named: Any) -> Any:
    return x


def _cast(x: Any, *to: Any, **named: Any) -> Any:
    """Of a value, only to what it is already. A constant is converted to what meets it anyway."""
    dtypes = [str(target) for target in (*to, *named.values()) if hasattr(target, "is_floating_point")]
    for dtype in dtypes:
        if isinstance(x, Value) and dtype.startswith("torch.") and dtype != x.dtype:
            raise ConversionError(
                f"a cast to {dtype} in a network of {x.dtype}: give the module in one dtype, module.float() or "
                "module.double()"
            )
    return x


SHAPES: dict[str, Callable[..., Any]] = {
    "flatten": _flatten,
    **dict.fromkeys(("view", "reshape"), _view),
    "squeeze": _squeeze,
    "unsqueeze": _unsqueeze,
    "size": _size,
    "getattr": _getattr,
    "getitem": _getitem,
    **dict.fromkeys(("contiguous", "detach", "clone", "cpu", "requires_grad", "positive", "pos", "type_as"), _same),
    **dict.fromkeys(("to", "type"), _cast),
    "float": lambda x: _cast(x, sys.modules["torch"].float32),
    "double": lambda x: _cast(x, sys.modules["torch"].float64),
}
