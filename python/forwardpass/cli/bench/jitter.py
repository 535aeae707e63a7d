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
    """Latencies of every contestant in turn, each alone."""
    ready, skipped = engine.load(workload)
    print(f"\n{workload.net}, one row at {rate:g} Hz for {seconds:g} s, {engine.threads} thread(s), us")
    print(f"  {'':18} {'p50':>8} {'p99':>8} {'p99.9':>8} {'max':>8} {'missed':>7} {'CPU while idle':>15}")
    for worker in ready:
        answer = worker.ask("pace", rate, seconds)
        if isinstance(answer, Skipped):
            print(f"  {worker.contestant:18} skipped: {answer.reason}")
            continue
        latencies, idle = answer
        shown = " ".join(f"{value * 1e6:8.2f}" for value in np.percentile(latencies, PERCENTILES))
        missed = int((np.array(latencies) > 1 / rate).sum())
        print(f"  {worker.contestant:18} {shown} {missed:7} {idle:15.1%}", flush=True)
    for result in skipped:
        print(f"  {result.contestant:18} skipped: {result.skipped}")
