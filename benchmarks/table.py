"""The full table against every installed peer: benchmarks/README.md is what this wrote.

    python benchmarks/table.py [--seconds 1] [--results table.json] [--page benchmarks/zen4.md]

Each row is one interleaved run of all contestants (forwardpass.cli.bench). Results are saved after
each row, and a second start goes on where the first one ended.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from contextlib import closing
from itertools import groupby, pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from forwardpass.cli.bench.contestants import ALONE, CONTESTANTS, OURS, PREALLOCATED
from forwardpass.cli.bench.engine import Engine, Result
from forwardpass.cli.bench.report import dump, header, key, machine, microseconds, read
from forwardpass.cli.bench.workload import Workload, parse_net

DEEP_NARROW = "32x17-1"
NETS = [
    *("4-2", "16-16", "64-64", "128-128", "256-256", "512-512", "1024-1024", "2048-2048", "8192-8192"),
    *("4096-16", "16-4096", "10000-1"),
    *("17-64-64-6", "48-256-256-12", "40-128-128-128-1", "784-512-256-10", "512-1024-512-256-1", DEEP_NARROW),
    "4096-4096-4096-1000",
]
ROWS = (1, 8, 64, 256, 1024)
FLOAT64 = (
    *(*OURS, ALONE, "NumPy", "NumPy out=", "scipy BLAS", "Numba by hand", "Numba out="),
    *("torch", "torch traced", "onnxruntime", "onnxruntime iob", "scikit-learn"),
)
SMALL = ("4-2", "16-16", "64-64", "17-64-64-6", "40-128-128-128-1", DEEP_NARROW)
README = Path(__file__).resolve().with_name("README.md")


def measure(seconds: float, path: Path) -> list[Result]:
    """What is not in the results yet, and everything."""
    results = read(str(path)) if path.exists() else []
    if results and (then := json.loads(path.read_text())["machine"]) | {"command": ""} != machine() | {"command": ""}:
        sys.exit(f"{path}: begun with another machine or other versions: {then}")
    done = {key(r) for r in results}
    for dtype, contestants in (("float32", tuple(CONTESTANTS)), ("float64", FLOAT64)):
        for threads in (1, 2):
            with closing(Engine([name for name in contestants if name != ALONE or threads > 1], threads)) as engine:
                # The largest take minutes, so they come last.
                sizes = (
                    (sum(a * b for a, b in pairwise(parse_net(net))) * rows, net, rows) for net in NETS for rows in ROWS
                )
                for _, net, rows in sorted(sizes):
                    if (net, rows, dtype, threads) in done:
                        continue
                    print(f"{dtype}, {threads} threads, {rows} rows, {net}", file=sys.stderr, flush=True)
                    results += engine.measure(Workload(net, rows, dtype), seconds, lambda _: None)
                    path.write_text(dump(machine(), results))
    return results


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
        times = [f"{microseconds(r.seconds)} ({microseconds(r.low)} to {microseconds(r.high)})" for r in self]
        return f"{times[0]} | {self.peer.contestant}: {times[1]} | {self.ratio:.2f}"


class Row(NamedTuple):
    """One workload: with a new array from each call, into an array that is there, and the best of each."""

    workload: tuple[str, int, str, int]
    new: Duel
    into: Duel
    best: Duel
    alone: Result | None  # ours with one thread, in a run of more

    @property
    def lost(self) -> float:
        """The smaller ratio."""
        return min(self.new.ratio, self.into.ratio)

    def __str__(self) -> str:
        """A line of the table."""
        return f"| {' | '.join(map(str, self.workload))} | {self.new} | {self.into} |"


def fastest(results: Iterable[Result]) -> Result:
    """The one of the least seconds."""
    return min(results, key=lambda result: result.seconds or 0)


def rows_of_table(results: Iterable[Result]) -> list[Row]:
    """The workloads that ours and some peer of each kind have run."""
    rows = []
    for workload, group in groupby(results, key):
        timed = {result.contestant: result for result in group if result.seconds}
        peers = [result for name, result in timed.items() if name not in (*OURS, ALONE)]
        new = [peer for peer in peers if peer.contestant not in PREALLOCATED]
        given = [peer for peer in peers if peer.contestant in PREALLOCATED]
        if not new or not given or not timed.keys() >= {*OURS}:
            continue
        fresh, into = (timed[name] for name in OURS)
        best = Duel(fastest((fresh, into)), fastest(peers))
        rows.append(Row(workload, Duel(fresh, fastest(new)), Duel(into, fastest(given)), best, timed.get(ALONE)))
    return rows


def means(rows: Iterable[Row]) -> str:
    """Geometric means of the ratios, three columns, and of how many rows."""
    ratios = np.array([[row.new.ratio, row.into.ratio, row.best.ratio] for row in rows])
    if not len(ratios):
        return "- | - | - | 0"
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


def write(results: list[Result], path: Path) -> None:
    """The page."""
    facts = machine()
    table = rows_of_table(results)
    lost = sorted((row for row in table if row.lost < 0.95), key=lambda row: row.lost)
    columns = "| network | rows | dtype | threads | forwardpass, us | best peer, us | times faster "
    columns += "| forwardpass `out=`, us | best peer, us | times faster |\n" + "|---" * 10 + "|"
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
    head, newline = README_HEAD.format(deep=DEEP_NARROW, into=", ".join(PREALLOCATED[1:])), "\n"
    if path.resolve() != README:
        head = path.read_text().partition("```text")[0].rstrip() + "\n" if path.exists() else OTHER_HEAD
    path.write_text(
        f"""{head}
```text
{header(facts)}
```

Geometric means of how many times faster forwardpass is than the best peer of each row, Numba by hand and mlpfile
included:

| rows of the table | new array | into an array | best of each | rows |
|---|---|---|---|---|
{newline.join(f"| {name} | {means(rows)} |" for name, rows in groups.items())}

{threads_page(table)}

### Rows where a peer is faster, by more than 5 %: {len(lost)} of {len(table)}

{columns}
{newline.join(map(str, lost))}

### All rows

{columns}
{newline.join(map(str, table))}
"""
    )


README_HEAD = """# Benchmarks

- `table.py`: every workload below against every peer that is installed, in turns, one process each. It writes this
  page, or that of another machine, `--page`, whose head it keeps; notes on the machine and on what was left out are
  by hand.
- `activations.py`: each activation against NumPy, PyTorch and SLEEF.
- `networks.py`: networks against NumPy by hand and the machine's own limits.
- `kernels.py`: single layers, row counts and the functional calls.
- `cpp/kernel_roofline.cpp`: the kernels alone, without Python, against the FMA peak and the reading rate:
  `cmake -S . -B build/bench -DFORWARDPASS_PYTHON=OFF -DFORWARDPASS_BENCHMARKS=ON && cmake --build build/bench`.

`python -m forwardpass bench` does the same for your machine and your network.

## The table

NumPy array in, NumPy array out. Medians over the rounds, with their quartiles, of one call, in a loop of the
expression that a user would write, which has run for 3 ms before. "Best peer" is the fastest contestant that is not
ours, whose outputs are right, and that hands over its result in the same way: in a new array, or in memory that it was
given or keeps ({into}). The contestants that are not being timed are stopped meanwhile.
`{deep}` is 32 inputs, 16 layers of 32, one output.
"""

OTHER_HEAD = """# The table on another machine

benchmarks/README.md says how to read it.
"""


def main() -> None:
    """Measure what is missing and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1.0, help="of timed calls for each row (default 1)")
    parser.add_argument("--results", type=Path, default=Path("table.json"), help="where they are kept meanwhile")
    parser.add_argument("--page", type=Path, default=README, help="where the table goes (default: the README beside)")
    args = parser.parse_args()
    write(measure(args.seconds, args.results), args.page)


if __name__ == "__main__":
    main()
