"""Whole networks against NumPy by hand, from Python, one thread.

NumPy at its best practice: weights laid out as its BLAS likes them, every result preallocated.
Outputs are checked inside the error bound before anything is timed. The limit beside each row is
this machine's own, measured in the same rounds: for one row the time to read as many bytes as the
weights have, for a batch the FMA peak.
"""

from support import arguments, fma_burst, microseconds, peak, print_machine, readers, reading  # isort: skip

from functools import partial

import numpy as np

import forwardpass as fp
from forwardpass.bench.contestants.by_hand import numpy_careful
from forwardpass.bench.timing import time_interleaved
from forwardpass.bench.workload import PLAIN_CHAIN, Workload

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


def main() -> None:
    args = arguments(__doc__)
    print_machine()
    print("| network | rows | forwardpass, us | with `out=` | NumPy, us | times faster | of the limit |")
    print("|---|---|---|---|---|---|---|")
    for name, rows in NETWORKS:
        workload = Workload(name, rows, args.dtype)
        net, x, numpy = workload.network(), workload.x, numpy_careful(workload, 1).names["run"]
        out = net(x)
        assert (np.abs(out - numpy()) <= PLAIN_CHAIN * fp.error_bound(net, x)).all()

        nbytes = workload.work * np.dtype(args.dtype).itemsize
        timings = time_interleaved(
            {
                "ours": partial(net, x),
                "out": partial(net, x, out=out),
                "numpy": numpy,
                **readers(nbytes),
                "burst": fma_burst(args.dtype),
            },
            args.seconds,
        )
        ours = timings["out"].median
        limit = reading(timings) if rows == 1 else 2 * rows * workload.work / peak(args.dtype, timings["burst"])
        kind = "reading" if rows == 1 else "FMA"
        print(
            f"| {name} | {rows} | {microseconds(timings['ours'])} | {microseconds(timings['out'])} | "
            f"{microseconds(timings['numpy'])} | {timings['numpy'].median / timings['ours'].median:.2f} | "
            f"{limit / ours:.0%} of {kind} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
