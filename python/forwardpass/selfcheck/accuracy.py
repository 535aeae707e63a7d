"""The promise "as accurate as NumPy": compares root mean square errors over depths and kinds of data."""

from __future__ import annotations

import numpy as np

from .. import nn
from .outcome import Array, Outcome, amount
from .sums import normal, positive, wide

DEPTHS = (16, 32, 64, 96, 128, 256, 512, 784, 1024, 2048, 4096, 8192, 16384, 65536)
KINDS = {"normal": normal, "all positive": positive, "wide exponents": wide}


def rms(y: Array, exact: Array) -> float:
    """The root mean square of the errors, divided by the root mean square of the results."""
    scale = np.sqrt((exact**2).mean())
    return float(np.sqrt(((y - exact) ** 2).mean()) / scale)


def table(outputs: int) -> list[tuple[str, int, float, float]]:
    """A row (kind, depth, our error, NumPy's best error) for each kind and depth, in float32. Errors are rms()."""
    rows = []
    for kind, draw in KINDS.items():
        for depth in DEPTHS:
            rng = np.random.default_rng(depth)
            x = draw(rng, (8, depth), np.float32)
            w = draw(rng, (max(8, min(outputs, 2**20 // depth)), depth), np.float32)
            if kind == "wide exponents":
                # Smaller exponents, so that the sums stay finite.
                x, w = (np.ldexp(np.frexp(a)[0], np.frexp(a)[1] // 4).astype(np.float32) for a in (x, w))
            exact = x.astype(np.float64) @ w.astype(np.float64).T
            fortran = np.asfortranarray(w)
            numpy_ways = [x @ w.T, x @ fortran.T, np.stack([w @ row for row in x])]
            rows.append((kind, depth, rms(nn.Linear(w)(x), exact), min(rms(y, exact) for y in numpy_ways)))
    return rows


def against_numpy(share: float) -> Outcome:
    """Our error is at most 1.1 times NumPy's for zero-mean data of 256 inputs and more, at most 1.7 times elsewhere."""
    outcome = Outcome()
    lost = []
    for kind, depth, ours, theirs in table(amount(4096, share, least=256)):
        ratio = ours / theirs if theirs > 0 else 1.0
        allowed = 1.1 if depth >= 256 and kind != "all positive" else 1.7
        outcome.check(ratio <= allowed, f"{kind}, K = {depth}: {ratio:.2f} times NumPy's")
        if ratio > 1.02:
            lost.append(f"{kind} {depth}: {ratio:.2f}")
    outcome.note = "NumPy is more accurate at " + ", ".join(lost) if lost else "nowhere less accurate"
    return outcome
