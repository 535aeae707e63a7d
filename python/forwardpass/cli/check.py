"""`python -m forwardpass check FILE`: the network of a file answers as it did when saved, and within its bound."""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bound import error_bound
from ..files import content_hash, load
from ..nn import Module
from .exact import exact

# Rows of each kind; fewer where NumPy would take minutes for them in its longest float, 5e7 products a second.
ROWS, LEAST_ROWS, MOST_PRODUCTS = 256, 4, 1e8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("file", metavar="FILE", help="an .npz or .safetensors file")
    parser.add_argument("--architecture", help="of a file of bare weights, like 64-128-10:relu")
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
    count = int(min(ROWS, max(LEAST_ROWS, MOST_PRODUCTS / max(1, products))))
    for kind, values in inputs(count, 3 if network.in_features is None else network.in_features).items():
        x = values.astype(network.dtype or np.float32)
        with np.errstate(all="ignore"):
            y, expected, bound = network(x), exact(network, x), error_bound(network, x)
            error = np.abs(y - expected).astype(np.float64)
        finite = np.isfinite(y) & np.isfinite(expected) & np.isfinite(bound)  # the bound holds where nothing overflows
        wrong = (finite & ~(error <= bound)) | (np.isnan(y) != np.isnan(expected))
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


def run(args: argparse.Namespace) -> int:
    """The command; its exit code."""
    network = load(args.file, args.architecture)
    rows = measure(network)
    outside = sum(row["outside"] for row in rows)
    if args.json:
        print(json.dumps({"file": args.file, "hash": content_hash(network), "rows": rows}, indent=1))
    else:
        print(f"{args.file}: sha256 {content_hash(network)}")
        if args.architecture is None:
            print("it answers its test input as it did when it was saved, bit for bit")
        print(f"\n{'':16} {'outputs':>8} {'not finite':>11} {'outside':>8} {'largest error':>14} {'of its bound':>13}")
        for row in rows:
            print(
                f"{row['inputs']:16} {row['outputs']:8} {row['not_finite']:11} {row['outside']:8} "
                f"{row['largest_error']:14.3g} {row['largest_share_of_bound']:13.1%}"
            )
    return 1 if outside else 0
