"""What the benchmarks share. Import it before NumPy: it keeps NumPy's BLAS to one thread."""

import os

os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"), "1"))

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forwardpass import _core
from forwardpass.cli.bench.report import header, machine
from forwardpass.cli.timing import Timing

Array = NDArray[Any]
BURST_STEPS = 20_000


def arguments(description: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each row of the table (default 2)")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    return parser.parse_args()


def print_machine() -> None:
    """CPU, versions and command: what a table means nothing without."""
    print(header(machine()) + "\none thread\n")


def fma_burst(dtype: str) -> Callable[[], object]:
    """A contestant that runs at the machine's FMA peak, 12 chains in registers."""
    return lambda: _core.fma_burst(dtype, BURST_STEPS)


def peak(dtype: str, burst: Timing) -> float:
    """Floating-point operations a second of fma_burst."""
    return _core.fma_burst(dtype, BURST_STEPS) / burst.median


def read_buffer(nbytes: int) -> Callable[[], object]:
    """A contestant that reads as many bytes as a layer has weights, from front to back, and sums them."""
    data = np.ones(nbytes // 4, np.float32)
    return lambda: _core.read_sum(data, 1)


def microseconds(timing: Timing) -> str:
    low, median, high = (f"{t * 1e6:.3g}" for t in (timing.low, timing.median, timing.high))
    return f"{median} ({low} to {high})"
