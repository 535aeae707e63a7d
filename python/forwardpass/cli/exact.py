"""Every layer in plain NumPy and in a wider float: what `check` compares a network with."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import nn
from ..nn import Module

Wide = NDArray[Any]


def exact(network: Module, x: NDArray[Any]) -> Wide:
    """The network in float64, or for one that is float64 itself in NumPy's longest float."""
    wide: Any = np.longdouble if network.dtype == np.float64 else np.float64
    return _through(network, x.astype(wide))


def _through(module: Module, x: Wide) -> Wide:
    if isinstance(module, nn.Sequential):
        for layer in module:
            x = _through(layer, x)
        return x
    if isinstance(module, nn.Residual):
        return x + _through(module.inner, x)
    y: Wide
    if isinstance(module, nn.Linear):
        y = x @ module.weight.astype(x.dtype).T
        return y if module.bias is None else np.add(y, module.bias)
    return _columns(module, x) if isinstance(module, nn.Columns) else FUNCTIONS[type(module)](module, x)


def _columns(layer: nn.Columns, x: Wide) -> Wide:
    arrays = {name: array.astype(x.dtype) for name, array in layer.state_dict().items()}
    y: Wide
    if isinstance(layer, nn.Affine):
        y = x * arrays["scale"] + arrays["offset"]
        return y
    if isinstance(layer, nn.Clip):
        y = np.clip(x, arrays["low"], arrays["high"])
        return y
    if isinstance(layer, nn.Normalize):
        y = (x - arrays["mean"]) / arrays["std"]
        return y if layer.clip is None else np.clip(y, -layer.clip, layer.clip)
    assert isinstance(layer, (nn.LayerNorm, nn.BatchNorm1d))
    if isinstance(layer, nn.LayerNorm):
        mean, variance = x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True)
    else:
        mean, variance = arrays["running_mean"], arrays["running_var"]
    y = (x - mean) / np.sqrt(variance + layer.eps)
    return y * arrays.get("weight", 1) + arrays.get("bias", 0)


def _normal(x: Wide) -> Wide:
    """Phi(x). Abramowitz and Stegun, 7.1.6 up to |z| = 2, and above the continued fraction 7.1.14."""
    z = np.abs(x) / np.sqrt(x.dtype.type(2))
    near = np.minimum(z, 2)
    term = total = near.copy()
    for n in range(1, 60):
        term = term * (2 * near * near) / (2 * n + 1)
        total = total + term
    root_pi = np.sqrt(x.dtype.type(np.longdouble("3.14159265358979323846264338327950288")))
    far = np.maximum(z, 2)
    fraction = far
    for n in range(100, 0, -1):
        fraction = far + (n / x.dtype.type(2)) / fraction
    tail = np.where(z < 2, 1 - 2 / root_pi * np.exp(-near * near) * total, np.exp(-far * far) / root_pi / fraction)
    y: Wide = np.where(np.isnan(x), x, np.where(x < 0, tail / 2, 1 - tail / 2))
    return y


def _times(x: Wide, share: Wide) -> Wide:
    """The product, whose limit where share is 0 is 0."""
    product: Wide = np.where(share == 0, -0.0, x * share)
    return product


def _sigmoid(x: Wide) -> Wide:
    e = np.exp(-np.abs(x))
    y: Wide = np.where(x < 0, e, 1) / (1 + e)
    return y


def _gelu(layer: Any, x: Wide) -> Wide:
    if layer.approximate == "none":
        return _times(x, _normal(x))
    bounded = np.clip(x, -1e4, 1e4)
    pi = x.dtype.type(np.longdouble("3.14159265358979323846264338327950288"))
    cubic = x.dtype.type(np.longdouble("0.044715"))
    return _times(x, _sigmoid(2 * np.sqrt(2 / pi) * (bounded + cubic * bounded**3)))


def _softplus(layer: Any, x: Wide) -> Wide:
    beta = _parameter(layer.beta, x)
    v = x * beta
    y: Wide = np.where(v > _parameter(layer.threshold, x), x, (np.maximum(v, 0) + np.log1p(np.exp(-np.abs(v)))) / beta)
    return y


def _selu(layer: Any, x: Wide) -> Wide:
    alpha = x.dtype.type(np.longdouble("1.6732632423543772848170429916717"))
    y: Wide = x.dtype.type(np.longdouble("1.0507009873554804934193349852946")) * _elu(alpha, x)
    return y


def _elu(alpha: Any, x: Wide) -> Wide:
    y: Wide = np.where(x >= 0, x, alpha * np.expm1(np.minimum(x, 0)))
    return y


def _parameter(value: float, x: Wide) -> Any:
    """Of a function: the network takes it in its own dtype."""
    return np.float32(value).astype(x.dtype) if x.dtype == np.float64 else x.dtype.type(value)


def _log_softmax(layer: Any, x: Wide) -> Wide:
    d = x - x.max(axis=-1, keepdims=True)
    others = np.exp(d)
    np.put_along_axis(others, d.argmax(axis=-1, keepdims=True), 0, axis=-1)
    y: Wide = d - np.log1p(others.sum(axis=-1, keepdims=True))
    return y


def _softmax(layer: Any, x: Wide) -> Wide:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    y: Wide = e / e.sum(axis=-1, keepdims=True)
    return y


def _same(layer: Any, x: Wide) -> Wide:
    return x


FUNCTIONS: dict[type, Callable[[Any, Wide], Wide]] = {
    nn.Dropout: _same,
    nn.ELU: lambda layer, x: _elu(_parameter(layer.alpha, x), x),
    nn.Flatten: lambda layer, x: x.reshape(len(x), math.prod(x.shape[1:])) if x.ndim > 1 else x,
    nn.GELU: _gelu,
    nn.Hardtanh: lambda layer, x: np.clip(x, _parameter(layer.min_val, x), _parameter(layer.max_val, x)),
    nn.Identity: _same,
    nn.LeakyReLU: lambda layer, x: np.where(x >= 0, x, x * _parameter(layer.negative_slope, x)),
    nn.LogSoftmax: _log_softmax,
    nn.ReLU: lambda layer, x: np.maximum(x, 0),
    nn.SELU: _selu,
    nn.Sigmoid: lambda layer, x: _sigmoid(x),
    nn.SiLU: lambda layer, x: _times(x, _sigmoid(x)),
    nn.Softmax: _softmax,
    nn.Softplus: _softplus,
    nn.Tanh: lambda layer, x: np.tanh(x),
}
