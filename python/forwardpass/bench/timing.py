"""Timing on a noisy machine: contestants interleaved, medians with their spread."""

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np


class Timing(NamedTuple):
    """Seconds for one call: the median over the rounds, and the quartiles as its spread."""

    median: float
    low: float
    high: float


def time_interleaved(
    contestants: Mapping[str, Callable[[], object]], seconds: float = 1.0, rounds: int = 25
) -> dict[str, Timing]:
    """Time functions in turns, so that a slow moment of the machine meets them all alike.

    Parameters
    ----------
    contestants : mapping of names to functions without arguments
    seconds : float
        How long the whole may take, about.
    rounds : int
        In each one every contestant runs for the same time.

    Returns
    -------
    dict of names to Timing
    """
    share = seconds / rounds / len(contestants)
    repeats = {name: _repeats(function, share) for name, function in contestants.items()}
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, function in contestants.items():
            times[name].append(_run(function, repeats[name]) / repeats[name])
    return {name: _timing(values) for name, values in times.items()}


def _timing(values: list[float]) -> Timing:
    low, median, high = np.quantile(values, (0.25, 0.5, 0.75))
    return Timing(float(median), float(low), float(high))


def _run(function: Callable[[], object], repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        function()
    return time.perf_counter() - start


def _repeats(function: Callable[[], object], seconds: float) -> int:
    """How many calls take about `seconds`; warms the function up on the way."""
    repeats = 1
    while (taken := _run(function, repeats)) < seconds / 4:
        repeats *= 2
    return max(1, round(repeats * seconds / taken))
