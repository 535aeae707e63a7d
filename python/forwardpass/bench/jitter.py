"""A paced loop, as a controller runs it: how late one row's answer can be, and what waiting costs."""

from __future__ import annotations

import re

import numpy as np

from .engine import Engine
from .worker import Skipped
from .workload import SpecError, Workload

SECONDS = 3.0
PERCENTILES = (50, 99, 99.9, 100)


def parse_rate(text: str) -> float:
    """Calls a second of `1000Hz`, `2.5kHz` or `1000`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(k?Hz)?", text, re.IGNORECASE)
    rate = float(match[1]) * (1000 if (match[2] or "").lower() == "khz" else 1) if match else 0
    if not 1 <= rate <= 100_000:
        raise SpecError(f"--jitter {text}: expected a rate from 1Hz to 100kHz, like 1000Hz")
    return rate


def print_jitter(engine: Engine, workload: Workload, rate: float, seconds: float = SECONDS) -> None:
    """Latencies of every contestant in turn, each alone: from when a call was due, and of the call itself."""
    ready, skipped = engine.load(workload)
    print(f"\n{workload.net}, one row at {rate:g} Hz for {seconds:g} s, {engine.threads} thread(s), us")
    spans = " ".join(f"{f'p{value:g}':>8}" if value < 100 else f"{'max':>8}" for value in PERCENTILES)
    print(f"  {'':18} {'from when it was due':35} {'the call alone':35}")
    print(f"  {'':18} {spans} {spans} {'missed':>7} {'CPU while idle':>15}")
    for worker in ready:
        answer = worker.ask("pace", rate, seconds)
        if isinstance(answer, Skipped):
            print(f"  {worker.contestant:18} skipped: {answer.reason}")
            continue
        latencies, calls, idle = answer
        times = [*np.percentile(latencies, PERCENTILES), *np.percentile(calls, PERCENTILES)]
        shown = " ".join(f"{value * 1e6:8.2f}" for value in times)
        missed = int((np.array(latencies) > 1 / rate).sum())
        print(f"  {worker.contestant:18} {shown} {missed:7} {idle:15.1%}", flush=True)
    for result in skipped:
        print(f"  {result.contestant:18} skipped: {result.skipped}")
