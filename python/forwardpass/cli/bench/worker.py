"""A process for one contestant: it builds what it is told to and times it when it is its turn."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from .contestants import UnsupportedError, build
from .workload import CHECKED_ROWS, Array, Workload

# Read by the libraries when they are loaded, so they are set before the process starts.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "FORWARDPASS_NUM_THREADS",
)
# An idle pool of OpenBLAS spins for 100 ms after a call and slows its neighbours; some never stop.
QUIET_SECONDS = 0.3


@dataclass
class Skipped:
    """Why a contestant does not run."""

    reason: str


class Worker:
    """The parent's end of the process."""

    def __init__(self, contestant: str, threads: int) -> None:
        before = {name: os.environ.get(name) for name in (*THREAD_VARIABLES, "XLA_FLAGS")}
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=" + ("true" if threads > 1 else "false")
        self.contestant = contestant
        self.connection, theirs = get_context("spawn").Pipe()
        self.process = get_context("spawn").Process(target=_serve, args=(theirs, contestant, threads), daemon=True)
        try:
            self.process.start()
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
        theirs.close()

    def send(self, method: str, *arguments: Any) -> None:
        """Ask for something; `receive` gives the answer."""
        with contextlib.suppress(OSError):  # of a process that has died; receive() says so
            self.connection.send((method, arguments))

    def receive(self) -> Any:
        """The answer, or Skipped if the process has died."""
        try:
            return self.connection.recv()
        except (EOFError, OSError):
            self.process.join(5)
            return Skipped(f"its process ended with code {self.process.exitcode}")

    def ask(self, method: str, *arguments: Any) -> Any:
        """Ask and wait for the answer."""
        self.send(method, *arguments)
        return self.receive()

    def close(self) -> None:
        """End the process."""
        self.connection.close()
        self.process.join(2)
        if self.process.is_alive():
            self.process.kill()


class _Server:
    def __init__(self, contestant: str, threads: int) -> None:
        self.contestant, self.threads = contestant, threads
        self.run: Callable[[], Array] | None = None
        self.repeats = 1

    def load(self, workload: Workload) -> Array | Skipped:
        """Build it; its first rows, to be checked."""
        self.run = None
        try:
            self.run = build(self.contestant, workload, self.threads)
            y = np.array(self.run()).reshape(workload.rows, -1)[:CHECKED_ROWS]
        except ImportError as error:
            return Skipped(f"not installed ({error.name or error})")
        except UnsupportedError as error:
            return Skipped(str(error))
        except Exception as error:  # a peer's fault is a line of the report, not the end of the run
            return Skipped(f"{type(error).__name__}: {str(error)[:100]}")
        return y

    def calibrate(self, seconds: float) -> float:
        """Find how many calls take that long; seconds of one call."""
        assert self.run is not None
        repeats = 1
        while (taken := _timed(self.run, repeats)) < seconds / 4:
            repeats *= 2
        self.repeats = max(1, round(repeats * seconds / taken))
        self.quieten()
        return taken / repeats

    def time(self) -> float:
        """Seconds of one call, now; answers when this process has become idle."""
        assert self.run is not None
        _timed(self.run, max(1, self.repeats // 10))  # wakes caches, clocks and threads
        seconds = _timed(self.run, self.repeats) / self.repeats
        self.quieten()
        return seconds

    def quieten(self) -> None:
        """Wait until no thread of this process runs any more, for a while at most."""
        deadline = time.perf_counter() + QUIET_SECONDS
        while time.perf_counter() < deadline:
            used = time.process_time()
            time.sleep(0.001)
            if time.process_time() - used < 0.0003:
                return

    def pace(self, rate: float, seconds: float) -> tuple[list[float], float]:
        """Latencies of calls at a fixed rate, and CPU seconds used between them for each second."""
        assert self.run is not None
        for _ in range(100):
            self.run()
        period = 1 / rate
        latencies: list[float] = []
        cpu_in_calls = 0.0
        cpu_start, start = time.process_time(), time.perf_counter()
        for i in range(int(seconds * rate)):
            wait = start + i * period - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            cpu, begin = time.process_time(), time.perf_counter()
            self.run()
            latencies.append(time.perf_counter() - begin)
            cpu_in_calls += time.process_time() - cpu
        elapsed = time.perf_counter() - start
        return latencies, (time.process_time() - cpu_start - cpu_in_calls) / elapsed


def _timed(run: Callable[[], Array], repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        run()
    return time.perf_counter() - start


def _serve(connection: Connection, contestant: str, threads: int) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # peers' warnings would tear the progress bar
    if hasattr(os, "sched_setaffinity"):  # the only limit that JAX keeps to
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])
    server = _Server(contestant, threads)
    while True:
        try:
            method, arguments = connection.recv()
        except (EOFError, KeyboardInterrupt):
            return
        connection.send(getattr(server, method)(*arguments))
