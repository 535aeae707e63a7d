"""What each of Keras's layers is here, from its configuration and its weights; activations.py has the others.

Kernels of Keras are (in, out): they are transposed. Nothing is made yet: what makes a layer is called once it is known
how large all weights are.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ... import nn
from . import activations
from .activations import Convert, Converted, Make, activation_of
from .layer import EPSILON, Layer, Shape


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
    layer.rows_alone()
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
    if axis not in (None, [], -1, 1, [-1], [1]) or isinstance(axis, bool) or (layer.context.steps and axis in (1, [1])):
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


def _prelu(layer: Layer, shape: Shape) -> Converted:
    layer.used.add("alpha_initializer")
    layer.rows_alone()
    if layer.option("shared_axes") is not None:
        raise layer.error("shared_axes: expected none, one slope for each feature")
    layer.takes_columns(shape)
    arrays = layer.arrays((layer.features(shape),))
    return [lambda: nn.PReLU(*arrays())], shape


LAYERS: dict[str, Convert] = {
    "Dense": _dense,
    "Activation": lambda layer, shape: (activation_of(layer, shape), shape),
    **activations.LAYERS,
    "PReLU": _prelu,
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
