"""--plot: bars against the peers, and a roofline of this machine's own measured ceilings."""

from __future__ import annotations

import time
from itertools import groupby

import numpy as np

from .. import _core
from .contestants import OURS
from .engine import Result
from .report import key
from .workload import SpecError, Workload

BURST_STEPS = 200_000
# The memory's rate, not a cache's: more than any cache holds.
READ_BYTES = 1 << 28


def ceilings(dtype: str) -> tuple[float, float]:
    """Floating-point operations and bytes read from memory, a second, of one thread; best of five."""
    data = np.ones(READ_BYTES // 4, np.float32)
    flops, rate = 0.0, 0.0
    for _ in range(5):
        start = time.perf_counter()
        done = _core.fma_burst(dtype, BURST_STEPS)
        flops = max(flops, done / (time.perf_counter() - start))
        for streams in _core.READ_STREAMS:
            start = time.perf_counter()
            _core.read_sum(data, 1, streams)
            rate = max(rate, READ_BYTES / (time.perf_counter() - start))
    return flops, rate


def plot(results: list[Result], path: str) -> None:
    """Write the picture. Raises SpecError where matplotlib is missing."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise SpecError("--plot needs matplotlib: pip install matplotlib") from error
    rows = [(k, [r for r in group if r.seconds]) for k, group in groupby(results, key)]
    figure = Figure(figsize=(12, 2.2 + 0.24 * sum(len(members) + 2 for _, members in rows)), layout="constrained")
    bars, roofline = figure.subplots(2, 1, height_ratios=[3, 2])

    position, ticks = 0.0, []
    for (net, count, dtype, threads), members in rows:
        ours = min((r.seconds for r in members if r.contestant in OURS and r.seconds), default=None)
        for r in sorted(members, key=lambda r: r.seconds or 0):
            ratio = (r.seconds or 0) / ours if ours else 1
            bars.barh(position, ratio, color="tab:orange" if r.contestant in OURS else "tab:gray")
            bars.annotate(f" {(r.seconds or 0) * 1e6:.3g} us", (ratio, position), va="center", fontsize=7)
            ticks.append((position, f"{net[:24]}, {count} x {dtype}, {threads} thr., {r.contestant}"))
            position -= 1
        position -= 1
    bars.set_yticks([p for p, _ in ticks], [text for _, text in ticks], fontsize=6)
    bars.set_xscale("log")
    bars.axvline(1, color="black", linewidth=0.5)
    bars.set_xlabel("time, as a multiple of forwardpass's")

    for dtype in {r.dtype for r in results}:
        flops, rate = ceilings(dtype)
        intensity = np.logspace(-1, 3, 100)
        roof = np.minimum(flops, intensity * rate)
        roofline.loglog(intensity, roof / 1e9, "--", label=f"{dtype}: FMA peak, memory")
    for name, marker in ((OURS[1], "o"), ("NumPy out=", "x")):
        points = [r for r in results if r.contestant == name and r.seconds and r.threads == 1]
        if points:
            loads = [Workload(r.net, r.rows, r.dtype) for r in points]
            size = [np.dtype(r.dtype).itemsize for r in points]
            # Weights, inputs and outputs are moved once.
            moved = [s * (w.work + w.rows * (w.widths[0] + w.widths[-1])) for s, w in zip(size, loads, strict=True)]
            done = [2.0 * w.work * w.rows for w in loads]
            roofline.loglog(
                [d / m for d, m in zip(done, moved, strict=True)],
                [d / (r.seconds or 1) / 1e9 for d, r in zip(done, points, strict=True)],
                marker,
                label=name,
            )
    roofline.set_xlabel("operations for each byte of weights, inputs and outputs (one thread)")
    roofline.set_ylabel("GFLOP/s")
    roofline.legend(fontsize=7)
    try:
        figure.savefig(path, dpi=120)
    except (OSError, ValueError) as error:
        raise SpecError(f"--plot {path}: {error}") from error
