"""The full table against every installed peer, one page for each class of CPU: benchmarks/README.md explains it.

    python benchmarks/table.py --page benchmarks/zen5.md [--isa avx2] [--seconds 1] [--results table.json]
    python benchmarks/table.py --page again.md --net 10000-1 --rows 64,256 --results again.json

Each row is one interleaved run of all contestants (forwardpass.bench). Results are saved after
each row, and a second start goes on where the first one ended. Every contestant's time goes to a .csv beside the page.
"""

from __future__ import annotations

from support import CeilingsOfThreads, commit  # isort: skip

import argparse
import json
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from kept import LIMITS, keep_to, limited
from page import DEEP_NARROW, PEAK, READING, write, write_times

from forwardpass import _core
from forwardpass.bench.contestants import ALONE, CONTESTANTS, OURS
from forwardpass.bench.engine import Engine, Result
from forwardpass.bench.report import dump, key, machine, read
from forwardpass.bench.workload import SpecError, Workload, multiplications
from forwardpass.cli.bench import numbers

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
HERE = Path(__file__).resolve().parent


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
