"""`python -m forwardpass check FILE`: the network of a file answers as it did when saved, and within its bound."""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bound import error_bound, layers_of
from ..files import content_hash, load
from ..nn import Linear, Module

ROWS = 256


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("file", metavar="FILE", help="an .npz or .safetensors file")
    parser.add_argument("--architecture", help="of a file of bare weights, like 64-128-10:relu")
    parser.add_argument("--json", action="store_true", help="the table as JSON")


def inputs(width: int) -> dict[str, NDArray[np.float64]]:
    """Random rows of several kinds."""
    rng = np.random.default_rng(0)
    normal = rng.standard_normal((ROWS, width))
    return {
        "normal": normal,
        "all positive": np.abs(normal),
        "wide exponents": normal * 2.0 ** rng.integers(-30, 31, (ROWS, width)),
        "small integers": rng.integers(-8, 9, (ROWS, width)).astype(np.float64),
    }


def exact(network: Module, x: NDArray[Any]) -> NDArray[Any]:
    """The network in float64, or for one that is float64 itself in NumPy's longest float."""
    wide: Any = np.float64 if network.dtype == np.float32 else np.longdouble
    y: NDArray[Any] = x.astype(wide)
    for layer in layers_of(network):
        if isinstance(layer, Linear):
            y = y @ layer.weight.astype(wide).T
            if layer.bias is not None:
                y = y + layer.bias
        else:
            y = np.maximum(y, 0)
    return y


def measure(network: Module) -> list[dict[str, Any]]:
    """A row for each kind of input."""
    rows = []
    for kind, values in inputs(network.in_features or 3).items():
        x = values.astype(network.dtype or np.float32)
        error = np.abs(network(x) - exact(network, x)).astype(np.float64)
        bound = error_bound(network, x)
        share = np.divide(error, bound, out=np.zeros_like(bound), where=bound > 0)
        rows.append(
            {
                "inputs": kind,
                "outputs": error.size,
                "outside": int((error > bound).sum()),
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
        print(f"\n{'inputs':16} {'outputs':>8} {'outside':>8} {'largest error':>14} {'of its bound':>13}")
        for row in rows:
            print(
                f"{row['inputs']:16} {row['outputs']:8} {row['outside']:8} {row['largest_error']:14.3g} "
                f"{row['largest_share_of_bound']:13.1%}"
            )
    return 1 if outside else 0
