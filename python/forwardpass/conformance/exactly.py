"""Every layer in decimal arithmetic, one row at a time, to more digits than any dtype shows: what bounds speak of.

`cli/exact.py` computes whole batches in the machine's widest float, which is neither wide nor exact enough here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, localcontext
from functools import cache
from typing import Any

import numpy as np

from .. import nn
from .outcome import Float

Row = list[Decimal]

# The largest and the smallest float64 are 632 digits apart. Sums of numbers that cancel need those, and some more.
DIGITS = 700
EXACT = Context(prec=DIGITS, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])
ZERO, ONE, TWO, INFINITY = Decimal(0), Decimal(1), Decimal(2), Decimal("Infinity")
# x Phi(x) below -FAR is smaller than half of the smallest float64, and above FAR it is x to as many digits.
FAR = 45


def exactly(network: nn.Module, row: Sequence[Any], dtype: Float) -> Row:
    """What a network's layers say, for one row. Parameters of functions count as the dtype holds them."""
    with localcontext(EXACT):
        return _through(network, [Decimal(float(value)) for value in row], dtype)


def _through(layer: nn.Module, x: Row, dtype: Float) -> Row:
    if isinstance(layer, nn.Sequential):
        for inner in layer:
            x = _through(inner, x, dtype)
        return x
    if isinstance(layer, nn.Residual):
        return [a + b for a, b in zip(x, _through(layer.inner, x, dtype), strict=True)]
    for kind, of_row in ROWS.items():
        if isinstance(layer, kind):
            return of_row(layer, x)
    for kind, of_element in ELEMENTS.items():
        if isinstance(layer, kind):
            return [of_element(layer, value, dtype) for value in x]
    raise TypeError(f"layer: expected one of forwardpass's, got {layer!r}")


def _numbers(array: Any, width: int, otherwise: Decimal) -> Row:
    return [otherwise] * width if array is None else [Decimal(float(value)) for value in array]


def _linear(layer: Any, x: Row) -> Row:
    bias = _numbers(layer.bias, layer.out_features, ZERO)
    return [
        sum((a * Decimal(float(v)) for a, v in zip(x, w, strict=True)), b)
        for w, b in zip(layer.weight, bias, strict=True)
    ]


def _scaled(x: Row, weight: Any, bias: Any) -> Row:
    width = len(x)
    return [a * w + b for a, w, b in zip(x, _numbers(weight, width, ONE), _numbers(bias, width, ZERO), strict=True)]


def _layer_norm(layer: Any, x: Row) -> Row:
    mean = sum(x, ZERO) / len(x)
    variance = sum(((a - mean) ** 2 for a in x), ZERO) / len(x) + Decimal(layer.eps)
    return _scaled([(a - mean) / variance.sqrt() for a in x], layer.weight, layer.bias)


def _batch_norm(layer: Any, x: Row) -> Row:
    means, variances = (_numbers(array, len(x), ZERO) for array in (layer.running_mean, layer.running_var))
    normal = [(a - m) / (v + Decimal(layer.eps)).sqrt() for a, m, v in zip(x, means, variances, strict=True)]
    return _scaled(normal, layer.weight, layer.bias)


def _normalize(layer: Any, x: Row) -> Row:
    means, deviations = _numbers(layer.mean, len(x), ZERO), _numbers(layer.std, len(x), ONE)
    most = INFINITY if layer.clip is None else Decimal(layer.clip)
    return [max(-most, min(most, (a - m) / d)) for a, m, d in zip(x, means, deviations, strict=True)]


def _clip(layer: Any, x: Row) -> Row:
    limits = zip(x, _numbers(layer.low, len(x), ZERO), _numbers(layer.high, len(x), ZERO), strict=True)
    return [max(low, min(high, a)) for a, low, high in limits]


def _softmax(_: Any, x: Row) -> Row:
    weights = [(a - max(x)).exp() for a in x]
    return [weight / sum(weights, ZERO) for weight in weights]


def _log_softmax(_: Any, x: Row) -> Row:
    largest = max(range(len(x)), key=lambda i: x[i])
    others = sum(((a - x[largest]).exp() for i, a in enumerate(x) if i != largest), ZERO)
    return [a - x[largest] - (1 + others).ln() for a in x]


ROWS: dict[type[nn.Module], Callable[[Any, Row], Row]] = {
    nn.Linear: _linear,
    nn.LayerNorm: _layer_norm,
    nn.BatchNorm1d: _batch_norm,
    nn.Normalize: _normalize,
    nn.Affine: lambda layer, x: _scaled(x, layer.scale, layer.offset),
    nn.Clip: _clip,
    nn.Softmax: _softmax,
    nn.LogSoftmax: _log_softmax,
}


def _held(value: float, dtype: Float) -> Decimal:
    with np.errstate(over="ignore"):
        return Decimal(float(dtype(value)))


@cache
def _pi() -> Decimal:
    """Machin's formula, 16 atan(1/5) - 4 atan(1/239)."""

    def inverse_tangent(n: int) -> Decimal:
        power, total, k = ONE / n, ZERO, 0
        while power.adjusted() > -DIGITS:
            total += (-1) ** k * power / (2 * k + 1)
            power, k = power / (n * n), k + 1
        return total

    with localcontext(EXACT):
        return 16 * inverse_tangent(5) - 4 * inverse_tangent(239)


def _sigmoid(x: Decimal) -> Decimal:
    return 1 / (1 + (-x).exp())


def _tanh(x: Decimal) -> Decimal:
    e = (-2 * abs(x)).exp()
    return ((1 - e) / (1 + e)).copy_sign(x)


def _elu(alpha: Decimal, x: Decimal) -> Decimal:
    return x if x >= 0 else alpha * (x.exp() - 1)


def _selu(_: Any, x: Decimal, dtype: Float) -> Decimal:
    """With the constants of the paper."""
    return Decimal("1.0507009873554804934193349852946") * _elu(Decimal("1.6732632423543772848170429916717"), x)


def _gelu(layer: Any, x: Decimal, dtype: Float) -> Decimal:
    """By the series of erf whose terms are all positive (Abramowitz and Stegun, 7.1.6)."""
    if layer.approximate == "tanh":
        return x * _sigmoid(2 * (2 / _pi()).sqrt() * (x + Decimal("0.044715") * x**3))
    if abs(x) > FAR:
        return max(x, ZERO)
    half_square = x * x / 2
    term = total = abs(x)
    n = 0
    while term and term.adjusted() > total.adjusted() - DIGITS:
        n += 1
        term = term * 2 * half_square / (2 * n + 1)
        total += term
    erf = ((2 / _pi()).sqrt() * (-half_square).exp() * total).copy_sign(x)
    return x * (1 + erf) / 2


def _softplus(layer: Any, x: Decimal, dtype: Float) -> Decimal:
    beta, threshold = _held(layer.beta, dtype), _held(layer.threshold, dtype)
    return x if beta * x > threshold else (max(beta * x, ZERO) + (1 + (-abs(beta * x)).exp()).ln()) / beta


ELEMENTS: dict[type[nn.Module], Callable[[Any, Decimal, Float], Decimal]] = {
    nn.ReLU: lambda _, x, __: max(x, ZERO),
    nn.LeakyReLU: lambda layer, x, dtype: x if x >= 0 else x * _held(layer.negative_slope, dtype),
    nn.ELU: lambda layer, x, dtype: _elu(_held(layer.alpha, dtype), x),
    nn.SELU: _selu,
    nn.GELU: _gelu,
    nn.SiLU: lambda _, x, __: x * _sigmoid(x),
    nn.Tanh: lambda _, x, __: _tanh(x),
    nn.Sigmoid: lambda _, x, __: _sigmoid(x),
    nn.Softplus: _softplus,
    nn.Hardtanh: lambda layer, x, dtype: max(_held(layer.min_val, dtype), min(_held(layer.max_val, dtype), x)),
    nn.Identity: lambda _, x, __: x,
    nn.Dropout: lambda _, x, __: x,
    nn.Flatten: lambda _, x, __: x,
}
