"""What each of Keras's layers and operations is here, from its configuration and its weights.

Kernels of Keras are (in, out): they are transposed. Nothing is made yet: what makes a layer is called once it is known
how large all weights are.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import numpy as np

from ... import nn
from ..errors import ConversionError
from .layer import EPSILON, Layer, Shape

T = TypeVar("T")
Make = Callable[[], nn.Module]
Converted = tuple[list[Make], Shape]

# ---- activations ----

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
    if kind not in ("LeakyReLU", "ELU", "ReLU", "Softmax"):
        name = value.get("class_name", "a lambda") if isinstance(value, dict) else value
        name = value.get("config") if name == "function" else name
        raise layer.error(f"activation {repr(name)[:100]} is not supported")
    return converted(Layer(kind, value["config"], list, f"{layer.at}: activation {kind}", layer.context), shape)[0]


def class_of(spec: Any) -> str | None:
    """The name of the class of Keras's own that a configuration speaks of, if it does."""
    if not isinstance(spec, dict) or not isinstance(spec.get("config"), dict):
        return None
    kind, module = spec.get("class_name"), spec.get("module")
    own = isinstance(module, str) and f"{module}.".startswith("keras.")
    return kind if own and isinstance(kind, str) and spec.get("registered_name") in (None, kind) else None


def _fixed(name: str) -> Callable[[Layer, Shape], Converted]:
    return lambda layer, shape: ([_named(name, layer, shape)], shape)


def _leaky_relu(layer: Layer, shape: Shape) -> Converted:
    return [partial(nn.LeakyReLU, layer.number("negative_slope"))], shape


def _elu(layer: Layer, shape: Shape) -> Converted:
    return [partial(nn.ELU, layer.number("alpha"))], shape


def _celu(layer: Layer, shape: Shape) -> Converted:
    return [partial(nn.CELU, layer.number("alpha"))], shape


def _prelu(layer: Layer, shape: Shape) -> Converted:
    layer.used.add("alpha_initializer")
    if layer.option("shared_axes") is not None:
        raise layer.error("shared_axes: expected none, one slope for each feature")
    layer.takes_columns(shape)
    arrays = layer.arrays((layer.features(shape),))
    return [lambda: nn.PReLU(*arrays())], shape


def _gelu(layer: Layer, shape: Shape) -> Converted:
    return [partial(nn.GELU, "tanh" if layer.flag("approximate") else "none")], shape


def _relu(layer: Layer, shape: Shape) -> Converted:
    slope, threshold, most = layer.number("negative_slope"), layer.number("threshold"), layer.option("max_value")
    if threshold != 0 or (most is not None and slope != 0):
        raise layer.error(f"threshold = {threshold}, negative_slope = {slope} and max_value = {most} are not supported")
    if most is not None:
        return [partial(nn.Hardtanh, 0.0, layer.number("max_value"))], shape
    return [partial(nn.LeakyReLU, slope) if slope else nn.ReLU], shape


def _softmax(kind: Callable[[int], nn.Module]) -> Callable[[Layer, Shape], Converted]:
    def convert(layer: Layer, shape: Shape) -> Converted:
        return [partial(kind, layer.last_axis(shape))], shape

    return convert


# ---- the other layers ----


def _dense(layer: Layer, shape: Shape) -> Converted:
    inputs, units = layer.features(shape), layer.option("units")
    if type(units) is not int or units < 1:
        raise layer.error(f"units: expected a positive number, got {repr(units)[:100]}")
    with_bias = layer.flag("use_bias")
    arrays = layer.arrays(*[(inputs, units), (units,)][: 2 if with_bias else 1])

    def make() -> nn.Module:
        kernel, *bias = arrays()
        return nn.Linear(kernel.T, *bias)

    return [make, *activation_of(layer, (units,))], (units,)


def _affine_weights(layer: Layer, width: int, more: int) -> Callable[[], list[nn.FloatArray | None]]:
    """What gives scale and centre, each if it has one, then further arrays."""
    layer.takes_columns((width,))
    flags = [layer.flag("scale"), layer.flag("center")]
    arrays = layer.arrays(*[(width,)] * (sum(flags) + more))

    def read() -> list[nn.FloatArray | None]:
        values = iter(arrays())
        return [next(values) if flag else None for flag in [*flags, *[True] * more]]

    return read


def _batch_normalization(layer: Layer, shape: Shape) -> Converted:
    layer.last_axis(shape)
    arrays, epsilon = _affine_weights(layer, shape[0], 2), layer.number("epsilon")

    def make() -> nn.Module:
        weight, bias, mean, variance = arrays()
        assert mean is not None
        assert variance is not None
        return nn.BatchNorm1d(mean, variance, weight, bias, eps=epsilon)

    return [make], shape


def _layer_normalization(layer: Layer, shape: Shape) -> Converted:
    axis = layer.last_axis(shape)
    arrays, epsilon = _affine_weights(layer, shape[0], 0), layer.number("epsilon")

    def make() -> nn.Module:
        weight, bias = arrays()
        return nn.LayerNorm(shape[0], weight, bias, eps=epsilon)

    # Axis 1 is the last one of rows alone: a Flatten behind the layer refuses x of more axes.
    return [make, *([nn.Flatten] if axis == 1 else [])], shape


def _rms_normalization(layer: Layer, shape: Shape) -> Converted:
    axis, epsilon = layer.last_axis(shape), layer.number("epsilon")
    layer.takes_columns(shape)
    arrays = layer.arrays((shape[0],))
    # As behind a LayerNormalization.
    return [lambda: nn.RMSNorm(shape[0], arrays()[0], epsilon), *([nn.Flatten] if axis == 1 else [])], shape


def _rescaling(layer: Layer, shape: Shape) -> Converted:
    layer.takes_columns(shape)
    values = {name: layer.option(name) for name in ("scale", "offset")}

    def make() -> nn.Module:
        return nn.Affine(*(layer.context.expanded(v, shape, f"{layer.at}: {name}") for name, v in values.items()))

    return [make], shape


def _normalization(layer: Layer, shape: Shape) -> Converted:
    axis, width, invert = layer.option("axis"), layer.features(shape), layer.flag("invert")
    given = [layer.option("mean"), layer.option("variance")]
    if axis not in (None, [], -1, 1, [-1], [1]) or isinstance(axis, bool):
        raise layer.error(f"axis: expected the last axis, -1, or none, got {repr(axis)[:100]}")
    size = () if axis in (None, []) else (width,)
    # Without values of its own, adapt() has found them, and counted the rows it has seen.
    adapted = layer.arrays(size, size, unread=1) if given == [None, None] else None
    layer.takes_columns(shape)

    def make() -> nn.Module:
        mean, variance = given if adapted is None else [array.tolist() for array in adapted()]
        centre = layer.context.expanded(mean, shape, f"{layer.at}: mean")
        spread = layer.context.expanded(variance, shape, f"{layer.at}: variance")
        with np.errstate(invalid="ignore"):
            deviation = np.maximum(np.sqrt(spread.astype(layer.context.dtype)), EPSILON).astype(np.float64)
        return nn.Affine(deviation, centre) if invert else nn.Normalize(centre, deviation)

    return [make], shape


def _flat(shape: Shape) -> list[Make]:
    """Rows of more axes are flat from the beginning of the network on: network_of()."""
    return [] if len(shape) > 1 else [nn.Flatten]


def _flatten(layer: Layer, shape: Shape) -> Converted:
    if layer.option("data_format") != "channels_last" and len(shape) > 1:
        raise layer.error("data_format: expected channels_last")
    return _flat(shape), (math.prod(shape),)


def _reshape(layer: Layer, shape: Shape) -> Converted:
    target, size = layer.option("target_shape"), math.prod(shape)
    if target not in ([-1], [size]):
        raise layer.error(f"target_shape: expected one axis of {size}, got {repr(target)[:100]}")
    return _flat(shape), (size,)


def _nothing(*options: str) -> Callable[[Layer, Shape], Converted]:
    """A layer that only training sees, with options that may be anything."""

    def convert(layer: Layer, shape: Shape) -> Converted:
        layer.used.update(options)
        return [], shape

    return convert


LAYERS: dict[str, Callable[[Layer, Shape], Converted]] = {
    "Dense": _dense,
    "Activation": lambda layer, shape: (activation_of(layer, shape), shape),
    "LeakyReLU": _leaky_relu,
    "ELU": _elu,
    "ReLU": _relu,
    "PReLU": _prelu,
    "Softmax": _softmax(nn.Softmax),
    "BatchNormalization": _batch_normalization,
    "LayerNormalization": _layer_normalization,
    "RMSNormalization": _rms_normalization,
    "Rescaling": _rescaling,
    "Normalization": _normalization,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Identity": _nothing(),
    "Dropout": _nothing("rate"),
    "AlphaDropout": _nothing("rate"),
    "GaussianDropout": _nothing("rate"),
    "GaussianNoise": _nothing("stddev"),
    "ActivityRegularization": _nothing("l1", "l2"),
}
# Of keras.ops, as functional models hold them.
OPERATIONS: dict[str, Callable[[Layer, Shape], Converted]] = {
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


def converted(layer: Layer, shape: Shape, operation: bool = False) -> Converted:
    """What makes the layers of one of Keras's, for rows of a shape, and the shape that they give.

    Raises
    ------
    ConversionError
        An option of it is not supported; once they are made, that its weights do not fit.
    """
    makes, shape = _named_errors(layer, partial((OPERATIONS if operation else LAYERS)[layer.kind], layer, shape))
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
