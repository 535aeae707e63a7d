"""Writes cpp/kernels/coefficients.hpp: the polynomials and split constants of the activations.

    python tools/coefficients.py > cpp/kernels/coefficients.hpp

Each polynomial interpolates its function at Chebyshev nodes, with 60 digits, in the lowest degree whose largest
error, after its coefficients are rounded, is below the limit beside it; the error stands in the header.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from mpmath import mp, mpf

mp.dps = 60

Function = Callable[[mpf], mpf]
TYPES: dict[str, Any] = {"float": np.float32, "double": np.float64}
BITS = {"float": 24, "double": 53}
# Where the density of the normal distribution falls below the smallest subnormal, rounded up.
LARGEST = {"float": mpf(15), "double": mpf(39)}
# Of the variable (a - pivot) / (a + pivot): lower degrees than 2 and 4 give, for both types.
PIVOT = mpf(3)
# Coefficients that come in two parts: with 2 of normal_tail GELU was up to 1.07 units wrong in float.
EXACT = {"expm1_tail": 0, "atanh_tail": 1, "softplus_even": 0, "normal_tail": 3}


@dataclass(frozen=True)
class Polynomial:
    """In rising powers of a variable in [low, high], for one type."""

    name: str
    comment: str
    function: Function
    low: mpf
    high: mpf
    limit: mpf  # of the absolute error


def expm1_tail(r: mpf) -> mpf:
    """(e^r - 1 - r) / r^2, also near 0."""
    if abs(r) < mpf("1e-6"):
        return mpf(1) / 2 + r / 6 + r**2 / 24 + r**3 / 120 + r**4 / 720
    return (mp.expm1(r) - r) / r**2


def exp2_tail(f: mpf) -> mpf:
    """(2^f - 1) / f, also near 0."""
    return mp.expm1(f * mp.log(2)) / f if f else mp.log(2)


def atanh_tail(z: mpf) -> mpf:
    """(atanh(s) - s) / s^3 for z = s^2, also near 0."""
    if abs(z) < mpf("1e-10"):
        return mpf(1) / 3 + z / 5 + z**2 / 7 + z**3 / 9
    s = mp.sqrt(z)
    return (mp.atanh(s) - s) / s**3


def softplus_even(z: mpf) -> mpf:
    """(log(1 + e^x) - log(2) - x / 2) / x^2 for z = x^2, also near 0."""
    if z < mpf("1e-8"):
        return mpf(1) / 8 - z / 192 + z**2 / 2880
    x = mp.sqrt(z)
    return (mp.log1p(mp.exp(x)) - mp.log(2) - x / 2) / z


def normal_tail(t: mpf) -> mpf:
    """(a + pivot) Phi(-a) exp(a^2 / 2) for t = (a - pivot) / (a + pivot)."""
    a = PIVOT * (1 + t) / (1 - t)
    return (a + PIVOT) * mp.erfc(a / mp.sqrt(2)) / 2 * mp.exp(a * a / 2)


def polynomials(kind: str) -> list[Polynomial]:
    bits = BITS[kind]
    half = mp.log(2) / 2
    end = (LARGEST[kind] - PIVOT) / (LARGEST[kind] + PIVOT)
    # What the error is multiplied by before it meets a result of about 1: r^2 <= 0.121, s^2 <= 1/9.
    return [
        Polynomial(
            "expm1_tail", "(e^r - 1 - r) / r^2, |r| <= ln(2) / 2", expm1_tail, -half, half, mpf(2) ** -(bits + 2)
        ),
        Polynomial(
            "atanh_tail", "(atanh(s) - s) / s^3 in s^2 <= 1/9", atanh_tail, mpf(0), mpf(1) / 9, mpf(2) ** -(bits + 1)
        ),
        Polynomial(
            "softplus_even",
            "(log(1 + e^x) - log(2) - x / 2) / x^2 in x^2 <= 1/16",
            softplus_even,
            mpf(0),
            mpf(1) / 16,
            mpf(2) ** -(bits + 4),
        ),
        Polynomial(
            "normal_tail",
            "(a + 3) Phi(-a) exp(a^2 / 2) in (a - 3) / (a + 3)",
            normal_tail,
            mpf(-1),
            end,
            mpf(2) ** -(bits + 4),
        ),
    ]


def row_polynomials() -> list[Polynomial]:
    """Of rows of floats: to a tenth of a unit of float, computed in doubles."""
    half, limit = mpf(1) / 2, mpf(2) ** -26
    most = ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)) ** 2
    return [
        Polynomial("exp2_tail", "(2^f - 1) / f, |f| <= 1/2", exp2_tail, -half, half, limit),
        Polynomial(
            "atanh_tail",
            "(atanh(s) - s) / s^3 in s^2, s <= (m - 1) / (m + 1) for m up to sqrt(2)",
            atanh_tail,
            mpf(0),
            most,
            limit,
        ),
    ]


def nodes(p: Polynomial, count: int) -> list[mpf]:
    middle, radius = (p.low + p.high) / 2, (p.high - p.low) / 2
    return [middle + radius * mp.cos(mp.pi * (2 * i + 1) / (2 * count)) for i in range(count)]


def interpolated(p: Polynomial, degree: int) -> list[mpf]:
    """The coefficients in rising powers, by Newton's divided differences."""
    xs = nodes(p, degree + 1)
    divided = [p.function(x) for x in xs]
    for order in range(1, degree + 1):
        for i in range(degree, order - 1, -1):
            divided[i] = (divided[i] - divided[i - 1]) / (xs[i] - xs[i - order])
    coefficients = [mpf(0)] * (degree + 1)
    for i in range(degree, -1, -1):
        shifted = [mpf(0), *coefficients[:-1]]
        coefficients = [shifted[j] - xs[i] * coefficients[j] for j in range(degree + 1)]
        coefficients[0] += divided[i]
    return coefficients


def evaluated(coefficients: list[mpf], x: mpf) -> mpf:
    total = mpf(0)
    for c in reversed(coefficients):
        total = total * x + c
    return total


def fitted(p: Polynomial, kind: str, exact: int) -> tuple[list[mpf], mpf]:
    """Rounded coefficients and their largest error; those in two parts are exact."""
    probes = nodes(p, 400)
    wanted = [p.function(x) for x in probes]
    for degree in range(2, 40):
        coefficients = interpolated(p, degree)
        rounded = [c if i < exact else mpf(float(TYPES[kind](float(c)))) for i, c in enumerate(coefficients)]
        error = max(abs(evaluated(rounded, x) - y) for x, y in zip(probes, wanted, strict=True))
        if error < p.limit:
            return rounded, error
    raise ArithmeticError(f"{p.name}: no degree below 40 is enough")


def text(value: mpf, kind: str) -> str:
    """As a C++ literal that is exact."""
    rounded = float(TYPES[kind](float(value)))
    return rounded.hex() + ("f" if kind == "float" else "")


def parts(value: mpf, kind: str) -> tuple[mpf, mpf]:
    high = mpf(float(TYPES[kind](float(value))))
    return high, value - high


def pair(name: str, value: mpf, kind: str) -> str:
    high, low = parts(value, kind)
    return f"    static constexpr Pair {name}{{{text(high, kind)}, {text(low, kind)}}};"


def cut_ln2(kind: str) -> tuple[mpf, mpf]:
    """Log 2 in two parts, the first so short that its product with any exponent is exact."""
    spare = 9 if kind == "float" else 12
    scale = mpf(2) ** (BITS[kind] - spare)
    high = mp.floor(mp.log(2) * scale) / scale
    return high, mp.log(2) - high


def constants(kind: str) -> list[str]:
    high, low = cut_ln2(kind)
    selu_alpha, selu_scale = mpf("1.6732632423543772848170429916717"), mpf("1.0507009873554804934193349852946")
    lines = [
        f"    using Pair = ConstantPair<{kind}>;",
        f"    static constexpr {kind} log2_e = {text(1 / mp.log(2), kind)};",
        f"    static constexpr {kind} ln2_high = {text(high, kind)}, ln2_low = {text(low, kind)};",
        pair("ln2", mp.log(2), kind),
        pair("selu_scale", selu_scale, kind),
        pair("selu_scale_alpha", selu_scale * selu_alpha, kind),
        pair("gelu_linear", 2 * mp.sqrt(2 / mp.pi), kind),
        pair("gelu_cubic", 2 * mp.sqrt(2 / mp.pi) * mpf("0.044715"), kind),
        f"    static constexpr {kind} normal_pivot = {text(PIVOT, kind)}, "
        f"normal_largest = {text(LARGEST[kind], kind)};",
    ]
    for p in polynomials(kind):
        lines += polynomial(p, kind, EXACT[p.name])
    return lines


def polynomial(p: Polynomial, kind: str, exact: int) -> list[str]:
    rounded, error = fitted(p, kind, exact)
    lines = [f"    // {p.comment}: at most {mp.nstr(error, 2)} away, 2^{mp.nstr(mp.log(error, 2), 4)}."]
    lines += [pair(f"{p.name}_{i}", rounded[i], kind) for i in range(exact)]
    body = ",\n        ".join(text(c, kind) for c in rounded[exact:])
    return [*lines, f"    static constexpr {kind} {p.name}[] = {{\n        {body}}};"]


def row_constants() -> list[str]:
    log2_e, ln2 = text(1 / mp.log(2), "double"), text(mp.log(2), "double")
    lines = [f"    static constexpr double log2_e = {log2_e}, ln2 = {ln2};"]
    for p in row_polynomials():
        lines += polynomial(p, "double", 0)
    return lines


HEADER = """\
// Made by tools/coefficients.py. Polynomials in rising powers, and constants as the sum of two numbers.
#pragma once

namespace forwardpass {
namespace {

template <class T>
struct ConstantPair {
    T high, low;
};

template <class T>
struct Coefficients;
"""

FOOTER = """
}  // namespace
}  // namespace forwardpass"""


def header() -> str:
    structs = []
    for kind in TYPES:
        structs.append(f"\ntemplate <>\nstruct Coefficients<{kind}> {{")
        structs += constants(kind)
        structs.append("};")
    structs += ["\n// What rows of floats take, in doubles.\nstruct RowCoefficients {", *row_constants(), "};"]
    return "\n".join([HEADER, *structs, FOOTER]).replace("\n\n\n", "\n\n")


if __name__ == "__main__":
    print(header())
