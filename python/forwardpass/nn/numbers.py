"""Checks of the numbers that layers take as arguments."""

from __future__ import annotations

import math

from ..environment import undisturbed

# A layer computes in its neighbours' dtype, so float32 must hold its parameters too. float32 rounds a number below
# FLOAT32_END to a finite one, and a number above FLOAT32_START not to 0.
FLOAT32_END, FLOAT32_START = 2.0**128 - 2.0**103, 2.0**-150


@undisturbed
def real(name: str, value: float) -> float:
    """A number as a float. Raises TypeError or ValueError with the argument's name."""
    if isinstance(value, (str, bytes)):  # which float() would parse
        raise TypeError(f"{name}: expected a number, got {value!r}")
    try:
        return float(value)
    except OverflowError:  # of an int, which may be too long to print
        raise ValueError(f"{name}: expected a number that float64 holds, got a larger one") from None
    except TypeError:
        raise TypeError(f"{name}: expected a number, got {value!r}") from None


def single(name: str, value: float) -> float:
    """A finite number that float32 holds as well. Raises TypeError or ValueError with the argument's name."""
    number = real(name, value)
    if not math.isfinite(number):
        raise ValueError(f"{name}: expected a finite number, got {value!r}")
    if abs(number) >= FLOAT32_END:
        raise ValueError(f"{name}: expected a number that float32 holds, at most 3.4028235e+38 in size, got {value!r}")
    return number


@undisturbed
def less(a: float, b: float) -> bool:
    """Whether a < b, also for subnormal numbers in a thread that another library told to count them as 0."""
    return a < b
