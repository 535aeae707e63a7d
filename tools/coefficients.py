"""Writes cpp/kernels/functions/coefficients.hpp: the polynomials and split constants of the activations.

    python tools/coefficients.py > cpp/kernels/functions/coefficients.hpp

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
LARGEST = {"float": mpf("14.5"), "double": mpf(39)}
# Where tanh goes over from a polynomial to what it is by e^2x.
TANH_TURN = mpf("0.625")
# And softplus.
SOFTPLUS_TURN = mpf(1)
# The normal distribution's tail is a polynomial in s = a / (a + pivot), which this pivot makes short, around a center
# where its coefficients lose little when they are rounded.
PIVOT = mpf("2.25")
CENTER = {"float": mpf("0.5595703125"), "double": mpf("0.6328125")}
# Coefficients that come in two parts.
EXACT = {"atanh_tail": 1}


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


def tanh_tail(z: mpf) -> mpf:
    """(tanh(x) - x) / x^3 for z = x^2, also near 0."""
    if z < mpf("1e-10"):
        return -mpf(1) / 3 + 2 * z / 15 - 17 * z**2 / 315
    x = mp.sqrt(z)
    return (mp.tanh(x) - x) / x**3


def log1p_tail(e: mpf) -> mpf:
    """(log(1 + e) - e) / e^2, also near 0."""
    if e < mpf("1e-10"):
        return -mpf(1) / 2 + e / 3 - e**2 / 4
    return (mp.log1p(e) - e) / e**2


def normal_tail(s: mpf) -> mpf:
    """(a + pivot) Phi(-a) exp(a^2 / 2) for s = a / (a + pivot)."""
    a = PIVOT * s / (1 - s)
    return (a + PIVOT) * mp.erfc(a / mp.sqrt(2)) / 2 * mp.exp(a * a / 2)


def polynomials(kind: str) -> list[Polynomial]:
    bits = BITS[kind]
    half = mp.log(2) / 2
    center = CENTER[kind]

    def limit(more: float) -> mpf:
        return mpf(2) ** -(bits + more)

    # The error is multiplied by r^2 <= 0.121, s^2 <= 1/9 or e <= 0.37 before it meets a result of about one. In the
    # last three it meets 0.31, 0.17 and 0.37 at least.
    return [
        Polynomial("expm1_tail", "(e^r - 1 - r) / r^2, |r| <= ln(2) / 2", expm1_tail, -half, half, limit(2)),
        Polynomial("exp_tail", "the same for results in one number", expm1_tail, -half, half, limit(-0.5)),
        Polynomial("atanh_tail", "(atanh(s) - s) / s^3 in s^2 <= 1/9", atanh_tail, mpf(0), mpf(1) / 9, limit(1)),
        Polynomial(
            "tanh_tail",
            f"(tanh(x) - x) / x^3 in x^2, |x| <= {mp.nstr(TANH_TURN)}",
            tanh_tail,
            mpf(0),
            TANH_TURN**2,
            limit(0.5),
        ),
        Polynomial(
            "log1p_tail",
            f"(log(1 + e) - e) / e^2, e <= e^-{mp.nstr(SOFTPLUS_TURN)}",
            log1p_tail,
            mpf(0),
            mp.exp(-SOFTPLUS_TURN),
            limit(0.5),
        ),
        Polynomial(
            "softplus_even",
            f"(log(1 + e^x) - log(2) - x / 2) / x^2 in x^2, |x| <= {mp.nstr(SOFTPLUS_TURN)}",
            softplus_even,
            mpf(0),
            SOFTPLUS_TURN**2,
            limit(3),
        ),
        Polynomial(
            "normal_tail",
            f"(a + 2.25) Phi(-a) exp(a^2 / 2) in s - {mp.nstr(center, 10)}, s = a / (a + 2.25)",
            lambda v: normal_tail(center + v),
            -center,
            LARGEST[kind] / (LARGEST[kind] + PIVOT) - center,
            limit(2),
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


def cut(value: mpf, bits: int) -> mpf:
    """Rounded down to so many bits behind the point."""
    return mp.floor(value * mpf(2) ** bits) / mpf(2) ** bits


def constants(kind: str) -> list[str]:
    # So short that its product with any exponent is exact.
    high = cut(mp.log(2), BITS[kind] - (9 if kind == "float" else 12))
    low = mp.log(2) - high
    # So short that it can be taken exactly from any sum with it up to 2^8.
    gelu_linear = 2 * mp.sqrt(2 / mp.pi)
    linear = cut(gelu_linear, BITS[kind] - 9)
    selu_alpha, selu_scale = mpf("1.6732632423543772848170429916717"), mpf("1.0507009873554804934193349852946")
    lines = [
        f"    using Pair = ConstantPair<{kind}>;",
        f"    static constexpr {kind} log2_e = {text(1 / mp.log(2), kind)};",
        f"    static constexpr {kind} ln2_high = {text(high, kind)}, ln2_low = {text(low, kind)};",
        pair("ln2", mp.log(2), kind),
        pair("selu_scale", selu_scale, kind),
        f"    static constexpr {kind} selu_scale_alpha = {text(selu_scale * selu_alpha, kind)};",
        f"    static constexpr Pair gelu_linear{{{text(linear, kind)}, {text(gelu_linear - linear, kind)}}};",
        pair("gelu_cubic", gelu_linear * mpf("0.044715"), kind),
        f"    static constexpr {kind} tanh_turn = {text(TANH_TURN, kind)};",
        f"    static constexpr {kind} softplus_turn = {text(SOFTPLUS_TURN, kind)};",
        f"    static constexpr {kind} normal_half_pivot = {text(PIVOT / 2, kind)}, "
        f"normal_center = {text(CENTER[kind], kind)}, "
        f"normal_largest = {text(LARGEST[kind], kind)};",
    ]
    for p in polynomials(kind):
        lines += polynomial(p, kind, EXACT.get(p.name, 0))
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
