"""The scales of BatchNorm1d and Normalize, in two parts: against decimals of many digits, over the whole range."""

from decimal import Context, Decimal
from typing import Any

import numpy as np
import pytest

from forwardpass import _core

EXACT = Context(prec=800)
SMALLEST = Decimal(float(np.finfo(np.float64).smallest_subnormal))


def numbers(seed: int, count: int = 400) -> Any:
    """Of all sizes, some subnormal."""
    rng = np.random.default_rng(seed)
    return np.ldexp(rng.uniform(0.5, 1, count), rng.integers(-1073, 1024, count))


@pytest.mark.parametrize("eps", [None, 0.0, 1e-320, 1e-200, 1e-5, 1.0, 1e300])
def test_quotients(eps: float | None) -> None:
    numerators, denominators = numbers(1) * np.random.default_rng(2).choice([-1, 1], 400), numbers(3)
    rows = _core.quotients(numerators, denominators, eps)
    for a, b, high, low in zip(numerators, denominators, *rows, strict=True):
        divisor = Decimal(float(b)) if eps is None else EXACT.sqrt(EXACT.add(Decimal(float(b)), Decimal(eps)))
        exact = EXACT.divide(Decimal(float(a)), divisor)
        if abs(exact) >= Decimal(2) ** 1024:
            assert high == np.copysign(np.inf, a)
            assert low == 0.0
            continue
        error = abs(EXACT.subtract(EXACT.add(Decimal(float(high)), Decimal(float(low))), exact))
        assert error <= abs(exact) * Decimal(2) ** -102 + SMALLEST
        assert abs(float(low)) <= np.spacing(abs(high))


def test_special_numerators_and_denominators() -> None:
    numerators = np.array([np.inf, -np.inf, np.nan, 1.0, -0.0, 0.0])
    for eps in (None, 0.0, 1.0):
        high, low = _core.quotients(numerators, np.ones(6), eps)
        np.testing.assert_allclose(high, numerators / np.sqrt(1 + (eps or 0.0)), rtol=1e-15)
        assert not low[:3].any()
        assert not np.any(_core.quotients(np.ones(2), np.full(2, np.inf), eps))
    high, low = _core.quotients(np.ones(1), np.full(1, np.finfo(np.float64).max), float(np.finfo(np.float64).max))
    assert high[0] == pytest.approx(2.0**-512.5, rel=1e-15)


def test_shapes() -> None:
    for shapes in (((3,), (4,)), ((3, 1), (3,)), ((), ())):
        with pytest.raises(ValueError, match="expected shape"):
            _core.quotients(np.ones(shapes[0]), np.ones(shapes[1]))
