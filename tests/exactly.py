"""Every layer in arithmetic of any precision (mpmath), one number at a time: what the error bound speaks of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np
from mpmath import mp, mpf

import forwardpass as fp
from tests.support import Float

Row = list[Any]  # of mpf

# Differences of numbers as far apart as float64's need two thousand digits; their sums are taken exactly (fsum, fdot).
PRECISION = 2600


def exactly(network: fp.Module, row: Sequence[Any], dtype: Float) -> Row:
    """What the network's layers say, for one row; parameters of functions as the dtype holds them."""
    with mp.workprec(PRECISION):
        return _through(network, [mpf(float(value)) for value in row], dtype)


def _through(layer: fp.Module, x: Row, dtype: Float) -> Row:
    if isinstance(layer, fp.Sequential):
        for inner in layer:
            x = _through(inner, x, dtype)
        return x
    if isinstance(layer, fp.Residual):
        return [a + b for a, b in zip(x, _through(layer.inner, x, dtype), strict=True)]
    for kind, compute in ROWS.items():
        if isinstance(layer, kind):
            return compute(layer, x)
    for kind, function in ELEMENTS.items():
        if isinstance(layer, kind):
            return [function(layer, value, dtype) for value in x]
    raise TypeError(f"no reference for {layer}")


def _numbers(array: Any, width: int, otherwise: float) -> Row:
    return [mpf(otherwise)] * width if array is None else [mpf(float(value)) for value in array]


def _linear(layer: Any, x: Row) -> Row:
    bias = _numbers(layer.bias, layer.out_features, 0.0)
    return [mp.fdot(x, [mpf(float(v)) for v in w]) + b for w, b in zip(layer.weight, bias, strict=True)]


def _scaled(x: Row, weight: Any, bias: Any) -> Row:
    width = len(x)
    return [a * w + b for a, w, b in zip(x, _numbers(weight, width, 1), _numbers(bias, width, 0), strict=True)]


def _layer_norm(layer: Any, x: Row) -> Row:
    mean = mp.fsum(x) / len(x)
    variance = mp.fsum([(a - mean) ** 2 for a in x]) / len(x) + mpf(layer.eps)
    if variance == 0:
        return [mpf("nan")] * len(x)
    return _scaled([(a - mean) / mp.sqrt(variance) for a in x], layer.weight, layer.bias)


def _batch_norm(layer: Any, x: Row) -> Row:
    deviations = [mp.sqrt(mpf(float(v)) + mpf(layer.eps)) for v in layer.running_var]
    means = _numbers(layer.running_mean, len(x), 0)
    return _scaled([(a - m) / d for a, m, d in zip(x, means, deviations, strict=True)], layer.weight, layer.bias)


def _normalize(layer: Any, x: Row) -> Row:
    means, deviations = _numbers(layer.mean, len(x), 0), _numbers(layer.std, len(x), 1)
    most = mpf("inf") if layer.clip is None else mpf(layer.clip)
    return [max(-most, min(most, (a - m) / d)) for a, m, d in zip(x, means, deviations, strict=True)]


def _clip(layer: Any, x: Row) -> Row:
    return [
        max(low, min(high, a)) for a, low, high in zip(x, map(float, layer.low), map(float, layer.high), strict=True)
    ]


def _softmax(_: Any, x: Row) -> Row:
    weights = [mp.exp(a - max(x)) for a in x]
    return [weight / mp.fsum(weights) for weight in weights]


def _log_softmax(_: Any, x: Row) -> Row:
    largest = max(range(len(x)), key=lambda i: x[i])
    others = mp.fsum([mp.exp(a - x[largest]) for i, a in enumerate(x) if i != largest])
    return [a - x[largest] - mpmath.log1p(others) for a in x]


ROWS: dict[type[fp.Module], Callable[[Any, Row], Row]] = {
    fp.Linear: _linear,
    fp.LayerNorm: _layer_norm,
    fp.BatchNorm1d: _batch_norm,
    fp.Normalize: _normalize,
    fp.Affine: lambda layer, x: _scaled(x, layer.scale, layer.offset),
    fp.Clip: _clip,
    fp.Softmax: _softmax,
    fp.LogSoftmax: _log_softmax,
}


def _held(value: float, dtype: Float) -> Any:
    with np.errstate(over="ignore"):
        return mpf(float(dtype(value)))


def _elu(alpha: Any, x: Any) -> Any:
    return x if x >= 0 else alpha * mp.expm1(x)


def _selu(_: Any, x: Any, dtype: Float) -> Any:
    return mpf("1.0507009873554804934193349852946") * _elu(mpf("1.6732632423543772848170429916717"), x)


# Beyond it, what is left of e^x is no number of any dtype, and mpmath takes for ever.
FAR = 10**4


def _gelu(layer: Any, x: Any, dtype: Float) -> Any:
    if abs(x) > FAR:
        return max(x, mpf(0))
    if layer.approximate == "none":
        return x * mp.erfc(-x / mp.sqrt(2)) / 2
    u = 2 * mp.sqrt(2 / mp.pi) * (x + mpf("0.044715") * x**3)
    return x / (1 + mp.exp(-u))


def _softplus(layer: Any, x: Any, dtype: Float) -> Any:
    beta, threshold = _held(layer.beta, dtype), _held(layer.threshold, dtype)
    return x if beta * x > threshold else mpmath.log1p(mp.exp(beta * x)) / beta


ELEMENTS: dict[type[fp.Module], Callable[[Any, Any, Float], Any]] = {
    fp.ReLU: lambda _, x, __: max(x, mpf(0)),
    fp.LeakyReLU: lambda layer, x, dtype: x if x >= 0 else x * _held(layer.negative_slope, dtype),
    fp.ELU: lambda layer, x, dtype: _elu(_held(layer.alpha, dtype), x),
    fp.SELU: _selu,
    fp.GELU: _gelu,
    fp.SiLU: lambda _, x, __: x / (1 + mp.exp(-x)),
    fp.Tanh: lambda _, x, __: mp.tanh(x),
    fp.Sigmoid: lambda _, x, __: 1 / (1 + mp.exp(-x)),
    fp.Softplus: _softplus,
    fp.Hardtanh: lambda layer, x, dtype: max(_held(layer.min_val, dtype), min(_held(layer.max_val, dtype), x)),
    fp.Identity: lambda _, x, __: x,
    fp.Dropout: lambda _, x, __: x,
    fp.Flatten: lambda _, x, __: x,
}
