"""The references of all layers of a network, one after another, in wider floats or in decimals."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, localcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .nn import Module
from .nn.wide import Dtype, Wide

# The largest and the smallest float64 are 632 digits apart. A sum in which terms cancel needs those, and some more.
DIGITS = 700
EXACT = Context(prec=DIGITS, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])


def exact(network: Module, x: NDArray[Any]) -> Wide:
    """The network's output for x, computed in float64. A float64 network is computed in NumPy's longest float."""
    if network.dtype == np.float64:
        return network.reference(x.astype(np.longdouble), np.float64)
    return network.reference(x.astype(np.float64), np.float32)


def exactly(network: Module, row: Sequence[Any], dtype: Dtype) -> list[Decimal]:
    """The network's output for one row, in Decimals of DIGITS digits. A bound is the distance from this output."""
    with localcontext(EXACT):
        x = np.array([Decimal(float(value)) for value in row], object)
        answers: list[Decimal] = network.reference(x, dtype).tolist()
        return answers
