"""`python -m forwardpass bench`: this machine's own table, against every peer that is installed."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import closing
from typing import Any, NamedTuple

from ..bench import jitter, tables
from ..bench.contestants import ALONE, CONTESTANTS, OURS
from ..bench.engine import Engine, Result
from ..bench.plot import check_target, plot
from ..bench.progress import Progress, duration
from ..bench.report import dump, header, machine, read
from ..bench.workload import MOST_BYTES, SpecError, Workload, parse_net
from . import model

NETS = ("4-2", "17-64-64-6", "40-128-128-128-1", "784-512-256-10", "1024-1024")
QUICK_NETS = ("17-64-64-6", "784-512-256-10")
# Those that load in a second or two.
QUICK = (*OURS, "NumPy", "NumPy out=", "scipy BLAS", "onnxruntime", "onnxruntime iob")
SECONDS, QUICK_SECONDS = 2.0, 0.5
# Of the paced loop, for each contestant.
PACED_SECONDS, QUICK_PACED_SECONDS = 3.0, 1.0
# Seconds beside those that are timed, about: to start a contestant, and to build and check a
# network in it, and each of its weights.
STARTING, BUILDING, BUILDING_EACH = 1.0, 0.2, 1e-8


def numbers(text: str) -> list[int]:
    """Of "1,64,1024", each once."""
    try:
        values = [int(part) for part in text.split(",")]
    except ValueError:
        values = []
    if not values or not all(1 <= value <= 1 << 20 for value in values):
        raise argparse.ArgumentTypeError(f"expected numbers from 1 to {1 << 20} like 1,64, got {text!r}")
    return list(dict.fromkeys(values))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("--quick", action="store_true", help="two networks, few peers, under 20 seconds")
    parser.add_argument(
        "--net",
        action="append",
        default=[],
        help="like 64-256-8:tanh:softmax (docs/files.md); may be given again",
    )
    parser.add_argument(
        "--model", metavar="FILE", action="append", default=[], help=f"{model.FILES}; may be given again"
    )
    model.add_architecture(parser)
    parser.add_argument("--batch", type=numbers, help="rows of a call, like 1,64,1024 (default 1,64)")
    parser.add_argument("--threads", type=numbers, default=[1], help="threads of a call, like 1,2 (default 1)")
    parser.add_argument(
        "--dtype", choices=("float32", "float64"), help="of all arrays (default: a file's own, and float32)"
    )
    parser.add_argument("--json", action="store_true", help="what the tables have as JSON instead")
    parser.add_argument("--compare", metavar="OLD.json", help="ratios against what --json wrote earlier")
    parser.add_argument(
        "--plot",
        metavar="FILE.png",
        help="times, and how near to the roof (needs matplotlib)",
    )
    parser.add_argument("--jitter", metavar="RATE", help="a paced loop, like 1000Hz, instead of throughput")


class Run(NamedTuple):
    """What is measured, once all arguments are known to be right."""

    workloads: list[Workload]
    contestants: dict[int, list[str]]  # those that are here, for each number of threads
    missing: list[str]
    rate: float
    seconds: float  # of timed calls: for a workload, or for a contestant in the paced loop

    def expected(self) -> list[float]:
        """Seconds that each table takes, about."""
        found = []
        for names in self.contestants.values():
            starting = STARTING
            for workload in self.workloads:
                timed = self.seconds * (len(names) if self.rate else 1)
                found.append(timed + len(names) * (starting + BUILDING + BUILDING_EACH * workload.work))
                starting = 0.0
        return found


def run(args: argparse.Namespace) -> int:
    """The command; its exit code."""
    old = read(args.compare) if args.compare else []
    planned = plan(args)
    facts = machine()
    count, most = len(planned.workloads) * len(planned.contestants), max(map(len, planned.contestants.values()))
    about = f"about {duration(sum(planned.expected()))}: {count} table{'s' * (count > 1)} of {most} contestants"
    print(about, file=sys.stderr if args.json else sys.stdout, flush=True)
    if not args.json:
        print(f"{header(facts)}\n\n{jitter.LEGEND if planned.rate else tables.LEGEND}", flush=True)
    paced, results = measure(planned, tell=not args.json)
    comparison = tables.compared(old, results)
    if args.json:
        more: dict[str, Any] = {"not_installed": planned.missing}
        more |= {"jitter": paced} if planned.rate else {"comparison": comparison} if args.compare else {}
        print(dump(facts, results, **more))
    else:
        tables.print_skipped(results, planned.missing)
        if args.compare:
            tables.print_comparison(comparison)
    if args.plot:
        plot(results, planned.workloads, facts, args.plot)
    return 0


def plan(args: argparse.Namespace) -> Run:
    """What the arguments ask for. Raises SpecError, and more of what model.read() raises, before anything is timed."""
    rate = jitter.parse_rate(args.jitter) if args.jitter else 0.0
    for option in ("batch", "compare", "plot"):
        if rate and getattr(args, option):
            raise SpecError(f"--{option}: --jitter times single rows and has no such result; leave one of the two out")
    if args.architecture is not None and not args.model:
        raise SpecError("--architecture: expected a --model FILE of bare weights beside it")
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if max(args.threads) > cpus:
        raise SpecError(f"--threads {max(args.threads)}: expected at most {cpus}, the CPUs that this process may use")
    if args.plot:
        check_target(args.plot)
    batches = [1] if rate else args.batch or [1, 64]
    workloads = []
    nets = [net.removesuffix(":relu") for net in args.net]
    for net in nets or ([] if args.model else QUICK_NETS if args.quick else NETS):
        parse_net(net)
        workloads += [Workload(net, rows, args.dtype or "float32") for rows in batches]
    for path in dict.fromkeys(args.model):
        network = model.read(path, args.architecture).network
        dtype = args.dtype or str(network.dtype or "float32")
        workloads += [Workload(path, rows, dtype, network) for rows in batches]
    workloads = list(dict.fromkeys(workloads))
    for workload in workloads:
        check_size(workload)
    everyone = QUICK if args.quick else tuple(CONTESTANTS)
    missing = [name for name in everyone if CONTESTANTS[name].missing]
    here = [name for name in everyone if name not in missing]
    contestants = {n: [name for name in here if name != ALONE or n > 1] for n in args.threads}
    lengths = (QUICK_PACED_SECONDS, PACED_SECONDS) if rate else (QUICK_SECONDS, SECONDS)
    return Run(workloads, contestants, missing, rate, lengths[0] if args.quick else lengths[1])


def check_size(workload: Workload) -> None:
    """Raise SpecError where a network or its rows are larger than a machine should be asked for by mistake."""
    if workload.nbytes > MOST_BYTES:
        raise SpecError(
            f"{workload.net} and {workload.rows} rows: take {workload.nbytes / 2**30:.3g} GiB in each contestant, "
            f"expected at most {MOST_BYTES >> 30} GiB; a smaller network, or fewer rows with --batch"
        )


def measure(planned: Run, tell: bool) -> tuple[list[dict[str, Any]], list[Result]]:
    """Rows of the paced loop, and results; each table is printed as soon as it is there, if `tell`."""
    paced: list[dict[str, Any]] = []
    results: list[Result] = []
    progress = Progress(planned.expected())
    try:
        for threads, names in planned.contestants.items():
            with closing(Engine(names, threads)) as engine:
                for workload in planned.workloads:
                    progress.begin(tables.title((workload.net, workload.rows, workload.dtype, threads)))
                    rows: list[dict[str, Any]] = []
                    if planned.rate:
                        rows, found = jitter.measure_jitter(engine, workload, planned.rate, planned.seconds, progress)
                    else:
                        found = engine.measure(workload, planned.seconds, progress)
                    paced += rows
                    results += found
                    progress.clear()
                    if tell and planned.rate:
                        jitter.print_jitter(rows, workload, planned.rate, threads)
                    elif tell:
                        tables.print_rows(found)
                    sys.stdout.flush()
    finally:
        progress.clear()
    return paced, results
