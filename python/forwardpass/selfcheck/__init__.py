"""The promises of docs/numerics.md, tried on this machine: `python -m forwardpass check --self`, and the tests.

A function tries each promise in many cases and counts the failures in an Outcome. Its argument is the share of all
cases to try; 1 stands for all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .outcome import Outcome

__all__ = ["PROMISES", "Outcome", "Promise", "promises"]


@dataclass(frozen=True)
class Promise:
    """A promise, and the function that tries it."""

    name: str
    module: str
    function: str
    quick: float  # the share of all cases that takes a few seconds

    def run(self, share: float) -> Outcome:
        """Try the promise with that share of all cases."""
        from importlib import import_module

        tried: Callable[[float], Outcome] = getattr(import_module(f".{self.module}", __name__), self.function)
        return tried(share)


PROMISES = [
    Promise("every output inside the bound", "sums", "inside_the_bound", 0.01),
    Promise("the bound of every layer at extremes", "extremes", "bounds_at_extremes", 0.04),
    Promise("exact on whole numbers", "sums", "whole_numbers", 0.02),
    Promise("a row alone is the row in any batch", "sums", "rows_alone", 0.02),
    Promise("any number of threads", "sums", "thread_counts", 0.2),
    Promise("any instruction set, compiler, optimisation", "sums", "golden_file", 0.2),
    Promise("any layout, alignment, out=, fused or not", "layouts", "layouts", 0.03),
    Promise("NaN and infinity as NumPy", "layouts", "specials", 0.2),
    Promise("whatever the caller's rounding mode", "surroundings", "float_environment", 0.2),
    Promise("nothing outside the arrays is touched", "surroundings", "guarded_pages", 0.01),
    Promise("threads share a network", "surroundings", "shared_network", 0.01),
    Promise("forked processes work", "surroundings", "forks", 0.03),
    Promise("bad input gets an error that names it", "faults", "bad_calls", 0.05),
    Promise("what was checked is what is used", "changes", "changing_arrays", 0.02),
    Promise("memory that fails, memory that stays", "faults", "memory", 0.02),
    Promise("Ctrl-C ends a long call", "faults", "interrupts", 1.0),
    Promise("small model files stay small", "files", "small_files", 0.1),
    Promise("as accurate as NumPy", "accuracy", "against_numpy", 0.1),
]


def promises(pattern: str = "") -> list[Promise]:
    """The promises whose names contain the text."""
    return [promise for promise in PROMISES if pattern.lower() in promise.name.lower()]
