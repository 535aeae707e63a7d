"""A process for one contestant: it builds what it is told to and times it when it is its turn."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
import timeit
from dataclasses import dataclass
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from .contestants import Call, UnsupportedError, build
from .steps import Array
from .workload import CHECKED_ROWS, Workload

# Read by the libraries when they are loaded, so they are set before the process starts.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "FORWARDPASS_NUM_THREADS",
)
# What else is set. A contestant that is ended leaves semaphores, and Python would say so when it has removed them.
QUIET = {"PYTHONWARNINGS": "ignore:resource_tracker"}

PR_SET_PDEATHSIG = 1  # of linux/prctl.h
# What is timed is a loop of calls, so others come before them, at least one, for so many seconds: so long a thread
# takes to wake on a virtual machine, in one case of ten.
WARMING = 3e-3
# In a paced loop, seconds: a sleep on a virtual machine ends about so much late.
AWAKE_BEFORE = 2e-4


@dataclass
class Skipped:
    """Why a contestant does not run."""

    reason: str


class Worker:
    """The parent's end of the process."""

    def __init__(self, contestant: str, threads: int) -> None:
        self.contestant = contestant
        self.connection, theirs = get_context("spawn").Pipe()
        self.process = get_context("spawn").Process(target=_serve, args=(theirs, contestant, threads), daemon=True)
        before = {name: os.environ.get(name) for name in (*THREAD_VARIABLES, *QUIET, "XLA_FLAGS")}
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)) | QUIET)
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=" + ("true" if threads > 1 else "false")
        resource_tracker.ensure_running()  # now, as Python unblocks the signal below where it starts that process
        # Ctrl-C reaches all processes of a terminal, and each would show where it was. The parent ends them.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            self.process.start()
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
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
        """Ask and wait for the answer, awake only so long."""
        self.signal(signal.SIGCONT)
        self.send(method, *arguments)
        answer = self.receive()
        self.signal(signal.SIGSTOP)
        return answer

    def signal(self, number: int) -> None:
        """Stop or continue the process: an idle pool of OpenBLAS spins for 100 ms after a call, some never end."""
        if self.process.is_alive() and self.process.pid is not None:
            os.kill(self.process.pid, number)

    def close(self) -> None:
        """End the process, which may be stopped."""
        self.connection.close()
        self.process.kill()
        self.process.join()


class _Server:
    def __init__(self, contestant: str, threads: int) -> None:
        self.contestant, self.threads = contestant, threads
        self.call: Call | None = None
        self.timer: timeit.Timer | None = None
        self.repeats = 1
        self.warming = 1

    def load(self, workload: Workload) -> Array | Skipped:
        """Build it; its first rows, to be checked."""
        self.call = self.timer = None
        try:
            self.call = build(self.contestant, workload, self.threads)
            # Made once: it compiles, and meanwhile a helper of ours would fall asleep.
            self.timer = timeit.Timer(self.call.expression, globals=self.call.names)
            y = self.first_rows(workload.rows)
        except ImportError as error:
            return Skipped(f"not installed ({error.name or error})")
        except UnsupportedError as error:
            return Skipped(str(error))
        return y

    def first_rows(self, rows: int) -> Array:
        """Of what a call gives now."""
        assert self.call is not None
        return np.array(self.call()).reshape(rows, -1)[:CHECKED_ROWS]

    def calibrate(self, seconds: float) -> float:
        """Find how many calls take that long; seconds of one call."""
        repeats = 1
        self.timed(repeats)  # others have had the caches since it was loaded
        while (taken := self.timed(repeats)) < seconds / 4:
            repeats *= 2
        self.repeats = max(1, round(repeats * seconds / taken))
        self.warming = max(1, round(repeats * WARMING / taken))
        return taken / repeats

    def time(self) -> float:
        """Seconds of one call, now."""
        self.timed(self.warming)  # wakes caches, clocks and threads
        return self.timed(self.repeats) / self.repeats

    def timed(self, repeats: int) -> float:
        """Seconds of so many calls, in a loop of the expression itself: no function around it."""
        assert self.timer is not None
        return self.timer.timeit(repeats)

    def pace(self, rate: float, seconds: float) -> tuple[list[float], list[float], float]:
        """At a fixed rate: from when calls were due to when they ended; the calls alone; CPU of a second's sleep.

        As a control loop does, it sleeps until shortly before its time and is awake when that comes.
        """
        self.timed(100)
        period = 1 / rate
        latencies: list[float] = []
        calls: list[float] = []
        slept = used = 0.0
        start = time.perf_counter()
        for i in range(int(seconds * rate)):
            due = start + i * period
            if (wait := due - AWAKE_BEFORE - time.perf_counter()) > 0:
                before = time.process_time()
                time.sleep(wait)
                used += time.process_time() - before
                slept += wait
            while (begin := time.perf_counter()) < due:
                pass
            calls.append(self.timed(1))
            latencies.append(begin - due + calls[-1])
        return latencies, calls, used / max(slept, 1e-9)


def _serve(connection: Connection, contestant: str, threads: int) -> None:
    with contextlib.suppress(OSError, AttributeError):  # Linux: a stopped process would outlive a parent that is killed
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    for stream in (1, 2):  # what peers print would tear the progress bar, and --json's output
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    if hasattr(os, "sched_setaffinity"):  # the only limit that JAX keeps to
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])
    server = _Server(contestant, threads)
    while True:
        try:
            method, arguments = connection.recv()
        except (EOFError, KeyboardInterrupt):
            return
        try:
            answer = getattr(server, method)(*arguments)
        except Exception as error:  # a peer's fault is a line of the report, not the end of the run
            answer = Skipped(f"{type(error).__name__}: {str(error)[:100]}")
        connection.send(answer)
