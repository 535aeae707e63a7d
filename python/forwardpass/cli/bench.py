"""`python -m forwardpass bench`: this machine's own table, against every peer that is installed."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing

from ..bench.contestants import ALONE, CONTESTANTS, OURS
from ..bench.engine import Engine, Result
from ..bench.jitter import parse_rate, print_jitter
from ..bench.plot import plot
from ..bench.progress import Progress
from ..bench.report import dump, header, machine, print_comparison, print_rows, read
from ..bench.workload import SpecError, Workload, parse_net

NETS = ("4-2", "17-64-64-6", "40-128-128-128-1", "784-512-256-10", "1024-1024")
QUICK_NETS = ("17-64-64-6", "784-512-256-10")
# Those that load in a second or two.
QUICK = (*OURS, "NumPy", "NumPy out=", "scipy BLAS", "onnxruntime", "onnxruntime iob")
SECONDS, QUICK_SECONDS = 2.0, 0.5


def numbers(text: str) -> list[int]:
    """Of "1,64,1024"."""
    try:
        values = [int(part) for part in text.split(",")]
    except ValueError:
        values = []
    if not values or not all(1 <= value <= 1 << 20 for value in values):
        raise argparse.ArgumentTypeError(f"expected numbers from 1 to {1 << 20} like 1,64, got {text!r}")
    return values


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("--quick", action="store_true", help="two networks, few peers, under 20 seconds")
    parser.add_argument(
        "--net",
        action="append",
        default=[],
        help="like 64-256-8:tanh:softmax (docs/files.md); may be given again",
    )
    parser.add_argument("--model", action="append", default=[], help="an .npz with 0.weight, 0.bias, 2.weight, ...")
    parser.add_argument("--batch", type=numbers, help="rows of a call, like 1,64,1024 (default 1,64)")
    parser.add_argument("--threads", type=numbers, default=[1], help="threads of a call, like 1,2 (default 1)")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument("--json", action="store_true", help="results as JSON instead of tables")
    parser.add_argument("--compare", metavar="OLD.json", help="ratios against what --json wrote earlier")
    parser.add_argument("--plot", metavar="FILE.png", help="bars and a roofline (needs matplotlib)")
    parser.add_argument("--jitter", metavar="RATE", help="a paced loop, like 1000Hz, instead of throughput")


def run(args: argparse.Namespace) -> int:
    """The command; its exit code."""
    try:
        return _run(args)
    except SpecError as error:
        print(f"python -m forwardpass bench: error: {error}", file=sys.stderr)
        return 2


def _run(args: argparse.Namespace) -> int:
    old = read(args.compare) if args.compare else []
    rate = parse_rate(args.jitter) if args.jitter else 0.0
    for net in args.net:
        parse_net(net)
    for model in args.model:
        if not model.endswith(".npz"):
            raise SpecError(f"--model {model}: expected an .npz")
        _ = Workload(model, 1, args.dtype).steps
    nets = [*(net.removesuffix(":relu") for net in args.net), *args.model] or (QUICK_NETS if args.quick else NETS)
    batches = [1] if rate else args.batch or [1, 64]
    workloads = [Workload(net, rows, args.dtype) for net in nets for rows in batches]
    everyone = QUICK if args.quick else tuple(CONTESTANTS)
    facts = machine()
    if not args.json:
        print(header(facts), flush=True)

    results: list[Result] = []
    progress = Progress(len(workloads) * len(args.threads))
    for threads in args.threads:
        with closing(Engine([name for name in everyone if name != ALONE or threads > 1], threads)) as engine:
            for workload in workloads:
                if rate:
                    print_jitter(engine, workload, rate)
                else:
                    seconds = QUICK_SECONDS if args.quick else SECONDS
                    measured = engine.measure(workload, seconds, progress)
                    progress.clear()
                    results += measured
                    if not args.json:
                        print_rows(measured)
                        sys.stdout.flush()
                progress.advance()
    if args.json and not rate:
        print(dump(facts, results))
    if args.compare:
        print_comparison(old, results)
    if args.plot:
        plot(results, args.plot)
    return 0
