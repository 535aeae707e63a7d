"""Times contestants against each other: one process each, in turns, the others stopped meanwhile."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .steps import Array
from .worker import Skipped, Worker
from .workload import Workload

ROUNDS, FEWEST_ROUNDS = 11, 3
# Rounds of long calls may take so much longer than was asked for before there are fewer of them.
PATIENCE = 10


@dataclass
class Result:
    """One contestant at one workload; seconds of one call, or the reason why there are none."""

    net: str
    rows: int
    dtype: str
    threads: int
    contestant: str
    seconds: float | None = None
    low: float | None = None
    high: float | None = None
    skipped: str | None = None
    error: float | None = None  # of the checked rows, at most, in units in the last place of their largest output


def check(y: Array, workload: Workload) -> str | None:
    """What is wrong with a contestant's first rows, or None."""
    expected, tolerance = workload.expected
    if y.shape != expected.shape:
        return f"wrong: expected shape {expected.shape}, got {y.shape}"
    if y.dtype != workload.dtype:
        return f"wrong: expected {workload.dtype}, got {y.dtype}"
    error = np.abs(y - expected)
    if not (error <= tolerance).all():
        return f"not {workload.dtype}-accurate: off by {np.nanmax(error):.2g}"
    return None


def error_of(y: Array, workload: Workload) -> float:
    """How wrong a contestant's first rows are, at most, in units in the last place of their largest output."""
    expected = workload.expected[0]
    unit = np.spacing(np.abs(expected).max().astype(workload.dtype))
    return float(np.abs(y - expected).max() / unit)


class Engine:
    """Contestants' processes at one number of threads; they live from one workload to the next."""

    def __init__(self, contestants: Iterable[str], threads: int) -> None:
        self.threads = threads
        self.workers = [Worker(contestant, threads) for contestant in contestants]

    def close(self) -> None:
        """End the processes."""
        for worker in self.workers:
            worker.close()

    def load(self, workload: Workload) -> tuple[list[Worker], list[Result]]:
        """Who is ready and right, and who is not, with the reason. A process that died is started again."""
        ready, skipped = [], []
        for i, worker in enumerate(self.workers):
            if not worker.process.is_alive():
                worker.close()
                self.workers[i] = Worker(worker.contestant, self.threads)
        for worker in self.workers:
            worker.signal(signal.SIGCONT)
            worker.send("load", workload)
        for worker in self.workers:
            answer = worker.receive()
            worker.signal(signal.SIGSTOP)
            reason = answer.reason if isinstance(answer, Skipped) else check(answer, workload)
            if reason is None:
                ready.append(worker)
            else:
                skipped.append(self.result(workload, worker, skipped=reason))
        return ready, skipped

    def result(self, workload: Workload, worker: Worker, **values: Any) -> Result:
        """Of this engine."""
        return Result(workload.net, workload.rows, workload.dtype, self.threads, worker.contestant, **values)

    def measure(self, workload: Workload, seconds: float, tick: Callable[[str], None]) -> list[Result]:
        """All contestants in turns, `seconds` of timed calls in all; medians and quartiles over the rounds."""
        tick(": preparing")
        ready, results = self.load(workload)
        times: dict[str, list[float]] = {worker.contestant: [] for worker in ready}
        share = seconds / ROUNDS / max(1, len(ready))
        longest = 0.0  # round, in seconds
        for worker in list(ready):
            answer = self._ask(worker, workload, ready, results, "calibrate", share)
            longest += 0 if isinstance(answer, Skipped) else max(share, answer)
        rounds = min(ROUNDS, max(FEWEST_ROUNDS, round(PATIENCE * seconds / max(longest, 1e-9))))
        for round_number in range(rounds):
            tick(f": round {round_number + 1} of {rounds}")
            for worker in list(ready):
                times[worker.contestant].append(self._ask(worker, workload, ready, results, "time"))
        errors: dict[str, float] = {}
        for worker in list(ready):
            # Once more at the end: one that lost its input meanwhile was timed at something else.
            y = self._ask(worker, workload, ready, results, "first_rows", workload.rows)
            if not isinstance(y, Skipped) and (reason := check(y, workload)) is not None:
                ready.remove(worker)
                results.append(self.result(workload, worker, skipped=reason))
            elif not isinstance(y, Skipped):
                errors[worker.contestant] = error_of(y, workload)
        for worker in ready:
            low, median, high = (float(q) for q in np.quantile(times[worker.contestant], (0.25, 0.5, 0.75)))
            found = {"seconds": median, "low": low, "high": high, "error": errors[worker.contestant]}
            results.append(self.result(workload, worker, **found))
        return results

    def _ask(
        self, worker: Worker, workload: Workload, ready: list[Worker], results: list[Result], *question: Any
    ) -> Any:
        """The worker's answer; one that failed or died is no longer ready, and the results say why."""
        answer = worker.ask(*question)
        if isinstance(answer, Skipped):
            ready.remove(worker)
            results.append(self.result(workload, worker, skipped=answer.reason))
        return answer
