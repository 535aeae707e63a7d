"""A paced loop, as a controller runs it: how late one row's answer can be, and what waiting costs."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from .engine import Engine, Result
from .progress import Progress
from .worker import Skipped
from .workload import SpecError, Workload

PERCENTILES = {"p50": 50.0, "p99": 99.0, "p99.9": 99.9, "max": 100.0}
LEGEND = """\
A loop calls the network at a fixed rate, as a controller does, and sleeps between two calls. All times are in us.
from due to answer: how long after the moment when a call was due its answer was there. p99: 99 of 100 within it.
call alone: without the time that the loop itself came late.
missed: answers that came after the next call was due. CPU: of one core, while the loop slept; threads that spin."""
COLUMNS = " ".join(f"{name:>8}" for name in PERCENTILES)
HEADINGS = (
    f"  {'':18} {'from due to answer':^35} {'call alone':>22}\n  {'':18} {COLUMNS} {COLUMNS} {'missed':>7} {'CPU':>6}"
)


def parse_rate(text: str) -> float:
    """Calls a second of `1000Hz`, `2.5kHz` or `1000`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(k?Hz)?", text, re.IGNORECASE)
    rate = float(match[1]) * (1000 if (match[2] or "").lower() == "khz" else 1) if match else 0
    if not 1 <= rate <= 100_000:
        raise SpecError(f"--jitter {text}: expected a rate from 1Hz to 100kHz, like 1000Hz")
    return rate


def measure_jitter(
    engine: Engine, workload: Workload, rate: float, seconds: float, progress: Progress
) -> tuple[list[dict[str, Any]], list[Result]]:
    """Latencies in us of every contestant in turn, each alone; and who was skipped."""
    ready, skipped = engine.load(workload)
    found = []
    for worker in ready:
        progress(f": {worker.contestant}")
        answer = worker.ask("pace", rate, seconds)
        if isinstance(answer, Skipped):
            skipped.append(engine.result(workload, worker, skipped=answer.reason))
            continue
        latencies, calls, idle = answer
        found.append(
            {
                "net": workload.net,
                "dtype": workload.dtype,
                "threads": engine.threads,
                "rate": rate,
                "contestant": worker.contestant,
                "from_due_to_answer": percentiles(latencies),
                "call_alone": percentiles(calls),
                "calls": len(calls),
                "missed": int((np.array(latencies) > 1 / rate).sum()),
                "cpu_while_idle": idle,
            }
        )
    return found, skipped


def percentiles(seconds: list[float]) -> dict[str, float]:
    """In us, by their names."""
    return {name: float(np.percentile(seconds, p)) * 1e6 for name, p in PERCENTILES.items()}


def print_jitter(rows: list[dict[str, Any]], workload: Workload, rate: float, threads: int) -> None:
    """The table of one workload."""
    print(
        f"\n{workload.net}, one row at {rate:g} Hz, {workload.dtype}, {threads} thread{'s' * (threads > 1)}\n{HEADINGS}"
    )
    for row in rows:
        times = [*row["from_due_to_answer"].values(), *row["call_alone"].values()]
        shown = " ".join(f"{time:8.2f}" for time in times)
        print(f"  {row['contestant']:18} {shown} {row['missed']:7} {row['cpu_while_idle']:6.1%}")
