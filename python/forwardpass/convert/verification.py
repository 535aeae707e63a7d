"""The source's own answers beside ours: every importer ends here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..error_bound import agreement_bound
from ..limits import FAILURES
from ..nn import FloatArray, Module
from ..nn.verification import Verification
from ..printing import say
from .errors import ConversionError
from .rounding import Moves

# Of a network that takes rows of any width, the width that it is verified with.
ANY_WIDTH = 7
# Random rows at each scale: where functions bend, where they saturate, and near 0.
RANDOM_ROWS = 16
SCALES = (1.0, 8.0, 256.0, 2.0**-10)
LARGE, TINY = 2.0**20, 2.0**-100
MOST_ONE_HOTS = 32
# Rows times the values that they become: of all rows and layers; and of the rows that are compared at a time, in one
# layer and in all layers, which some sources keep.
MOST_VALUES, WIDEST_AT_A_TIME, VALUES_AT_A_TIME = 1 << 22, 1 << 18, 1 << 20
# Rows times weights: a large network is compared on fewer rows, so that it takes no longer than reading it.
MOST_PRODUCTS = 1 << 29
FEWEST_ROWS = 4
# How many times as far as rounding is seen to move an answer it may be off: sources are at most 1.5 times as far, and
# wrong answers are thousands of times.
MARGIN = 64


def verify(
    net: Module,
    run_source: Callable[[FloatArray], NDArray[Any]] | None,
    width: int,
    *,
    importer: str,
    source: str,
    more: Iterable[NDArray[Any]] = (),
    only: NDArray[Any] | None = None,
    verbose: bool = True,
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
    importer : str
        What the line begins with: the function that the user called.
    source : str
        What the line and the messages call the source, like "PyTorch".
    more : iterable of numpy.ndarray, shape (any, width)
        Rows beside those of rows_for(): where a scaler comes first, all of those may be far from what it was made for.
    only : numpy.ndarray, shape (any, width), optional
        Rows in place of those of rows_for(), where the source takes no others, such as one-hot ones.
    verbose : bool
        Whether to print.

    Raises
    ------
    ConversionError
        An answer that is further off than agreement_bound(), or than MARGIN times what the network's answers move
        when its numbers do; one of another shape; or none at all.
    """
    result = Verification(importer, source, 0, 0.0, 0.0, 0.0)
    if run_source is not None:
        widest, values, weights = _sizes(net, width)
        dtype = np.dtype(np.float32) if net.dtype is None else net.dtype
        x = rows_for(width, dtype, values, weights) if only is None else only
        at_a_time, moves = max(1, min(WIDEST_AT_A_TIME // widest, VALUES_AT_A_TIME // values)), Moves(net)
        for rows in (x, *more):
            for at in range(0, len(rows), at_a_time):
                block = rows[at : at + at_a_time].astype(dtype, copy=False)
                result = _joined(result, _compared_rows(net, run_source, moves, block, result))
    net.verification = result
    if verbose:
        say(str(result))


def rows_for(width: int, dtype: np.dtype[Any], values: int = 0, weights: int = 0) -> FloatArray:
    """Random rows at several scales, and special ones: zeros, ones, large, tiny, one-hot.

    A very wide network, or one of very many weights, gets the first of them alone.

    Examples
    --------
    >>> import numpy as np
    >>> from forwardpass.convert.verification import rows_for
    >>> rows_for(5, np.dtype("float32")).shape, rows_for(2**20, np.dtype("float32")).shape
    ((75, 5), (4, 1048576))
    """
    rng = np.random.default_rng(0)

    def random(scale: float) -> Callable[[], NDArray[np.float64]]:
        return lambda: scale * rng.standard_normal(width)

    def constant(size: float) -> Callable[[], NDArray[np.float64]]:
        return lambda: np.full(width, size)

    def signs(size: float) -> Callable[[], NDArray[np.float64]]:
        return lambda: size * np.where(np.arange(width) % 2, -1.0, 1.0)

    def one_hot(at: int) -> Callable[[], NDArray[np.float64]]:
        return lambda: (np.arange(width) == at).astype(np.float64)

    scales = [random(scale) for scale in SCALES]
    special = [constant(0.0), constant(1.0), constant(-1.0), signs(LARGE), signs(-LARGE), signs(TINY)]
    one_hots = [one_hot(int(at)) for at in np.linspace(0, width - 1, min(width, MOST_ONE_HOTS))]
    rows = [*scales, *special, *scales * (RANDOM_ROWS - 1), *one_hots]
    most = min(MOST_VALUES // max(width, values, 1), MOST_PRODUCTS // max(weights, 1))
    rows = rows[: max(most, FEWEST_ROWS)]
    x: FloatArray = np.empty((len(rows), width), dtype)
    for made, row in zip(x, rows, strict=True):
        made[...] = row()
    return x


def _sizes(net: Module, width: int) -> tuple[int, int, int]:
    """Of a row in a network: its most values at a time, all of them together, and how many weights it meets."""
    widest = values = width
    for _, layer in net.leaves():
        width = layer.out_features or width
        widest, values = max(widest, width), values + width
    return widest, values, net.nbytes // 4


def _compared_rows(
    net: Module,
    run_source: Callable[[FloatArray], NDArray[Any]],
    moves: Moves,
    x: FloatArray,
    before: Verification,
) -> Verification:
    try:
        with np.errstate(all="ignore"):
            expected = np.asarray(run_source(x.copy()))
    except FAILURES as error:
        raise ConversionError(f"{before.source}: it cannot answer: {type(error).__name__}: {error}") from error
    got = net(x)
    if expected.shape != got.shape:
        raise ConversionError(
            f"{before.source}: its answers have shape {expected.shape}, the converted ones {got.shape}"
        )
    allowed, bound = MARGIN * moves.of(x, got), agreement_bound(net, x)
    # One number for each row, without an axis of its own, is compared as a column.
    got, expected, bound = (values.reshape(len(x), -1) for values in (got, expected.astype(np.float64), bound))
    return _compared(got, expected, bound, allowed, before)


def _joined(a: Verification, b: Verification) -> Verification:
    largest = (max(getattr(a, name), getattr(b, name)) for name in ("largest_error", "largest_ulps", "largest_share"))
    return Verification(a.importer, a.source, a.rows + b.rows, *largest)


def _compared(
    got: FloatArray, expected: FloatArray, bound: FloatArray, rounding: FloatArray, before: Verification
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
                f"{before.source}: the converted network does not answer as its source: row {before.rows + row} "
                f"of the verification, output {output}: expected {expected[row, output]:.9g}, "
                f"got {got[row, output]:.9g}, where rounding explains {allowed[row, output]:.2g}"
            )
        counted = finite & known
        ulps = error / np.spacing(np.fmax(np.abs(expected), np.abs(got)).astype(got.dtype))
        share = np.where(error > 0, error / bound, 0.0)

    def largest(values: FloatArray) -> float:
        return float(values[counted].max(initial=0.0))

    return replace(
        before,
        rows=len(got),
        largest_error=largest(error),
        largest_ulps=largest(ulps),
        largest_share=largest(share),
    )
