"""The tables that `bench` prints: each workload, who did not run, and the comparison with an earlier run."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import numpy as np

from .contestants import OURS
from .engine import Result
from .report import best_of_ours, key, microseconds, ratio

LEGEND = """\
us: the median of a call, and the quartiles. times ours: of forwardpass's best time.
error: the largest one, in units in the last place of the largest output."""
HEADINGS = f"  {'':18} {'us':>8}  {'quartiles':22} {'times ours':>10} {'error':>8}"


def title(workload: tuple[str, int, str, int]) -> str:
    """A row of the table as a person says it."""
    net, rows, dtype, threads = workload
    return f"{net}, {rows} row{'s' * (rows > 1)}, {dtype}, {threads} thread{'s' * (threads > 1)}"


def print_rows(results: list[Result]) -> None:
    """One table for each workload, the fastest first."""
    best = best_of_ours(results)
    for workload, group in groupby(results, key):
        timed = sorted((r for r in group if r.seconds is not None), key=lambda r: r.seconds or 0)
        print(f"\n{title(workload)}\n{HEADINGS}")
        for r in timed:
            times, spread = ratio(r, best), f"{microseconds(r.low)} to {microseconds(r.high)}"
            cells = "" if times is None else f"{times:.2f}", "" if r.error is None else f"{r.error:.2g}"
            line = f"  {r.contestant:18} {microseconds(r.seconds):>8}  {spread:22} {cells[0]:>10} {cells[1]:>8}"
            print(line.rstrip())


def print_skipped(results: list[Result], missing: list[str]) -> None:
    """One line for the run: who did not run, and why; and where, if it ran elsewhere."""
    everywhere = {key(r)[0] for r in results}
    reasons: dict[tuple[str, str], dict[str, None]] = {}
    where: dict[tuple[str, str], set[str]] = {}
    for r in results:
        if r.skipped is not None:
            where.setdefault((r.contestant, r.skipped), set()).add(r.net)
    for (contestant, reason), nets in where.items():
        place = "" if nets == everywhere else f" ({', '.join(sorted(nets))})"
        reasons.setdefault((reason, place), {})[contestant] = None
    if reasons or missing:
        said = [f"{', '.join(missing)}: not installed"] if missing else []
        said += [f"{', '.join(names)}: {reason}{place}" for (reason, place), names in reasons.items()]
        print(f"\nskipped: {'; '.join(said)}")


def compared(old: list[Result], new: list[Result]) -> list[dict[str, Any]]:
    """Old time over new for what both runs have; `noise` where the quartiles overlap."""
    before = {(key(r), r.contestant): r for r in old if r.seconds}
    found = []
    for r in new:
        earlier = before.get((key(r), r.contestant))
        if earlier is None or not r.seconds or not earlier.seconds:
            continue
        overlap = (r.low or 0) <= (earlier.high or 0) and (earlier.low or 0) <= (r.high or 0)
        times = earlier.seconds / r.seconds
        verdict = "noise" if overlap else "faster" if times > 1 else "SLOWER"
        row = dict(zip(("net", "rows", "dtype", "threads"), key(r), strict=True))
        found.append({**row, "contestant": r.contestant, "times_faster": times, "verdict": verdict})
    return found


def print_comparison(rows: list[dict[str, Any]]) -> None:
    """What compared() found, and the mean of ours."""
    print(f"\nagainst the earlier run\n  {'times faster':>12}  noise is within the quartiles")
    for row in rows:
        workload = title((row["net"], row["rows"], row["dtype"], row["threads"]))
        print(f"  {row['times_faster']:12.2f}  {row['verdict']:7} {workload}, {row['contestant']}")
    ours = [row["times_faster"] for row in rows if row["contestant"] in OURS]
    if ours:
        print(f"  {np.exp(np.mean(np.log(ours))):12.2f}  geometric mean of forwardpass's {len(ours)}")
    if not rows:
        print("  nothing in common")
