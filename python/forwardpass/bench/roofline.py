"""Workloads under this machine's own measured ceilings, what one thread can compute and read at most."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from .. import _core
from .contestants import OURS
from .engine import Result
from .report import key
from .workload import Workload

OUR_COLOUR, PEER_COLOUR, ROOF_COLOUR = "#d9480f", "#6c757d", "#212529"
# Each ceiling is the best of many short runs, for so many seconds.
SECONDS, BURST_STEPS = 0.4, 20_000
# What is read from the nearest cache, again and again in a run, and from memory: more than caches hold.
CACHED_BYTES, CACHED_REPEATS, READ_BYTES = 1 << 14, 200, 1 << 28
# Inches that a name needs below the one before it.
NAME_HEIGHT = 0.15


class Ceilings(NamedTuple):
    """What one thread can do at most, a second: floating-point operations, and bytes read from two places."""

    flops: float
    cached: float
    memory: float


class Point(NamedTuple):
    """A contestant at a workload, one of its threads."""

    name: str
    ours: bool
    intensity: float  # operations for each byte of weights, inputs and outputs
    flops: float


def ceilings(dtype: str) -> Ceilings:
    """Measured now."""

    def best(call: Callable[[], float]) -> float:
        found, begin = 0.0, time.perf_counter()
        while (start := time.perf_counter()) < begin + SECONDS:
            done = call()
            found = max(found, done / (time.perf_counter() - start))
        return found

    def reading(nbytes: int, repeats: int) -> float:
        data = np.ones(nbytes // 4, np.float32)

        def read(streams: int) -> float:
            _core.read_sum(data, repeats, streams)
            return float(nbytes * repeats)

        return max(best(partial(read, streams)) for streams in _core.READ_STREAMS)

    flops = best(lambda: float(_core.fma_burst(dtype, BURST_STEPS)))
    return Ceilings(flops, reading(CACHED_BYTES, CACHED_REPEATS), reading(READ_BYTES, 1))


def points(results: list[Result], workloads: list[Workload]) -> list[Point]:
    """Ours and the fastest peer, at each workload that multiplies anything."""
    known = {(w.net, w.rows, w.dtype): w for w in workloads}
    found = []
    for (net, rows, dtype, threads), group in groupby(results, key):
        workload, members = known[net, rows, dtype], [r for r in group if r.seconds]
        done = 2.0 * workload.work * rows
        for ours in (False, True):
            times = [(r.seconds or 1, r.contestant) for r in members if (r.contestant in OURS) is ours]
            if times and done:
                seconds, contestant = min(times)
                name = f"{net[-28:]}, {rows}" + f", {threads} thr." * (threads > 1) if ours else contestant
                found.append(Point(name, ours, done / workload.nbytes, done / seconds / threads))
    return found


def draw_roofline(axes: Any, results: list[Result], workloads: list[Workload], dtype: str) -> None:
    """The points, each with its name, under the roof."""
    from matplotlib.ticker import FuncFormatter

    roof, drawn = ceilings(dtype), points(results, workloads)
    lowest = min((p.intensity for p in drawn), default=0.1) / 3
    highest = max((p.intensity for p in drawn), default=10.0) * 20
    at = np.geomspace(lowest, highest, 400)
    for rate, style, where in ((roof.cached, "-", "the nearest cache"), (roof.memory, "--", "memory")):
        label = f"{roof.flops / 1e9:.0f} GFLOP/s in registers, {rate / 1e9:.0f} GB/s from {where}"
        axes.plot(at, np.minimum(roof.flops, at * rate) / 1e9, style, color=ROOF_COLOUR, linewidth=1, label=label)
    for ours, colour, label in ((False, PEER_COLOUR, "the fastest peer"), (True, OUR_COLOUR, "forwardpass")):
        chosen = [p for p in drawn if p.ours is ours]
        axes.plot([p.intensity for p in chosen], [p.flops / 1e9 for p in chosen], "o", color=colour, label=label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(lowest, highest)
    slowest = min((p.flops for p in drawn), default=roof.flops / 100)
    axes.set_ylim(slowest / 1e9 / 2, roof.flops / 1e9 * 2)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("operations for each byte of weights, inputs and outputs", fontsize=8)
    axes.set_ylabel("GFLOP/s of a thread", fontsize=8)
    axes.set_title(f"What this machine allows, {dtype}: no network can be above the line", fontsize=9, loc="left")
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.15)
    axes.legend(fontsize=8, loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)
    _name(axes, drawn)


def _name(axes: Any, drawn: list[Point]) -> None:
    """A name beside each point, moved down where another name stands already."""
    low, high = np.log10(axes.get_ylim())
    step = NAME_HEIGHT * (high - low) / (axes.get_position().height * axes.figure.get_figheight())
    left, right = np.log10(axes.get_xlim())
    width = (right - left) / 6
    taken: list[tuple[float, float]] = []
    for point in sorted(drawn, key=lambda p: -p.flops):
        x, y = np.log10(point.intensity), np.log10(point.flops / 1e9)
        place = y
        while any(abs(x - other) < width and abs(place - height) < step for other, height in taken):
            place -= step / 4
        taken.append((x, place))
        axes.annotate(
            point.name,
            (point.intensity, 10**y),
            (10 ** (x + width / 20), 10**place),
            va="center",
            fontsize=7,
            color=OUR_COLOUR if point.ours else PEER_COLOUR,
            arrowprops={"arrowstyle": "-", "linewidth": 0.3, "color": PEER_COLOUR} if place < y else None,
        )
