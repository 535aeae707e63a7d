"""What an importer found when it compared a network with its source: net.verification."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Verification:
    """How near the answers of a converted network were to its source's.

    Attributes
    ----------
    importer : str
        The function that converted it.
    source : str
        Whose answers the network was compared with.
    rows : int
        Rows that both answered; 0 where the source could not run.
    largest_error : float
        The largest difference of two outputs.
    largest_ulps : float
        The largest difference in units in the last place of the larger of the two outputs. Many, where these are
        what is left of large terms that cancel.
    largest_share : float
        The largest difference as a share of agreement_bound(), what the order of sums and the rounding of functions
        can explain at worst: at most 1.

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
