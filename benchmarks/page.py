"""What benchmarks/table.py writes of its results: a page, and a table of every time beside it."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from kept import LIMITS, limited

from forwardpass.bench.contestants import ALONE, CONTESTANTS, OURS, PREALLOCATED
from forwardpass.bench.engine import Result
from forwardpass.bench.report import header, key, microseconds

DEEP_NARROW = "32x17-1"
SMALL = ("4-2", "16-16", "64-64", "17-64-64-6", "40-128-128-128-1", DEEP_NARROW)
# What the table has beside contestants: the time that the row would take at the machine's ceilings.
PEAK, READING = "FMA peak", "reading rate"


class Duel(NamedTuple):
    """Ours and the fastest peer of those that hand over their result in the same way."""

    ours: Result
    peer: Result

    @property
    def ratio(self) -> float:
        """How many times faster ours is."""
        return (self.peer.seconds or 0) / (self.ours.seconds or 1)

    def __str__(self) -> str:
        """Three columns."""
        times = [f"{microseconds(r.seconds)} ({microseconds(r.low)} to {microseconds(r.high)}){off(r)}" for r in self]
        return f"{times[0]} | {self.peer.contestant}: {times[1]} | {self.ratio:.2f}"


def off(result: Result) -> str:
    """The error beside a time, where it was measured."""
    return "" if result.error is None else f", error {result.error:.2g}"


class Row(NamedTuple):
    """One workload: with a new array from each call, into an array that is there, and the best of each."""

    workload: tuple[str, int, str, int]
    new: Duel
    into: Duel
    best: Duel
    alone: Result | None  # ours with one thread, in a run of more
    limits: tuple[Result | None, ...]  # the row's time at the FMA peak, and at the reading rate

    @property
    def lost(self) -> float:
        """The smaller ratio."""
        return min(self.new.ratio, self.into.ratio)

    def __str__(self) -> str:
        """A line of the table."""
        ours = self.into.ours.seconds or 1
        shares = ["-" if limit is None else f"{(limit.seconds or 0) / ours:.0%}" for limit in self.limits]
        return f"| {' | '.join(map(str, self.workload))} | {self.new} | {self.into} | {' | '.join(shares)} |"


def fastest(results: Iterable[Result]) -> Result:
    """The one of the least seconds."""
    return min(results, key=lambda result: result.seconds or 0)


def rows_of_table(results: Iterable[Result]) -> list[Row]:
    """The workloads that ours and some peer of each kind have run."""
    rows = []
    for workload, group in groupby(results, key):
        timed = {result.contestant: result for result in group if result.seconds}
        peers = [result for name, result in timed.items() if name not in (*OURS, ALONE, PEAK, READING)]
        new = [peer for peer in peers if peer.contestant not in PREALLOCATED]
        given = [peer for peer in peers if peer.contestant in PREALLOCATED]
        if not new or not given or not timed.keys() >= {*OURS}:
            continue
        fresh, into = (timed[name] for name in OURS)
        best = Duel(fastest((fresh, into)), fastest(peers))
        limits = timed.get(PEAK), timed.get(READING)
        rows.append(
            Row(workload, Duel(fresh, fastest(new)), Duel(into, fastest(given)), best, timed.get(ALONE), limits)
        )
    return rows


def means(rows: Iterable[Row]) -> str:
    """Geometric means of the ratios, three columns, and of how many rows."""
    ratios = np.array([[row.new.ratio, row.into.ratio, row.best.ratio] for row in rows])
    return " | ".join(f"{mean:.2f}" for mean in np.exp(np.log(ratios).mean(axis=0))) + f" | {len(ratios)}"


def threads_page(rows: list[Row]) -> str:
    """What two threads are worth, from the runs of two threads."""
    gains = [((r.alone.seconds or 0) / (r.new.ours.seconds or 1), r) for r in rows if r.alone is not None]
    if not gains:
        return "Two threads have not been measured."
    slower = sorted((gain, row.workload[:3]) for gain, row in gains if gain < 0.95)
    shared = [gain for gain, _ in gains if gain > 1.2]
    mean = np.exp(np.mean(np.log([gain for gain, _ in gains])))
    names = ", ".join(f"{net} x {count} {dtype} ({gain:.2f})" for gain, (net, count, dtype) in slower) or "none"
    return (
        f"Two threads against one, in the same runs: {len(shared)} of {len(gains)} rows gain more than 1.2 times, "
        f"and the geometric mean of all is {mean:.2f}. "
        f"More than 5 % slower than one thread: {names}."
    )


def head(facts: dict[str, Any], path: Path) -> str:
    """The commit and the order in the first line; then notes, which are written by hand and kept."""
    title, notes = f"# {facts['cpu']}", "[README.md](README.md) says how to read it."
    if path.exists():
        first, _, rest = path.read_text().partition("\n")
        title, notes = first.partition(":")[0], rest.partition("```text")[0].strip()
    return f"{title}: measured at commit {facts['commit']}, in the order {facts['order']}\n\n{notes}"


def limits_page(isa: str | None) -> str:
    """The instruction set, and which peers keep to it."""
    if isa is None:
        return "Everyone used the instructions that it chose."
    lines = [f"Instruction set: {isa}, of the FMA peak too. These were kept to it:\n"]
    for limit in LIMITS[isa]:
        how = ", ".join(f"`{name}={value}`" for name, value in limit.variables.items() if value)
        lines.append(f"- {', '.join(limit.peers)}: {how or 'compiled without wider instructions'}")
    others = ", ".join(name for name in CONTESTANTS if name not in limited(isa))
    return "\n".join([*lines, f"\nNothing limits these, so they were left out: {others}."])


def write_times(facts: dict[str, Any], results: Iterable[Result], path: Path) -> None:
    """Each contestant's times, which docs/figures.py draws; the first line names the commit."""
    with path.open("w", newline="") as file:
        file.write(f"# {facts['cpu']}, {facts['isa']}, commit {facts['commit']}; us: medians and quartiles\n")
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(["network", "rows", "dtype", "threads", "contestant", "median", "low", "high"])
        for result in results:
            if result.seconds:
                times = [microseconds(t) if t else "" for t in (result.seconds, result.low, result.high)]
                lines.writerow([*key(result), result.contestant, *times])


def write(facts: dict[str, Any], results: list[Result], path: Path) -> None:
    """The page."""
    table = rows_of_table(results)
    lost = sorted((row for row in table if row.lost < 0.95), key=lambda row: row.lost)
    columns = "| network | rows | dtype | threads | forwardpass, us | best peer, us | times faster "
    columns += "| forwardpass `out=`, us | best peer, us | times faster | of the FMA peak | of the reading rate |\n"
    columns += "|---" * 12 + "|"
    one = [row for row in table if row.workload[2:] == ("float32", 1)]
    groups = {
        f"one row of {', '.join(SMALL)}": [r for r in one if r.workload[0] in SMALL and r.workload[1] == 1],
        "one row of 256-256": [r for r in one if r.workload[:2] == ("256-256", 1)],
        "one row of 48-256-256-12": [r for r in one if r.workload[:2] == ("48-256-256-12", 1)],
        f"{DEEP_NARROW}, all batches": [r for r in one if r.workload[0] == DEEP_NARROW],
        "all, one thread, float32": one,
        "all, two threads, float32": [r for r in table if r.workload[2:] == ("float32", 2)],
        "all, one thread, float64": [r for r in table if r.workload[2:] == ("float64", 1)],
        "all, two threads, float64": [r for r in table if r.workload[2:] == ("float64", 2)],
    }
    newline = "\n"
    path.write_text(
        f"""{head(facts, path)}

```text
{header(facts)}
commit {facts["commit"]}, in the order {facts["order"]}
```

{limits_page(facts["limited"])}

Geometric means of how many times faster forwardpass is than the best peer of each row, Numba by hand and mlpfile
included:

| rows of the table | new array | into an array | best of each | rows |
|---|---|---|---|---|
{newline.join(f"| {name} | {means(rows)} |" for name, rows in groups.items() if rows)}

{threads_page(table)}

### Rows where a peer is faster, by more than 5 %: {len(lost)} of {len(table)}

{columns}
{newline.join(map(str, lost))}

### All rows

{columns}
{newline.join(map(str, table))}
"""
    )
