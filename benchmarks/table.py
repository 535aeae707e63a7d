"""The full table against every installed peer: benchmarks/README.md is what this wrote.

    python benchmarks/table.py [--seconds 1] [--results table.json]

Each row is one interleaved run of all contestants (forwardpass.cli.bench). Results are saved after
each row, and a second start goes on where the first one ended.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from contextlib import closing
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np

from forwardpass.cli.bench.contestants import BY_HAND, CONTESTANTS, OURS
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
FLOAT64 = (*OURS, "NumPy", "NumPy out=", "scipy BLAS", "torch", "torch traced", "onnxruntime", "onnxruntime iob")
SMALL = ("4-2", "16-16", "64-64", "17-64-64-6", "40-128-128-128-1", DEEP_NARROW)
README = Path(__file__).with_name("README.md")


def measure(seconds: float, path: Path) -> list[Result]:
    """What is not in the results yet, and everything."""
    results = read(str(path)) if path.exists() else []
    done = {key(r) for r in results}
    for dtype, contestants in (("float32", tuple(CONTESTANTS)), ("float64", FLOAT64)):
        for threads in (1, 2):
            with closing(Engine(contestants, threads)) as engine:
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


def rows_of_table(results: Iterable[Result]) -> list[tuple[Result, Result | None, Result]]:
    """Ours (a fresh output), ours with `out=`, and the best peer, of each workload."""
    rows = []
    for _, group in groupby(results, key):
        timed = {r.contestant: r for r in group if r.seconds}
        peers = [r for name, r in timed.items() if name not in OURS]
        if OURS[0] in timed and peers:
            rows.append((timed[OURS[0]], timed.get(OURS[1]), min(peers, key=lambda r: r.seconds or 0)))
    return rows


def ratio(ours: Result, peer: Result) -> float:
    """How many times faster ours is."""
    return (peer.seconds or 0) / (ours.seconds or 1)


def line(row: tuple[Result, Result | None, Result]) -> str:
    """One line of the table."""
    ours, into, best = row
    return (
        f"| {ours.net} | {ours.rows} | {ours.dtype} | {ours.threads} | {microseconds(ours.seconds)} "
        f"({microseconds(ours.low)} to {microseconds(ours.high)}) | {microseconds(into.seconds if into else None)} | "
        f"{best.contestant} | {microseconds(best.seconds)} ({microseconds(best.low)} to {microseconds(best.high)}) | "
        f"{ratio(ours, best):.2f} |"
    )


def mean(rows: list[tuple[Result, Result | None, Result]], net: Iterable[str], count: int | None = None) -> str:
    """Geometric mean of the ratios of some rows of the table, one thread, float32."""
    chosen = [
        ratio(ours, best)
        for ours, _, best in rows
        if ours.net in net and ours.threads == 1 and ours.dtype == "float32" and count in (None, ours.rows)
    ]
    return f"{np.exp(np.mean(np.log(chosen))):.2f} ({len(chosen)} rows)" if chosen else "not measured"


def write(results: list[Result], path: Path) -> None:
    """The page."""
    facts = machine()
    table = rows_of_table(results)
    lost = [row for row in table if ratio(row[0], row[2]) < 0.95]
    columns = "| network | rows | dtype | threads | forwardpass, us | `out=` | best peer | us | times faster |"
    columns += "\n|---|---|---|---|---|---|---|---|---|"
    page = f"""# Benchmarks

- `table.py`: every workload below against every peer that is installed, in turns, one process each. It wrote this page.
- `networks.py`: the table of the project's README, against NumPy by hand.
- `kernels.py`: single layers, row counts and the functional calls.
- `cpp/kernel_roofline.cpp`: the kernels alone, without Python, against the FMA peak and the reading rate:
  `cmake -S . -B build/bench -DFORWARDPASS_PYTHON=OFF -DFORWARDPASS_BENCHMARKS=ON && cmake --build build/bench`.

`python -m forwardpass bench` does the same for your machine and your network.

## The table

NumPy array in, NumPy array out. Medians over the rounds, with their quartiles, of one call; "best peer" is the
fastest contestant that is not ours and whose outputs are right. `{DEEP_NARROW}` is 32 inputs, 16 layers of 32,
one output. {len(table)} rows have been measured.

```text
{header(facts)}
```

Geometric means against the best peer of each row, one thread, float32, {", ".join(BY_HAND)} and mlpfile included:

| rows of the table | times faster |
|---|---|
| one row of {", ".join(SMALL)} | {mean(table, SMALL, 1)} |
| one row of 256-256 | {mean(table, ["256-256"], 1)} |
| one row of 48-256-256-12 | {mean(table, ["48-256-256-12"], 1)} |
| {DEEP_NARROW}, all batches | {mean(table, [DEEP_NARROW])} |
| all | {mean(table, NETS)} |

### Rows where a peer is faster, by more than 5 %: {len(lost)} of {len(table)}

{columns}
{chr(10).join(map(line, sorted(lost, key=lambda row: ratio(row[0], row[2]))))}

### All rows

{columns}
{chr(10).join(map(line, table))}
"""
    path.write_text(page)


def main() -> None:
    """Measure what is missing and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1.0, help="of timed calls for each row (default 1)")
    parser.add_argument("--results", type=Path, default=Path("table.json"), help="where they are kept meanwhile")
    args = parser.parse_args()
    write(measure(args.seconds, args.results), README)


if __name__ == "__main__":
    main()
