"""The source's own answers beside ours: every importer ends here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bound import agreement_bound
from ..files import architecture as arch
from ..nn import FloatArray, Module
from .errors import ConversionError

# Random rows at each scale: near 0 and where functions bend, and far out, where they saturate.
RANDOM_ROWS = 16
SCALES = (2.0**-10, 1.0, 8.0, 256.0)
LARGE, TINY = 2.0**20, 2.0**-100
MOST_ONE_HOTS = 32
# Of a deep network the bound, which adds up the worst of every layer, may be larger than the answers. What rounding
# really does is seen by what the network answers when all of its numbers are this many units in the last place off.
# Sources are at most 1.5 times as far as the furthest of four such answers; and a wrong one thousands of times.
UNITS, SHAKEN, MARGIN = 8, 4, 64


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
    >>> from forwardpass.convert.verification import Verification
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


def verify(
    net: Module,
    run_source: Callable[[FloatArray], NDArray[Any]] | None,
    width: int,
    *,
    source: str,
    more: NDArray[Any] | None = None,
) -> None:
    """Compare a converted network with its source; put the result in ``net.verification`` and print it.

    Parameters
    ----------
    net : Module
    run_source : callable or None
        Maps an array (rows, width) of the net's dtype, which it may change, to the source's answers (rows, outputs).
        None where the source cannot run.
    width : int
        Values in a row of input.
    source : str
        What the message calls it.
    more : numpy.ndarray, shape (any, width), optional
        Rows beside those of rows_for(): where a scaler comes first, all of those may be far from what it was made for.

    Raises
    ------
    ConversionError
        An answer that is further off than agreement_bound(), or than MARGIN times what the network's answers move
        when its numbers do; one of another shape; or none at all.
    """
    if run_source is None:
        _keep(net, Verification(source, 0, 0.0, 0.0, 0.0))
        return
    x = rows_for(width, np.dtype(np.float32) if net.dtype is None else net.dtype)
    if more is not None:
        x = np.concatenate([x, more.astype(x.dtype)])
    try:
        with np.errstate(all="ignore"):
            expected = np.asarray(run_source(x.copy()))
    except MemoryError:
        raise
    except Exception as error:
        raise ConversionError(f"{source}: it cannot answer: {type(error).__name__}: {error}") from error
    got = net(x)
    if expected.shape != got.shape:
        raise ConversionError(f"{source}: its answers have shape {expected.shape}, the converted ones {got.shape}")
    _keep(net, _compared(got, expected.astype(np.float64), agreement_bound(net, x), MARGIN * moved(net, x), source))


def rows_for(width: int, dtype: np.dtype[Any]) -> FloatArray:
    """Random rows at several scales, and special ones: zeros, ones, large, tiny, one-hot.

    Examples
    --------
    >>> import numpy as np
    >>> from forwardpass.convert.verification import rows_for
    >>> rows_for(5, np.dtype("float32")).shape
    (75, 5)
    """
    rng = np.random.default_rng(0)
    random = [scale * rng.standard_normal((RANDOM_ROWS, width)) for scale in SCALES]
    signs = np.where(np.arange(width) % 2, -1.0, 1.0)
    special = [np.zeros(width), np.ones(width), -np.ones(width), LARGE * signs, -LARGE * signs, TINY * signs]
    one_hot = np.zeros((min(width, MOST_ONE_HOTS), width))
    one_hot[np.arange(len(one_hot)), np.linspace(0, width - 1, len(one_hot), dtype=int)] = 1.0
    return np.concatenate([*random, special, one_hot]).astype(dtype)


def moved(net: Module, x: FloatArray) -> NDArray[np.float64]:
    """How far rounding may move the answers of a network to x, (rows, 1), found by trial; Inf where they overflow.

    Examples
    --------
    >>> import numpy as np, forwardpass as fp
    >>> from forwardpass.convert.verification import moved
    >>> x = np.ones((1, 3), np.float32)
    >>> bool(moved(fp.Linear(x), x) < 1e-5)
    True
    """
    rng = np.random.default_rng(1)
    u = 2.0**-24 if x.dtype == np.float32 else 2.0**-53

    def shaken(array: FloatArray) -> FloatArray:
        factors = np.array([1 - UNITS * u, 1 + UNITS * u], array.dtype)
        result: FloatArray = array * factors[rng.integers(0, 2, array.shape, np.uint8)]
        return result

    answers = net(x).astype(np.float64)
    spec, state = arch.describe(net), net.state_dict()
    with np.errstate(all="ignore"):
        # A row of answers that are next to nothing, as in the tail of a sigmoid, is measured by ordinary ones.
        size = np.abs(answers).max(axis=1, initial=0.0)
        finite = np.isfinite(size)
        furthest = UNITS * u * np.fmax(size, np.quantile(size[finite], 0.75) if finite.any() else 0.0)
        for _ in range(SHAKEN):
            # The limits of a Clip stay: a low that is equal to its high must not come above it.
            values = {name: array if name.endswith(("low", "high")) else shaken(array) for name, array in state.items()}
            difference = np.abs(arch.build(spec, values)(shaken(x)).astype(np.float64) - answers)
            furthest = np.maximum(furthest, difference.max(axis=1, initial=0.0))
    return np.where(np.isfinite(furthest), furthest, np.inf)[:, np.newaxis]


def _compared(
    got: FloatArray, expected: FloatArray, bound: FloatArray, rounding: FloatArray, source: str
) -> Verification:
    # A sum that overflows is Inf in one order and may be NaN in another, so there both need only be no number; and
    # beside an overflow that the bound knows of, one side may have a number still.
    finite = np.isfinite(got) & np.isfinite(expected)
    infinite = np.isinf(got) & np.isinf(expected)
    known = np.isfinite(bound)
    allowed = np.minimum(bound, rounding)
    with np.errstate(all="ignore"):
        error = np.abs(got.astype(np.float64) - expected)
        wrong = (finite & ~(error <= allowed) & known) | (infinite & (got != expected))
        wrong |= known & (np.isfinite(got) != np.isfinite(expected))
        if wrong.any():
            worst = np.where(wrong, np.where(finite, error / allowed, np.inf), -1.0)
            row, output = divmod(int(worst.argmax()), got.shape[1])
            raise ConversionError(
                f"{source}: the converted network does not answer as its source: row {row} of the verification, "
                f"output {output}: expected {expected[row, output]:.9g}, got {got[row, output]:.9g}, where rounding "
                f"explains {allowed[row, output]:.2g}"
            )
        counted = finite & known
        ulps = error / np.spacing(np.fmax(np.abs(expected), np.abs(got)).astype(got.dtype))
        share = np.where(error > 0, error / bound, 0.0)

    def largest(values: FloatArray) -> float:
        return float(values[counted].max(initial=0.0))

    return Verification(source, len(got), largest(error), largest(ulps), largest(share))


def _keep(net: Module, verification: Verification) -> None:
    vars(net)["verification"] = verification
    print(verification)
