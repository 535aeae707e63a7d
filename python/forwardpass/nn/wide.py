"""Functions for references: they take floats that are wider than a network's, or Decimals in arrays of objects.

So a layer states once what it computes, for both kinds. Wider floats show what a user's network should answer. Bounds
are tested with Decimals, which have as many digits as their context asks for.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, getcontext
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Wide = NDArray[Any]
# The dtype of a network: np.float32 or np.float64.
Dtype = type[np.floating[Any]]


def number(value: float | str, x: Wide) -> Any:
    """A constant in the type of the numbers of x. A constant with many digits is given as text, and keeps them."""
    return Decimal(value) if x.dtype == object else x.dtype.type(np.longdouble(value))


def held(value: float, x: Wide, dtype: Dtype) -> Any:
    """A function's parameter in the type of the numbers of x, after the rounding to the network's dtype."""
    with np.errstate(over="ignore"):
        return number(float(dtype(value)), x)


def numbers(values: NDArray[Any], x: Wide) -> Wide:
    """An array of floats in the type of the numbers of x."""
    if x.dtype != object:
        return values.astype(x.dtype)
    decimals: Wide = np.frompyfunc(lambda value: Decimal(float(value)), 1, 1)(values)
    return decimals


def pi(x: Wide) -> Any:
    """The ratio of a circle's circumference to its diameter."""
    return _decimal_pi(getcontext().prec) if x.dtype == object else number("3.14159265358979323846264338327950288", x)


@cache
def _decimal_pi(digits: int) -> Decimal:
    """Machin's formula, 16 atan(1/5) - 4 atan(1/239)."""

    def inverse_tangent(n: int) -> Decimal:
        power, total, k = Decimal(1) / n, Decimal(0), 0
        while power.adjusted() > -digits:
            total += (-1) ** k * power / (2 * k + 1)
            power, k = power / (n * n), k + 1
        return total

    return 16 * inverse_tangent(5) - 4 * inverse_tangent(239)


def _function(of_floats: Callable[[Wide], Wide], of_decimal: Callable[[Decimal], Decimal]) -> Callable[[Wide], Wide]:
    of_decimals: Callable[[Wide], Wide] = np.frompyfunc(of_decimal, 1, 1)

    def function(x: Wide) -> Wide:
        return of_decimals(x) if x.dtype == object else of_floats(x)

    return function


def _decimal_tanh(x: Decimal) -> Decimal:
    e = (-2 * abs(x)).exp()
    return ((1 - e) / (1 + e)).copy_sign(x)


# Below -FAR, x Phi(x) is smaller than half of the smallest float64. Above FAR it differs from x by no more than that.
FAR = 45


def _decimal_normal(x: Decimal) -> Decimal:
    """Phi(x), from the series of erf whose terms are all positive (Abramowitz and Stegun, 7.1.6)."""
    if abs(x) > FAR:
        return Decimal(int(x > 0))
    digits, half_square = getcontext().prec, x * x / 2
    term = total = abs(x)
    n = 0
    while term and term.adjusted() > total.adjusted() - digits:
        n += 1
        term = term * 2 * half_square / (2 * n + 1)
        total += term
    erf = ((2 / _decimal_pi(digits)).sqrt() * (-half_square).exp() * total).copy_sign(x)
    return (1 + erf) / 2


def _float_normal(x: Wide) -> Wide:
    """Phi(x): formula 7.1.6 of Abramowitz and Stegun up to |z| = 2, and above it the continued fraction 7.1.14."""
    z = np.abs(x) / np.sqrt(x.dtype.type(2))
    near = np.minimum(z, 2)
    term = total = near.copy()
    for n in range(1, 60):
        term = term * (2 * near * near) / (2 * n + 1)
        total = total + term
    root_pi = np.sqrt(pi(x))
    far = np.maximum(z, 2)
    fraction = far
    for n in range(100, 0, -1):
        fraction = far + (n / x.dtype.type(2)) / fraction
    tail = np.where(z < 2, 1 - 2 / root_pi * np.exp(-near * near) * total, np.exp(-far * far) / root_pi / fraction)
    y: Wide = np.where(np.isnan(x), x, np.where(x < 0, tail / 2, 1 - tail / 2))
    return y


exp = _function(np.exp, Decimal.exp)
expm1 = _function(np.expm1, lambda x: x.exp() - 1)
log1p = _function(np.log1p, lambda x: (1 + x).ln())
sqrt = _function(np.sqrt, Decimal.sqrt)
tanh = _function(np.tanh, _decimal_tanh)
# Phi, the normal distribution function.
normal = _function(_float_normal, _decimal_normal)


def sigmoid(x: Wide) -> Wide:
    """1 / (1 + e^-x), computed from e^-|x|, which never overflows."""
    e = exp(-np.abs(x))
    y: Wide = np.where(x < 0, e, e * 0 + 1) / (1 + e)
    return y


def gated(x: Wide, share: Wide) -> Wide:
    """The product x * share, but -0.0 where the share is 0, also for x = -Inf, as that is the limit."""
    y: Wide = np.where(share == 0, -share, x * share)
    return y
