"""Single layers and the functional calls against NumPy, one thread, and the row counts of a batch.

Each time stands beside this machine's own limit, measured in the same rounds: the FMA peak, and for
one row the time to read as many bytes as the weights have.
"""

from support import Array, arguments, fma_burst, microseconds, peak, print_machine, readers, reading  # isort: skip

from collections.abc import Callable
from functools import partial

import numpy as np

import forwardpass as fp
from forwardpass.bench.timing import time_interleaved

SHAPES = [(64, 64), (256, 256), (784, 512), (1024, 1024), (4096, 4096), (4096, 16), (16, 4096), (10000, 1)]
ROWS = [1, 2, 3, 4, 5, 6, 7, 8, 11, 16, 31, 32, 33, 64, 67, 256]


def functional_calls(
    inputs: int, outputs: int, dtype: str
) -> dict[str, tuple[Callable[[], Array], Callable[[], Array]]]:
    """Calls on weights that were never packed, and NumPy's equivalents, one row and 64."""
    rng = np.random.default_rng(0)
    w = rng.standard_normal((outputs, inputs)).astype(dtype)
    x, batch = rng.standard_normal(inputs).astype(dtype), rng.standard_normal((64, inputs)).astype(dtype)
    fortran = np.asfortranarray(w)
    return {
        "matvec, C order": (lambda: fp.matvec(w, x), lambda: w @ x),
        "matvec, Fortran order": (lambda: fp.matvec(fortran, x), lambda: fortran @ x),
        "linear, 64 rows": (lambda: fp.linear(batch, w), lambda: batch @ w.T),
        "dot": (lambda: fp.dot(w[0], x), lambda: np.dot(w[0], x)),
    }


def main() -> None:
    args = arguments(__doc__)
    print_machine()
    print("| call | weight | forwardpass, us | NumPy, us | times faster |\n|---|---|---|---|---|")
    for inputs, outputs in SHAPES:
        for name, (ours, numpy) in functional_calls(inputs, outputs, args.dtype).items():
            timings = time_interleaved({"ours": ours, "numpy": numpy}, args.seconds)
            ratio = timings["numpy"].median / timings["ours"].median
            print(
                f"| {name} | {outputs} x {inputs} | {microseconds(timings['ours'])} | "
                f"{microseconds(timings['numpy'])} | {ratio:.2f} |",
                flush=True,
            )

    print("\n| layer | rows | us for each row | of the limit |\n|---|---|---|---|")
    for inputs, outputs in SHAPES[:4]:
        layer = fp.Linear.random(inputs, outputs, dtype=args.dtype, rng=0)
        nbytes = inputs * outputs * np.dtype(args.dtype).itemsize
        contestants: dict[str, Callable[[], object]] = {**readers(nbytes), "burst": fma_burst(args.dtype)}
        for rows in ROWS:
            x = np.random.default_rng(1).standard_normal((rows, inputs)).astype(args.dtype)
            contestants[str(rows)] = partial(layer, x, out=layer(x))
        timings = time_interleaved(contestants, args.seconds * 4)
        flops = peak(args.dtype, timings["burst"])
        for rows in ROWS:
            median = timings[str(rows)].median
            limit = max(2 * rows * inputs * outputs / flops, reading(timings))
            print(f"| {inputs}-{outputs} | {rows} | {median / rows * 1e6:.3g} | {limit / median:.0%} |", flush=True)


if __name__ == "__main__":
    main()
