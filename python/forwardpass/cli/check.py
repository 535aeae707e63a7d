"""`python -m forwardpass check FILE`: the network of a file answers as it did when saved, and within its bound.

And `check --self`: the promises of docs/numerics.md, tried on this machine.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..error_bound import error_bound
from ..files import content_hash
from ..nn import Module
from ..printing import printable
from ..reference import exact
from . import model

# Rows of each kind; fewer where NumPy would take minutes for them in its longest float, 5e7 products a second, or where
# they would take more memory than the file that was read: a norm of many features is a few bytes there.
ROWS, LEAST_ROWS, MOST_PRODUCTS, MOST_FEATURES = 256, 4, 1e8, 1 << 18


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("file", metavar="FILE", nargs="?", help=model.FILES)
    what.add_argument(
        "--self", dest="itself", action="store_true", help="try forwardpass's own promises on this machine"
    )
    parser.add_argument("--full", action="store_true", help="with --self: the full amounts, ten minutes and more")
    parser.add_argument("--only", metavar="TEXT", default="", help="with --self: promises whose name contains the text")
    model.add_architecture(parser)
    parser.add_argument("--json", action="store_true", help="the table as JSON")


def inputs(rows: int, width: int) -> dict[str, NDArray[np.float64]]:
    """Random rows of several kinds."""
    rng = np.random.default_rng(0)
    normal = rng.standard_normal((rows, width))
    return {
        "normal": normal,
        "all positive": np.abs(normal),
        "wide exponents": normal * 2.0 ** rng.integers(-30, 31, (rows, width)),
        "small integers": rng.integers(-8, 9, (rows, width)).astype(np.float64),
    }


def measure(network: Module) -> list[dict[str, Any]]:
    """A row for each kind of input."""
    rows = []
    products = sum(value.size for value in network.state_dict().values())
    widest = max(max(layer.in_features or 1, layer.out_features or 1) for _, layer in network.leaves())
    count = int(min(ROWS, max(LEAST_ROWS, min(MOST_PRODUCTS / max(1, products), MOST_FEATURES / widest))))
    for kind, values in inputs(count, 3 if network.in_features is None else network.in_features).items():
        x = values.astype(network.dtype or np.float32)
        with np.errstate(all="ignore"):
            y, expected, bound = network(x), exact(network, x), error_bound(network, x)
            error = np.abs(y - expected).astype(np.float64)
        finite = np.isfinite(y) & np.isfinite(expected) & np.isfinite(bound)  # the bound holds where nothing overflows
        # Chains that overflow to both infinities meet in a NaN. Where the bound is small, none overflows.
        info = np.finfo(x.dtype)
        overflows = ~(bound < info.max * info.eps / 2)
        wrong = (finite & ~(error <= bound)) | (np.isnan(expected) & ~np.isnan(y))
        wrong |= np.isnan(y) & ~np.isnan(expected) & ~overflows
        error = error[finite]
        share = np.divide(error, bound[finite], out=np.zeros_like(error), where=bound[finite] > 0)
        rows.append(
            {
                "inputs": kind,
                "outputs": y.size,
                "not_finite": int((~finite).sum()),
                "outside": int(wrong.sum()),
                "largest_error": float(error.max(initial=0)),
                "largest_share_of_bound": float(share.max(initial=0)),
            }
        )
    return rows


def run_promises(args: argparse.Namespace) -> int:
    """Every promise in turn, and what came of it; its exit code."""
    from ..bench.report import header, machine
    from ..selfcheck import promises
    from ..selfcheck.outcome import as_dict

    chosen = promises(args.only)
    if not chosen:
        raise ValueError(f"--only: no promise contains {args.only!r}")
    rows, failed = [], 0
    if not args.json:
        print(header(machine()) + f"\n\n{'promise':46} {'tried':>11} {'failed':>7} {'seconds':>8}", flush=True)
    for promise in chosen:
        start = time.perf_counter()
        outcome = promise.run(1.0 if args.full else promise.quick)
        seconds = time.perf_counter() - start
        failed += outcome.failed
        rows.append({"promise": promise.name, "seconds": round(seconds, 1), **as_dict(outcome)})
        if not args.json:
            print(
                f"{promise.name:46} {outcome.tried:11,} {outcome.failed:7,} {seconds:8.1f}  {outcome.note}", flush=True
            )
            for example in outcome.examples:
                print(f"    {example}")
    if args.json:
        print(json.dumps({"full": args.full, "promises": rows}, indent=1))
    else:
        print("every promise held" if failed == 0 else f"{failed:,} cases failed")
    return 1 if failed else 0


def run(args: argparse.Namespace) -> int:
    """The command; its exit code."""
    if args.itself and args.architecture is not None:
        raise ValueError("--architecture: expected a FILE of bare weights beside it, not --self")
    if args.itself:
        return run_promises(args)
    if args.full or args.only:
        raise ValueError("--full, --only: expected --self beside them, not a file")
    network, notes = model.read(args.file, args.architecture)
    rows = measure(network)
    outside = sum(row["outside"] for row in rows)
    if args.json:
        print(json.dumps({"file": args.file, "hash": content_hash(network), "notes": notes, "rows": rows}, indent=1))
    else:
        print(printable(f"{args.file}: sha256 {content_hash(network)}"))
        if args.architecture is None:
            print("\n".join(notes) or "it answers its test input as it did when it was saved")
        print(f"\n{'':16} {'outputs':>8} {'not finite':>11} {'outside':>8} {'largest error':>14} {'of its bound':>13}")
        for row in rows:
            print(
                f"{row['inputs']:16} {row['outputs']:8} {row['not_finite']:11} {row['outside']:8} "
                f"{row['largest_error']:14.3g} {row['largest_share_of_bound']:13.1%}"
            )
    return 1 if outside else 0
