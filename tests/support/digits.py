"""Results against numbers of many digits: how many units in the last place they are off."""

from collections.abc import Callable

import mpmath
import numpy as np
from mpmath import mpf

import forwardpass as fp
from tests.support import Array, Float

# More than twice as many as float64 has. Of the process: every number of mpmath from here on.
mpmath.mp.dps = 40


def units(got: Array, exact: list[mpf]) -> list[float]:
    """How far each number is from its exact value, in units in the last place of that."""
    info = np.finfo(got.dtype)
    digits, smallest = info.nmant, info.minexp
    errors = []
    for value, wanted in zip(got.tolist(), exact, strict=True):
        exponent = smallest if wanted == 0 else max(smallest, int(mpmath.floor(mpmath.log(abs(wanted), 2))))
        errors.append(float(abs(mpf(value) - wanted) / mpf(2) ** (exponent - digits)))
    return errors


def assert_near(got: Array, exact: list[mpf]) -> None:
    """To 2 units in the last place, and infinite where there is no such number."""
    largest = float(np.finfo(got.dtype).max)
    wanted = [min(max(value, mpf(-largest)), mpf(largest)) for value in exact]
    fits = np.array([abs(value) < largest for value in exact])
    assert np.array_equal(np.isinf(got), ~fits)
    error = max(units(np.clip(got, -largest, largest), wanted))
    assert error <= 2, f"{error:.3f} units"


def rows(dtype: Float, width: int) -> Array:
    """Some near each other, some far apart, some with a large mean."""
    rng = np.random.default_rng(width)
    normal = rng.standard_normal((12, width))
    normal[1] *= 1e-3
    normal[2] *= 30
    normal[3] += 1000
    normal[4] *= 1e-20
    normal[5] = normal[5, 0]
    normal[6] *= 1000
    return normal.astype(dtype)


def exact_log_softmax(row: list[mpf]) -> list[mpf]:
    with mpmath.workdps(500):  # the others may be e^-1000 beside 1
        log = mpmath.log(sum(mpmath.exp(x) for x in row))
        return [x - log for x in row]


def exact_softmax(row: list[mpf]) -> list[mpf]:
    return [mpmath.exp(x) for x in exact_log_softmax(row)]


def exact_layer_norm(row: list[mpf], eps: float, weight: Array, bias: Array) -> list[mpf]:
    with mpmath.workdps(700):  # e-300 beside e308, squared
        mean = sum(row) / len(row)
        root = mpmath.sqrt(sum((x - mean) ** 2 for x in row) / len(row) + mpf(eps))
        return [
            (x - mean) / root * mpf(w) + mpf(b) for x, w, b in zip(row, weight.tolist(), bias.tolist(), strict=True)
        ]


def largest_units(layer: fp.Module, x: Array, exact: Callable[[list[mpf]], list[mpf]]) -> float:
    return max(max(units(layer(row), exact([mpf(value) for value in row.tolist()]))) for row in x)
