"""What functions, operators and methods of PyTorch do to a value: one table by their names."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ... import nn
from ..errors import ConversionError
from .gates import product
from .kinds import BETWEEN
from .layers import LAYERS, batch_norm, linear
from .parts import Each, Layer, built
from .shapes import SHAPES
from .values import JOIN, LAST, Value, added, constant


def _add(a: Any, b: Any, *, alpha: float = 1) -> Value:
    if isinstance(a, Value) and isinstance(b, Value):
        return added(a, b if abs(alpha) == 1 else _mul(b, abs(alpha)), math.copysign(1.0, alpha))
    if isinstance(a, Value):
        return a.arithmetic("+", constant(b) * alpha)
    return _mul(b, alpha).arithmetic("+", constant(a))


def _sub(a: Any, b: Any, *, alpha: float = 1) -> Value:
    return _add(a, b, alpha=-alpha)


def _mul(a: Any, b: Any) -> Value:
    if isinstance(a, Value) and isinstance(b, Value):
        return product(a, b)
    value, factor = (a, constant(b)) if isinstance(a, Value) else (b, constant(a))
    one: bool = factor.ndim == 0 and float(factor) == 1.0
    return value if one else value.arithmetic("*", factor)


def _div(a: Value, b: Any, *, rounding_mode: str | None = None) -> Value:
    if rounding_mode is not None:
        raise ConversionError(f"rounding_mode={rounding_mode!r} is not supported: {BETWEEN}")
    if isinstance(b, Value):
        raise ConversionError(f"a division by a value that depends on the input is not supported: {JOIN}")
    divisor = constant(b)
    one: bool = divisor.ndim == 0 and float(divisor) == 1.0
    return a if one else a.arithmetic("/", divisor)


def _matmul(a: Any, b: Any) -> Value:
    if not isinstance(a, Value) or isinstance(b, Value):
        raise ConversionError(f"expected x @ weight, with a constant weight: {JOIN}")
    if getattr(b, "ndim", 0) != 2:
        raise ConversionError(f"expected a weight of 2 axes, got {getattr(b, 'ndim', 0)}: {BETWEEN}")
    return _layer(a, linear, b.t())


def _addmm(bias: Any, x: Any, weight: Any, *, beta: float = 1, alpha: float = 1) -> Value:
    return _add(_mul(_matmul(x, weight), alpha), constant(bias) * beta)


def _clamp(x: Value, min: Any = None, max: Any = None) -> Value:
    if isinstance(min, Value) or isinstance(max, Value):
        raise ConversionError(f"limits that depend on the input are not supported: {JOIN}")
    low = np.array(-math.inf) if min is None else constant(min)
    high = np.array(math.inf) if max is None else constant(max)
    if low.ndim or high.ndim:
        if x.squeezed:
            raise ConversionError(f"limits for each feature, {LAST}")
        return x.then(Each(x.at, nn.Clip, (low, high)))
    return x.then(Layer(x.at, built(x.at, nn.Hardtanh, float(low), float(high))))


def _at_least(x: Any, other: Any) -> Value:
    return _clamp(x, other) if isinstance(x, Value) else _clamp(other, x)


def _at_most(x: Any, other: Any) -> Value:
    return _clamp(x, None, other) if isinstance(x, Value) else _clamp(other, None, x)


def _larger(x: Any, other: Any) -> Value:
    return _at_least(*_two(x, other))


def _smaller(x: Any, other: Any) -> Value:
    return _at_most(*_two(x, other))


def _two(x: Any, other: Any) -> tuple[Any, Any]:
    """What torch.max() and torch.min() take, where they do not reduce an axis."""
    if isinstance(other, int):
        raise ConversionError(f"a reduction of axis {other} is not supported: {BETWEEN}")
    return x, other


def _dropout(x: Value, p: float = 0.5, training: bool = True, inplace: bool = False) -> Value:
    if training:
        raise ConversionError("it drops in eval mode too: give it training=self.training")
    return x


def _layer(x: Any, make: Callable[..., nn.Module], *arguments: Any, **named: Any) -> Value:
    if not isinstance(x, Value):
        raise ConversionError(f"expected the input of the layer to depend on the input of the module: {BETWEEN}")
    return x.through(make(*arguments, **named))


def _as_layer(module: str) -> Callable[..., Value]:
    """The function that computes what a module does."""
    return lambda x, *arguments, **named: _layer(x, LAYERS[module].make, *arguments, **named)


# By PyTorch's names of functions and methods. In place of x, `relu_` and `iadd` do the same.
OPERATIONS: dict[str, Callable[..., Any]] = {
    **{kind.lower(): _as_layer(kind) for kind in LAYERS if "Dropout" not in kind},
    "batch_norm": lambda x, *arguments, **named: _layer(x, batch_norm, *arguments, **named),
    "layer_norm": _as_layer("LayerNorm"),
    "leaky_relu": _as_layer("LeakyReLU"),
    "log_softmax": _as_layer("LogSoftmax"),
    "rms_norm": _as_layer("RMSNorm"),
    **dict.fromkeys(("add", "iadd", "__add__", "__radd__"), _add),
    **dict.fromkeys(("sub", "subtract", "isub", "__sub__"), _sub),
    **dict.fromkeys(("rsub", "__rsub__"), lambda a, b, *, alpha=1: _sub(b, a, alpha=alpha)),
    **dict.fromkeys(("mul", "multiply", "imul", "__mul__", "__rmul__"), _mul),
    **dict.fromkeys(("div", "divide", "true_divide", "truediv", "itruediv", "__truediv__"), _div),
    **dict.fromkeys(("matmul", "mm", "__matmul__"), _matmul),
    **dict.fromkeys(("neg", "negative"), lambda x: _mul(x, -1.0)),
    "addmm": _addmm,
    **dict.fromkeys(("clamp", "clip"), _clamp),
    **dict.fromkeys(("clamp_min", "maximum"), _at_least),
    **dict.fromkeys(("clamp_max", "minimum"), _at_most),
    "max": _larger,
    "min": _smaller,
    **dict.fromkeys(
        ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout"), _dropout
    ),
    **SHAPES,
}
