"""What an importer found when it compared a network with its source: net.verification."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Verification:
    """How near the answers of a converted network were to its source's.

    Attributes
    ----------
    source : str
        What was converted.
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
    >>> print(Verification("torch", 100, 2.4e-7, 2.0, 0.05))
    torch: 100 rows agree; largest error 2.4e-07, 2 ulps, 0.05 of the bound
    """

    source: str
    rows: int
    largest_error: float
    largest_ulps: float
    largest_share: float

    def __str__(self) -> str:
        if self.rows == 0:
            return f"{self.source}: not verified, as the source cannot run here"
        return (
            f"{self.source}: {self.rows} rows agree; largest error {self.largest_error:.2g}, "
            f"{self.largest_ulps:.3g} ulps, {self.largest_share:.2g} of the bound"
        )
