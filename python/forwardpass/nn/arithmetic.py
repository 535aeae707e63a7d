"""How a computation rounds: what each layer's error bound is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .. import _core

Bound = NDArray[np.float64]
T = TypeVar("T")
# The orders of sums whose bound we know: today's, and the older one that files may name.
CONTRACTS = (_core.CONTRACT, "fma-v1")


def gamma(n: int, u: float) -> float:
    """Return n u / (1 - n u), the relative error that n roundings can add up to."""
    return n * u / (1 - n * u)


def longest_way(depth: int, contract: str = _core.CONTRACT) -> int:
    """How many additions the first product of a sum goes through: the c of docs/numerics.md.

    It is added up in its own chain, then with the other chains of its superblock, then with the other superblocks of
    its group, and then with the other groups.

    Parameters
    ----------
    depth : int
        How many products are summed.
    contract : str
        One of CONTRACTS. The answer in an older file was summed in the order fma-v1.

    Examples
    --------
    >>> from forwardpass.nn.arithmetic import longest_way
    >>> [longest_way(depth) for depth in (64, 784, 1024, 4096, 65536)]
    [19, 42, 42, 54, 69]
    >>> [longest_way(depth, "fma-v1") for depth in (64, 784, 1024, 4096, 65536)]
    [19, 56, 63, 96, 126]
    """
    if depth == 0:
        return 0
    if contract == "fma-v1":  # blocks of 32 neighbours and fewer, 64 of them to a superblock
        block = min(32, 8 * -(-depth // 32))
        blocks = -(-depth // block)
        return min(depth, block) + (min(blocks, 64) - 1) + (-(-blocks // 64) - 1)
    chains = 4 if depth <= 128 else 8
    superblocks = -(-depth // (32 * chains))
    chain = -(-min(depth, 32 * chains) // chains)
    return chain + (min(chains, depth) - 1) + (min(superblocks, 16) - 1) + (-(-superblocks // 16) - 1)


@dataclass(frozen=True)
class Arithmetic:
    """How a computation rounds: its dtype, and whether this library or another one computes it."""

    single: bool  # float32; float64 where it is False
    ours: bool
    contract: str = _core.CONTRACT  # the order of our sums

    @property
    def u(self) -> float:
        """The unit roundoff: the largest relative error of one rounding."""
        return 2.0**-24 if self.single else 2.0**-53

    @property
    def underflow(self) -> float:
        """What one operation may lose by underflow: half of the smallest subnormal of float32, all of float64's."""
        return 2.0**-150 if self.single else 2.0**-1074

    @property
    def dtype(self) -> type[np.floating[Any]]:
        """The NumPy type, np.float32 or np.float64."""
        return np.float32 if self.single else np.float64

    @property
    def element_units(self) -> float:
        """By how many units in the last place a function of one element may be wrong (docs/numerics.md)."""
        return 2.0 if self.ours else 8.0

    @property
    def row_units(self) -> float:
        """The same for functions of rows other than Softmax. In float32 they round once, from doubles."""
        return 1.0 if self.ours and self.single else self.element_units

    def of_result(self, y: NDArray[Any], units: float) -> Bound:
        """The size of ``units`` units in the last place of y. One is at most 2 u |y|, or the smallest subnormal."""
        unit: Bound = 2 * self.u * np.abs(y).astype(np.float64) * (1 + 4 * self.u) + 2 * self.underflow
        return units * unit


class Shake:
    """Moves numbers up or down at random by a relative size, as rounding does.

    Parameters
    ----------
    units : float
        The relative size of a move.
    rng : numpy.random.Generator
    """

    def __init__(self, units: float, rng: np.random.Generator) -> None:
        self.units, self._rng = units, rng

    def signs(self, *shape: int) -> NDArray[np.float64]:
        """An array of random signs, each 1 or -1."""
        return 1.0 - 2.0 * self._rng.integers(0, 2, shape, np.uint8)

    def of(self, array: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """The array after each of its numbers was moved."""
        return (array * (1 + self.units * self.signs(*array.shape))).astype(array.dtype)
