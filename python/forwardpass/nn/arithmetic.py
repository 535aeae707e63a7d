"""How a computation rounds: what each layer's error bound is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .. import _core

Bound = NDArray[np.float64]
T = TypeVar("T")
# Orders of sums whose bound is known: ours, and those that files have from before.
CONTRACTS = (_core.CONTRACT, "fma-v1")


def gamma(n: int, u: float) -> float:
    """The relative error that n roundings can add up to, n u / (1 - n u)."""
    return n * u / (1 - n * u)


def longest_way(depth: int, contract: str = _core.CONTRACT) -> int:
    """The c of the contract: the additions that the first product of a sum goes through.

    Its chain, the other chains of its superblock, the other superblocks of its group, the other groups.

    Parameters
    ----------
    depth : int
        How many products are summed.
    contract : str
        One of CONTRACTS: fma-v1 for answers that a file holds from before.

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
    """A dtype, and whether the computation is ours or another library's."""

    single: bool  # float32, or else float64
    ours: bool
    contract: str = _core.CONTRACT  # the order of our sums

    @property
    def u(self) -> float:
        """The unit roundoff."""
        return 2.0**-24 if self.single else 2.0**-53

    @property
    def underflow(self) -> float:
        """What one operation may lose there: half of the smallest subnormal, or for float64 all of it."""
        return 2.0**-150 if self.single else 2.0**-1074

    @property
    def dtype(self) -> type[np.floating[Any]]:
        """np.float32 or np.float64."""
        return np.float32 if self.single else np.float64

    @property
    def element_units(self) -> float:
        """How many units in the last place a function of one element may be wrong: docs/numerics.md."""
        return 2.0 if self.ours else 8.0

    @property
    def row_units(self) -> float:
        """The same for functions of rows but Softmax: in float32 they round once, from doubles."""
        return 1.0 if self.ours and self.single else self.element_units

    def of_result(self, y: NDArray[Any], units: float) -> Bound:
        """So many units of y: one is at most 2 u |y|, or the smallest subnormal."""
        unit: Bound = 2 * self.u * np.abs(y).astype(np.float64) * (1 + 4 * self.u) + 2 * self.underflow
        return units * unit


class Shake:
    """Moves numbers by some units in the last place, up or down at random: what rounding does to them.

    Parameters
    ----------
    units : float
        The relative size of a move.
    rng : numpy.random.Generator
    """

    def __init__(self, units: float, rng: np.random.Generator) -> None:
        self.units, self._rng = units, rng

    def signs(self, *shape: int) -> NDArray[np.float64]:
        """As many numbers, each 1 or -1."""
        return 1.0 - 2.0 * self._rng.integers(0, 2, shape, np.uint8)

    def of(self, array: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """The array, each of its numbers moved."""
        return (array * (1 + self.units * self.signs(*array.shape))).astype(array.dtype)
