"""What the benchmarks share. Import it before NumPy: it keeps NumPy's BLAS to one thread."""

import os

os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"), "1"))

import argparse
import subprocess
import time
from collections.abc import Callable
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from forwardpass import _core
from forwardpass.bench.report import header, machine
from forwardpass.bench.timing import Timing

Array = NDArray[Any]
BURST_STEPS = 20_000
# Of one ceiling, in seconds: runs before it counts, so that every process has begun, and how long it then runs.
WARMING, MEASURING, FEWEST_RUNS = 5e-3, 10e-3, 5
# Less is read several times in one call, as a call from Python takes as long as 4 KB from the cache.
SMALLEST_READ = 1 << 16


def arguments(description: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each row of the table (default 2)")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    return parser.parse_args()


def print_machine() -> None:
    """CPU, versions, command and commit: what a table means nothing without."""
    print(f"{header(machine())}\ncommit {commit()}, one thread\n")


def fma_burst(dtype: str) -> Callable[[], object]:
    """A contestant that runs at the machine's FMA peak, 12 chains in registers."""
    return lambda: _core.fma_burst(dtype, BURST_STEPS)


def peak(dtype: str, burst: Timing) -> float:
    """Floating-point operations a second of fma_burst."""
    return _core.fma_burst(dtype, BURST_STEPS) / burst.median


def readers(nbytes: int, repeats: int = 1) -> dict[str, Callable[[], object]]:
    """Contestants that read as many bytes as a layer has weights: one for each number of streams."""
    data = np.ones(max(1, nbytes // 4), np.float32)
    return {f"read {streams}": partial(_core.read_sum, data, repeats, streams) for streams in _core.READ_STREAMS}


def reading(timings: dict[str, Timing]) -> float:
    """Seconds of the best of the readers."""
    return min(timing.median for name, timing in timings.items() if name.startswith("read "))


class Ceilings(NamedTuple):
    """What this machine can do at most, on the instruction set that forwardpass uses."""

    flops: float  # floating-point operations a second, in registers
    bytes: float  # read a second, from wherever that many bytes lie


def ceilings(dtype: str, nbytes: int) -> Ceilings:
    """Of one thread; medians, of the best number of streams."""
    repeats = max(1, -(-SMALLEST_READ // nbytes))
    flops = _core.fma_burst(dtype, BURST_STEPS) / median(fma_burst(dtype))
    return Ceilings(flops, repeats * nbytes / min(map(median, readers(nbytes, repeats).values())))


def median(call: Callable[[], object]) -> float:
    """Seconds of one call."""
    times: list[float] = []
    begin = time.perf_counter()
    while (start := time.perf_counter()) < begin + WARMING + MEASURING or len(times) < FEWEST_RUNS:
        call()
        if start >= begin + WARMING:
            times.append(time.perf_counter() - start)
    return float(np.median(times))


class CeilingsOfThreads:
    """The same of several threads at once: a process for each, as _core's loops keep the interpreter's lock."""

    def __init__(self, threads: int) -> None:
        cpus = sorted(os.sched_getaffinity(0))[-threads:] if hasattr(os, "sched_getaffinity") else []
        self.connections, self.processes = [], []
        for number in range(threads):
            ours, theirs = get_context("spawn").Pipe()
            arguments = theirs, cpus[number : number + 1]
            self.connections.append(ours)
            self.processes.append(get_context("spawn").Process(target=_serve, args=arguments, daemon=True))
            self.processes[-1].start()

    def measure(self, dtype: str, nbytes: int) -> Ceilings:
        """Of so many bytes in all, an equal part of them for each thread."""
        for connection in self.connections:
            connection.send((dtype, max(4, nbytes // len(self.connections))))
        each = [connection.recv() for connection in self.connections]
        return Ceilings(sum(one.flops for one in each), sum(one.bytes for one in each))

    def close(self) -> None:
        """End the processes."""
        for connection, process in zip(self.connections, self.processes, strict=True):
            connection.close()
            process.kill()
            process.join()


def _serve(connection: Connection, cpus: list[int]) -> None:
    if cpus:
        os.sched_setaffinity(0, cpus)
    while True:
        try:
            dtype, nbytes = connection.recv()
        except (EOFError, KeyboardInterrupt):
            return
        connection.send(ceilings(dtype, nbytes))


def commit() -> str:
    """Of the tree that this file lies in; `-dirty` where more than pages has been edited since."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(Path(__file__).resolve().parent), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        edited = git("status", "--porcelain", "--untracked-files=no", "--", ":/", ":(top,exclude)*.md")
        return git("rev-parse", "--short=12", "HEAD") + ("-dirty" if edited else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def microseconds(timing: Timing) -> str:
    low, median, high = (f"{t * 1e6:.3g}" for t in (timing.low, timing.median, timing.high))
    return f"{median} ({low} to {high})"
