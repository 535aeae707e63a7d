"""The contract fma-v2 in exact rational arithmetic: slow, and independent of every kernel.

Numbers are Python floats, which hold each float32 exactly. Each FMA is computed as a Fraction
and rounded once, half to even, to the format's precision and exponent range. float32 must not be
reached by way of float64: that rounds twice.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias, TypeVar

import numpy as np

from tests.support import Array

T = TypeVar("T")
Product: TypeAlias = tuple[float, float]


@dataclass(frozen=True)
class Format:
    precision: int  # bits of the significand
    smallest: int  # exponent of the smallest subnormal
    largest: int  # exponent of the largest number's leading bit

    def round(self, value: Fraction) -> float:
        """The nearest number to a value that is not 0; it may be a zero with the value's sign."""
        size = abs(value)
        exponent = size.numerator.bit_length() - size.denominator.bit_length()
        if size < Fraction(2) ** exponent:
            exponent -= 1
        quantum = max(exponent - self.precision + 1, self.smallest)
        units = round(size / Fraction(2) ** quantum)  # of a Fraction: half to even
        if units * Fraction(2) ** quantum >= Fraction(2) ** (self.largest + 1):
            return math.inf if value > 0 else -math.inf
        nearest = math.ldexp(units, quantum)
        return nearest if value > 0 else -nearest

    def fma(self, a: float, b: float, c: float) -> float:
        if not (math.isfinite(a) and math.isfinite(b)):
            return a * b + c
        if not math.isfinite(c):
            return c
        exact = Fraction(a) * Fraction(b) + Fraction(c)
        if exact:
            return self.round(exact)
        # An exact zero is negative only if the product and the addend both are negative zeros.
        negative = math.copysign(1, a) * math.copysign(1, b) < 0 and math.copysign(1, c) < 0
        return -0.0 if negative and c == 0 else 0.0

    def add(self, a: float, b: float) -> float:
        return self.fma(a, 1.0, b)


FORMATS = {np.dtype(np.float32): Format(24, -149, 127), np.dtype(np.float64): Format(53, -1074, 1023)}


def dot(fmt: Format, x: list[float], w: list[float]) -> float:
    """Chains of neighbours dealt out, in superblocks of 32 products for each chain, 16 of them to a group."""
    if not x:
        return 0.0
    chains = 4 if len(x) <= 128 else 8
    superblocks = chunks(list(zip(x, w, strict=True)), 32 * chains)
    sums = [
        left_to_right(fmt, [chain(fmt, superblock[r::chains]) for r in range(min(chains, len(superblock)))])
        for superblock in superblocks
    ]
    return left_to_right(fmt, [left_to_right(fmt, group) for group in chunks(sums, 16)])


def chunks(values: list[T], length: int) -> list[list[T]]:
    return [values[start : start + length] for start in range(0, len(values), length)]


def chain(fmt: Format, products: list[Product]) -> float:
    p = 0.0
    for a, b in products:
        p = fmt.fma(a, b, p)
    return p


def left_to_right(fmt: Format, values: list[float]) -> float:
    total = values[0]
    for value in values[1:]:
        total = fmt.add(total, value)
    return total


def linear(x: Array, W: Array, b: Array | None = None, activation: str | None = None) -> Array:
    """As reference_linear, for x (rows, depth) and W (outputs, depth)."""
    fmt = FORMATS[x.dtype]
    y = np.empty((len(x), len(W)), x.dtype)
    for i, row in enumerate(x.tolist()):
        for j, weights in enumerate(W.tolist()):
            value = dot(fmt, row, weights)
            if b is not None:
                value = fmt.add(value, float(b[j]))
            if activation == "relu" and not (value > 0 or math.isnan(value)):
                value = 0.0
            y[i, j] = value
    return y
