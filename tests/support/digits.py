"""Results against numbers of many digits: how many units in the last place they are off."""

import mpmath
import numpy as np
from mpmath import mpf

from tests.support import Array

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
