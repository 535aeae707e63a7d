"""What each of Keras's activations is here: by name, as a layer, and as an operation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import numpy as np

from ... import nn
from ..errors import ConversionError
from .layer import Layer, Shape

T = TypeVar("T")
Make = Callable[[], nn.Module]
Converted = tuple[list[Make], Shape]
Convert = Callable[[Layer, Shape], Converted]

# Keras's names, with the defaults that its functions have; those of its layers are options.
ACTIVATIONS: dict[str, Make] = {
    "relu": nn.ReLU,
    "relu6": lambda: nn.Hardtanh(0.0, 6.0),
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
    "elu": lambda: nn.ELU(1.0),
    "selu": nn.SELU,
    "gelu": lambda: nn.GELU("none"),
    "silu": nn.SiLU,
    "swish": nn.SiLU,
    "tanh": nn.Tanh,
    "hard_tanh": lambda: nn.Hardtanh(-1.0, 1.0),
    "sigmoid": nn.Sigmoid,
    "mish": nn.Mish,
    "softsign": nn.Softsign,
    "celu": nn.CELU,
    "hard_silu": nn.Hardswish,
    "hard_swish": nn.Hardswish,
    "hard_sigmoid": nn.Hardsigmoid,
    "softmax": nn.Softmax,
    "log_softmax": nn.LogSoftmax,
}


def _named(name: str, layer: Layer, shape: Shape) -> Make:
    if name == "softplus":
        # x itself from where on a float32, or a float64, is no other; torch's threshold is 20 for both.
        threshold = 20.0 if layer.context.dtype == np.float32 else 40.0
        return lambda: nn.Softplus(1.0, threshold)
    if name not in ACTIVATIONS:
        raise layer.error(f"activation {name[:100]!r} is not supported")
    if name in ("softmax", "log_softmax"):
        layer.features(shape)
    return ACTIVATIONS[name]


def activation_of(layer: Layer, shape: Shape) -> list[Make]:
    """What the option ``activation`` adds: a name, or a layer without weights."""
    value = layer.option("activation")
    if value is None or value == "linear":
        return []
    if isinstance(value, str):
        return [_named(value, layer, shape)]
    kind = class_of(value)
    if kind not in LAYERS:
        name = value.get("class_name", "a lambda") if isinstance(value, dict) else value
        name = value.get("config") if name == "function" else name
        raise layer.error(f"activation {repr(name)[:100]} is not supported")
    inner = Layer(kind, value["config"], list, f"{layer.at}: activation {kind}", layer.context)
    return converted(LAYERS, inner, shape)[0]


def class_of(spec: Any) -> str | None:
    """The name of the class of Keras's own that a configuration speaks of, if it does."""
    if not isinstance(spec, dict) or not isinstance(spec.get("config"), dict):
        return None
    kind, module = spec.get("class_name"), spec.get("module")
    own = isinstance(module, str) and f"{module}.".startswith("keras.")
    return kind if own and isinstance(kind, str) and spec.get("registered_name") in (None, kind) else None


def _fixed(name: str) -> Convert:
    return lambda layer, shape: ([_named(name, layer, shape)], shape)


def _leaky_relu(layer: Layer, shape: Shape) -> Converted:
    return [partial(nn.LeakyReLU, layer.number("negative_slope"))], shape


def _elu(layer: Layer, shape: Shape) -> Converted:
    return [partial(nn.ELU, layer.number("alpha"))], shape


def _celu(layer: Layer, shape: Shape) -> Converted:
    return [partial(nn.CELU, layer.number("alpha"))], shape


def _gelu(layer: Layer, shape: Shape) -> Converted:
    return [partial(nn.GELU, "tanh" if layer.flag("approximate") else "none")], shape


def _relu(layer: Layer, shape: Shape) -> Converted:
    slope, threshold, most = layer.number("negative_slope"), layer.number("threshold"), layer.option("max_value")
    if threshold != 0 or (most is not None and slope != 0):
        raise layer.error(f"threshold = {threshold}, negative_slope = {slope} and max_value = {most} are not supported")
    if most is not None:
        return [partial(nn.Hardtanh, 0.0, layer.number("max_value"))], shape
    return [partial(nn.LeakyReLU, slope) if slope else nn.ReLU], shape


def _softmax(kind: Callable[[int], nn.Module]) -> Convert:
    def convert(layer: Layer, shape: Shape) -> Converted:
        return [partial(kind, layer.last_axis(shape))], shape

    return convert


# Layers without weights, which may be the activation of another layer.
LAYERS: dict[str, Convert] = {
    "LeakyReLU": _leaky_relu,
    "ELU": _elu,
    "ReLU": _relu,
    "Softmax": _softmax(nn.Softmax),
}
# Of keras.ops, as functional models hold them.
OPERATIONS: dict[str, Convert] = {
    "Relu": _fixed("relu"),
    "Relu6": _fixed("relu6"),
    "ReLU": _relu,
    "LeakyRelu": _leaky_relu,
    "Elu": _elu,
    "Selu": _fixed("selu"),
    "Gelu": _gelu,
    "Silu": _fixed("silu"),
    "Tanh": _fixed("tanh"),
    "HardTanh": _fixed("hard_tanh"),
    "Sigmoid": _fixed("sigmoid"),
    "Softplus": _fixed("softplus"),
    "Softsign": _fixed("softsign"),
    "Celu": _celu,
    "HardSilu": _fixed("hard_silu"),
    "HardSigmoid": _fixed("hard_sigmoid"),
    "Softmax": _softmax(nn.Softmax),
    "LogSoftmax": _softmax(nn.LogSoftmax),
}


def converted(known: dict[str, Convert], layer: Layer, shape: Shape) -> Converted:
    """What makes the layers of one of Keras's, for rows of a shape, and the shape that they give.

    Raises
    ------
    ConversionError
        An option of it is not supported; once they are made, that its weights do not fit.
    """
    makes, shape = _named_errors(layer, partial(known[layer.kind], layer, shape))
    layer.check_used()
    return [partial(_named_errors, layer, make) for make in makes], shape


def _named_errors(layer: Layer, make: Callable[[], T]) -> T:
    """What is made, or the error of one of our layers with the place of Keras's."""
    try:
        return make()
    except ConversionError:
        raise
    except (ValueError, TypeError) as error:
        raise layer.error(str(error)) from error
