"""How near each workload comes to what this machine allows: the roofline model, of ceilings that are measured here.

A call cannot be shorter than its operations take in registers, nor than its weights, inputs and outputs take to be
read from where so many bytes lie (Williams, Waterman and Patterson, Roofline, 2009).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache, partial
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from .. import _core
from .contestants import ALONE, OURS
from .engine import Result
from .report import key
from .workload import Workload

OUR_COLOUR, PEER_COLOUR, ROOF_COLOUR = "#d9480f", "#6c757d", "#212529"
# Each ceiling is the best of many short runs, for so many seconds.
SECONDS, BURST_STEPS = 0.2, 20_000
# Less is read several times in one run, as a call from Python takes as long as 4 KB from the cache.
SMALLEST_READ = 1 << 18


class Place(NamedTuple):
    """A workload under its roof: what of it ours reaches and what the fastest peer, and which ceiling it is."""

    workload: tuple[str, int, str, int]
    ours: float | None
    peer: float | None
    peer_name: str
    roof: str


def places(results: list[Result], workloads: list[Workload]) -> list[Place]:
    """Of every workload that multiplies anything. The ceilings are measured now."""
    known = {(w.net, w.rows, w.dtype): w for w in workloads}
    found = []
    for row, group in groupby(results, key):
        workload, threads = known[row[:3]], row[3]
        if not workload.work:
            continue
        limit, roof = _roof(workload)
        times = {r.contestant: r.seconds for r in group if r.seconds}
        mine = min((seconds for name, seconds in times.items() if name in OURS), default=None)
        theirs = min(
            ((seconds, name) for name, seconds in times.items() if name not in (*OURS, ALONE)), default=(None, "")
        )
        ours, peer = (limit / threads / seconds if seconds else None for seconds in (mine, theirs[0]))
        found.append(Place(row, ours, peer, theirs[1], roof))
    return found


def _roof(workload: Workload) -> tuple[float, str]:
    """Seconds that a call takes at least, of one thread, and why."""
    done, rate = 2.0 * workload.work * workload.rows, operations(workload.dtype)
    reading = bytes_read(workload.nbytes)
    if done / rate >= workload.nbytes / reading:
        return done / rate, f"{rate / 1e9:.0f} GFLOP/s"
    return workload.nbytes / reading, f"{reading / 1e9:.0f} GB/s"


@cache
def operations(dtype: str) -> float:
    """Floating-point operations a second of one thread, in registers."""
    return _best(lambda: float(_core.fma_burst(dtype, BURST_STEPS)))


@cache
def bytes_read(nbytes: int) -> float:
    """Bytes a second that one thread reads, again and again, from wherever so many bytes lie."""
    data, repeats = np.ones(max(1, nbytes // 4), np.float32), max(1, SMALLEST_READ // nbytes)

    def read(streams: int) -> float:
        _core.read_sum(data, repeats, streams)
        return float(data.nbytes * repeats)

    return max(_best(partial(read, streams)) for streams in _core.READ_STREAMS)


def _best(run: Callable[[], float]) -> float:
    """The highest rate of a run that says how much it has done."""
    found, begin = 0.0, time.perf_counter()
    while (start := time.perf_counter()) < begin + SECONDS:
        done = run()
        found = max(found, done / (time.perf_counter() - start))
    return found


def draw_roofline(axes: Any, drawn: list[Place], titles: list[str]) -> None:
    """A line for each workload, from nothing to its roof."""
    for height, place in enumerate(drawn):
        axes.plot([0, 100], [height, height], color=ROOF_COLOUR, linewidth=0.4, alpha=0.4)
        axes.text(101, height, f"of {place.roof}", va="center", fontsize=8, color=ROOF_COLOUR)
        for share, up, name, colour in (
            (place.ours, -0.17, "", OUR_COLOUR),
            (place.peer, 0.17, place.peer_name, PEER_COLOUR),
        ):
            if share is not None:
                axes.plot(100 * share, height + up, "o", color=colour, markersize=5)
                left = share > 0.8
                axes.annotate(
                    f"{name} {100 * share:.2g} %".strip(),
                    (100 * share, height + up),
                    xytext=(-6 if left else 6, 0),
                    textcoords="offset points",
                    ha="right" if left else "left",
                    va="center",
                    fontsize=8,
                    color=colour,
                )
    axes.axvline(100, color=ROOF_COLOUR, linewidth=1.5)
    axes.set_yticks(range(len(drawn)), titles, fontsize=8)
    axes.set_ylim(len(drawn) - 0.4, -0.6)
    axes.set_xlim(0, 125)
    axes.set_xticks(range(0, 101, 20))
    axes.set_xlabel("% of what a thread of this machine allows", fontsize=8)
    axes.tick_params(axis="x", labelsize=8)
    axes.set_title("How near to the roof: forwardpass, and the fastest peer of each", fontsize=9, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
