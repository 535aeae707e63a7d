"""Whole networks against NumPy by hand, from Python, one thread: the table of the README.

NumPy at its best practice: weights laid out as its BLAS likes them, every result preallocated.
Outputs are checked inside the error bound before anything is timed. The limit beside each row is
this machine's own, measured in the same rounds: for one row the time to read as many bytes as the
weights have, for a batch the FMA peak.
"""

from support import Array, arguments, fma_burst, microseconds, peak, print_machine, read_buffer  # isort: skip

from functools import partial
from itertools import pairwise

import numpy as np

import forwardpass as fp
from forwardpass.cli.timing import time_interleaved

NETWORKS = [
    ("4-2", 1),
    ("64-64", 1),
    ("17-64-64-6", 1),
    ("17-64-64-6", 8),
    ("17-64-64-6", 64),
    ("17-64-64-6", 1024),
    ("40-128-128-128-1", 1),
    ("40-128-128-128-1", 1024),
    ("256-256", 1),
    ("256-256", 256),
    ("784-512-256-10", 1),
    ("784-512-256-10", 64),
    ("784-512-256-10", 1024),
    ("1024-1024", 1),
    ("4096-4096", 1),
    ("10000-1", 1),
]


class ByHand:
    """The same network in NumPy, with preallocated buffers."""

    def __init__(self, net: fp.Sequential, rows: int) -> None:
        linears = [layer for layer in net if isinstance(layer, fp.Linear)]
        lead = () if rows == 1 else (rows,)
        self.weights = [linear.weight if rows == 1 else np.ascontiguousarray(linear.weight.T) for linear in linears]
        self.biases = [linear.state_dict()["bias"] for linear in linears]
        self.buffers = [np.empty((*lead, linear.out_features), linear.dtype) for linear in linears]
        self.one_row = rows == 1

    def __call__(self, x: Array) -> Array:
        last = len(self.weights) - 1
        for i, (weight, bias, y) in enumerate(zip(self.weights, self.biases, self.buffers, strict=True)):
            if self.one_row:
                np.dot(weight, x, out=y)
            else:
                np.dot(x, weight, out=y)
            np.add(y, bias, out=y)
            if i < last:
                np.maximum(y, 0, out=y)
            x = y
        return x


def network(widths: list[int], dtype: str) -> fp.Sequential:
    rng = np.random.default_rng(0)
    layers: list[fp.Module] = []
    for i, (inputs, outputs) in enumerate(pairwise(widths)):
        layers += [fp.ReLU()] if i else []
        layers.append(fp.Linear.random(inputs, outputs, dtype=dtype, rng=rng))
    return fp.Sequential(*layers)


def main() -> None:
    args = arguments(__doc__)
    print_machine()
    print("| network | rows | forwardpass, us | with `out=` | NumPy, us | times faster | of the limit |")
    print("|---|---|---|---|---|---|---|")
    for name, rows in NETWORKS:
        widths = [int(width) for width in name.split("-")]
        net = network(widths, args.dtype)
        x = np.random.default_rng(1).standard_normal((rows, widths[0])).astype(args.dtype)
        x = x[0] if rows == 1 else x
        numpy = ByHand(net, rows)
        out = net(x)
        # NumPy's own error has the bound of one plain chain: K / c times ours, at most 520.
        assert (np.abs(out - numpy(x)) <= 521 * fp.error_bound(net, x)).all()

        weights = sum(a * b for a, b in pairwise(widths))
        nbytes = weights * np.dtype(args.dtype).itemsize
        timings = time_interleaved(
            {
                "ours": partial(net, x),
                "out": partial(net, x, out=out),
                "numpy": partial(numpy, x),
                "read": read_buffer(nbytes),
                "burst": fma_burst(args.dtype),
            },
            args.seconds,
        )
        ours = timings["out"].median
        limit = timings["read"].median if rows == 1 else 2 * rows * weights / peak(args.dtype, timings["burst"])
        kind = "reading" if rows == 1 else "FMA"
        print(
            f"| {name} | {rows} | {microseconds(timings['ours'])} | {microseconds(timings['out'])} | "
            f"{microseconds(timings['numpy'])} | {timings['numpy'].median / timings['ours'].median:.2f} | "
            f"{limit / ours:.0%} of {kind} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
