"""The result of an importer's comparison of a network with its source: net.verification."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Verification:
    """How near the answers of a converted network were to those of its source.

    Attributes
    ----------
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
