"""The full table against every installed peer, one page for each class of CPU: benchmarks/README.md explains it.

    python benchmarks/table.py --page benchmarks/zen5.md [--isa avx2] [--seconds 1] [--results table.json]
    python benchmarks/table.py --page again.md --net 10000-1 --rows 64,256 --results again.json

Each row is one interleaved run of all contestants (forwardpass.bench). Results are saved after
each row, and a second start goes on where the first one ended. Every contestant's time goes to a .csv beside the page.
"""

from __future__ import annotations

from support import CeilingsOfThreads, commit  # isort: skip

import argparse
import csv
import json
import os
import sys
from collections.abc import Iterable
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from forwardpass import _core
from forwardpass.bench.contestants import ALONE, CONTESTANTS, OURS, PREALLOCATED
from forwardpass.bench.engine import Engine, Result
from forwardpass.bench.report import dump, header, key, machine, microseconds, read
from forwardpass.bench.workload import SpecError, Workload, multiplications
from forwardpass.cli.bench import numbers

DEEP_NARROW = "32x17-1"
NETS = [
    *("4-2", "16-16", "64-64", "128-128", "256-256", "512-512", "1024-1024", "2048-2048", "8192-8192"),
    *("4096-16", "16-4096", "10000-1"),
    *("17-64-64-6", "48-256-256-12", "40-128-128-128-1", "784-512-256-10", "512-1024-512-256-1", DEEP_NARROW),
    "4096-4096-4096-1000",
    # Policies, classifiers and newer networks: files/notation.py says how they are written.
    *("17-64-64-6:tanh", "17-64-64-6:elu", "17-64-64-6:gelu", "17-64-64-6:silu", "48-512-256-128-12:elu"),
    *("784-512-256-10:relu:softmax", "64-1000:relu:softmax", "128-[norm-256]x4", "128-[256]x4-10:gelu"),
]
ROWS = (1, 8, 64, 256, 1024)
FLOAT64 = (
    *(*OURS, ALONE, "NumPy", "NumPy out=", "scipy BLAS", "Numba by hand", "Numba out="),
    *("torch", "torch traced", "onnxruntime", "onnxruntime iob", "scikit-learn"),
)
PEERS = tuple(name for name in CONTESTANTS if name not in (*OURS, ALONE))
SMALL = ("4-2", "16-16", "64-64", "17-64-64-6", "40-128-128-128-1", DEEP_NARROW)
# What the table has beside contestants: the time that the row would take at the machine's ceilings.
PEAK, READING = "FMA peak", "reading rate"
HERE = Path(__file__).resolve().parent


class Limit(NamedTuple):
    """How peers are kept to an instruction set: environment variables that they read when they are loaded."""

    peers: tuple[str, ...]
    variables: dict[str, str]


def wider_than_avx2() -> str:
    """What NumPy's own loops use here beyond AVX2, as NPY_DISABLE_CPU_FEATURES takes it."""
    features = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    return " ".join(name for name in features if name.startswith(("AVX512", "X86_V4")))


# On Zen 5, each of these peers was seen to keep below the FMA peak of AVX2, or its code to have no wider registers.
# onnxruntime, ncnn and JAX (whatever --xla_cpu_max_isa says) were seen above it; XNNPACK, which LiteRT and ExecuTorch
# run, has no such variable.
HASWELL = "+avx,+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe,+popcnt,+sse4.2"
LIMITS = {
    "avx2": (
        Limit((*OURS, ALONE, "IREE"), {"FORWARDPASS_ISA": "avx2"}),
        Limit(
            ("NumPy", "NumPy out=", "scipy BLAS", "scikit-learn"),
            {"OPENBLAS_CORETYPE": "Haswell", "NPY_DISABLE_CPU_FEATURES": wider_than_avx2()},
        ),
        Limit(
            ("torch", "torch traced", "torch oneDNN", "openvino"),
            {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
        ),
        Limit(("Numba by hand", "Numba out="), {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": HASWELL}),
        Limit(("tract",), {"TRACT_CPU_ISA": "-avx512f"}),
        # Compiled without wider registers, as a disassembler shows (MNN 3.6.1, mlpfile 0.5.0).
        Limit(("MNN", "mlpfile"), {}),
    )
}


class Choice(NamedTuple):
    """Which part of the table is measured, and on which instruction set."""

    nets: tuple[str, ...] = tuple(NETS)
    rows: tuple[int, ...] = ROWS
    threads: tuple[int, ...] = (1, 2)
    dtypes: tuple[str, ...] = ("float32", "float64")
    peers: tuple[str, ...] = PEERS
    isa: str | None = None

    def contestants(self, dtype: str, threads: int) -> list[str]:
        """Who runs."""
        names = [name for name in CONTESTANTS if name in (*OURS, ALONE, *self.peers)]
        names = [name for name in names if dtype == "float32" or name in FLOAT64]
        names = [name for name in names if self.isa is None or name in limited(self.isa)]
        return [name for name in names if name != ALONE or threads > 1]


def limited(isa: str) -> list[str]:
    """The contestants that are kept to an instruction set."""
    return [peer for limit in LIMITS[isa] for peer in limit.peers]


def keep_to(isa: str | None) -> None:
    """An instruction set, for this process's ceilings and for every process that starts later. Without one nobody is
    limited, not by variables that were set before either.
    """
    for limit in LIMITS.values():
        for name in {name for peers in limit for name in peers.variables}:
            os.environ.pop(name, None)
    _core.choose_isa(isa or _core.available_isas()[0])
    for peers in LIMITS[isa] if isa else ():
        os.environ.update({name: value for name, value in peers.variables.items() if value})


def facts_of(choice: Choice) -> dict[str, Any]:
    """What a page says about its own measurement, beside the table."""
    return machine() | {"commit": commit(), "order": _core.CONTRACT, "limited": choice.isa}


def measure(seconds: float, path: Path, choice: Choice) -> tuple[dict[str, Any], list[Result]]:
    """What is not in the results yet; the facts and everything."""
    facts = facts_of(choice)
    results = read(str(path)) if path.exists() else []
    begun = json.loads(path.read_text())["machine"] if results else facts
    done = {key(r) for r in results}
    # The largest take minutes, so they come last.
    sizes = sorted((multiplications(net) * rows, net, rows) for net in choice.nets for rows in choice.rows)
    for dtype in choice.dtypes:
        for threads in choice.threads:
            missing = [(net, rows) for _, net, rows in sizes if (net, rows, dtype, threads) not in done]
            if not missing:
                continue
            if begun | {"command": ""} != facts | {"command": ""}:
                sys.exit(f"{path}: begun on another machine, with other versions or at another commit: {begun}")
            contestants = choice.contestants(dtype, threads)
            with closing(Engine(contestants, threads)) as engine, closing(CeilingsOfThreads(threads)) as ceilings:
                for net, rows in missing:
                    print(f"{dtype}, {threads} threads, {rows} rows, {net}", file=sys.stderr, flush=True)
                    workload = Workload(net, rows, dtype)
                    results += engine.measure(workload, seconds, lambda _: None)
                    results += limits(workload, threads, ceilings)
                    path.write_text(dump(begun, results))
    return begun, results


def limits(workload: Workload, threads: int, ceilings: CeilingsOfThreads) -> list[Result]:
    """The row's time at the ceilings: its operations in registers, and one reading of its weights."""
    nbytes = workload.work * np.dtype(workload.dtype).itemsize
    best = ceilings.measure(workload.dtype, nbytes)
    times = {PEAK: 2 * workload.rows * workload.work / best.flops, READING: nbytes / best.bytes}
    row = workload.net, workload.rows, workload.dtype, threads
    return [Result(*row, name, seconds) for name, seconds in times.items()]


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


def main() -> None:
    """Measure what is missing and write the page."""
    everything = Choice()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--page", type=Path, required=True, help="where the table goes; notes at its head are kept")
    parser.add_argument("--isa", choices=LIMITS, help="keep everyone to it, and leave out whom nothing limits")
    parser.add_argument("--seconds", type=float, default=1.0, help="of timed calls for each row (default 1)")
    parser.add_argument("--results", type=Path, default=Path("table.json"), help="where they are kept meanwhile")
    parser.add_argument("--net", action="append", help="only this network; may be given again")
    parser.add_argument("--rows", type=numbers, default=everything.rows, help="only these, like 1,64")
    parser.add_argument("--threads", type=numbers, default=everything.threads, help="only these, like 1,2")
    parser.add_argument("--dtype", action="append", choices=everything.dtypes, help="only this one")
    parser.add_argument("--peer", action="append", choices=everything.peers, help="only this one; may be given again")
    args = parser.parse_args()
    if args.page.resolve() == HERE / "README.md":
        parser.error("--page: README.md explains the pages, and is written by hand")
    try:
        keep_to(args.isa)
    except ValueError as error:
        parser.error(f"--isa: {error}")
    nets, dtypes, peers = (tuple(part or ()) for part in (args.net, args.dtype, args.peer))
    choice = Choice(
        nets=nets or everything.nets,
        rows=tuple(args.rows),
        threads=tuple(args.threads),
        dtypes=dtypes or everything.dtypes,
        peers=peers or everything.peers,
        isa=args.isa,
    )
    try:
        facts, results = measure(args.seconds, args.results, choice)
        write(facts, results, args.page)
        write_times(facts, results, args.page.with_suffix(".csv"))
    except SpecError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
