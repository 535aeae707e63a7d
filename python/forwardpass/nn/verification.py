"""The result of an importer's comparison of a network with its source: net.verification."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Verification:
    """How near the answers of a converted network were to those of its source.

    Attributes
    ----------
    importer : str
        The function that converted it.
    source : str
        The library or the file that the network came from.
    rows : int
        How many rows were compared; 0 where the source could not run.
    largest_error : float
        The largest difference of two outputs.
    largest_ulps : float
        The largest difference, in units in the last place of the larger output. It is large where large terms
        cancel to a small output.
    largest_share : float
        The largest difference as a share of agreement_bound(), at most 1. That bound is what another order of sums
        and other roundings of functions can explain at worst.

    Examples
    --------
    >>> from forwardpass.nn.verification import Verification
    >>> print(Verification("from_torch", "PyTorch", 100, 2.4e-7, 2.0, 0.0163))
    from_torch: 100 rows agree with PyTorch, within 1.7 % of what rounding allows
    """

    importer: str
    source: str
    rows: int
    largest_error: float
    largest_ulps: float
    largest_share: float

    def __str__(self) -> str:
        if self.rows == 0:
            return f"{self.importer}: not verified, as the source cannot run here"
        agree = f"{self.importer}: {self.rows} rows agree with {self.source}"
        if self.largest_share == 0:
            return f"{agree}, without any difference"
        percent = math.ceil(1000 * self.largest_share) / 10  # up, so that every answer is within what the line says
        return f"{agree}, within {percent:g} % of what rounding allows"
