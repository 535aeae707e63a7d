"""Outcome, the result of trying a promise, and helpers that several promises need."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core

Array = NDArray[Any]
Float = type[np.float32] | type[np.float64]
DTYPES: tuple[Float, Float] = (np.float32, np.float64)


@dataclass
class Outcome:
    """How many cases were tried and failed, a note, and the first failures."""

    tried: int = 0
    failed: int = 0
    note: str = ""
    examples: list[str] = field(default_factory=list)  # of failures

    def check(self, right: bool, case: str, count: int = 1) -> None:
        """Count a case, or ``count`` cases that were compared at once. A failure counts as one."""
        self.tried += count
        if not right:
            self.failed += 1
            if len(self.examples) < 3:
                self.examples.append(case)


def same_bits(a: Array, b: Array) -> bool:
    """Whether shapes, dtypes and bits are equal. Any NaN equals any other."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    unsigned = f"u{a.dtype.itemsize}"
    equal = np.ascontiguousarray(a).view(unsigned) == np.ascontiguousarray(b).view(unsigned)
    return bool((equal | (np.isnan(a) & np.isnan(b))).all())


@contextmanager
def instruction_set(name: str) -> Iterator[None]:
    """In a ``with`` block, networks that are made run on this instruction set."""
    former = _core.current_isa()
    _core.choose_isa(name)
    try:
        yield
    finally:
        _core.choose_isa(former)


def every_isa() -> Iterator[str]:
    """The name of each instruction set of this machine, which is the current one until the next."""
    for name in _core.available_isas():
        with instruction_set(name):
            yield name


def amount(full: int, share: float, least: int = 1) -> int:
    """How many cases a share of the full amount is, ``least`` or more."""
    return max(least, round(full * share))


def in_a_process(module: str, function: str, *arguments: Any, seconds: float) -> Outcome:
    """The Outcome of a function that may crash or hang, and so runs in a process of its own."""
    code = (
        "import json, sys; from dataclasses import asdict; from importlib import import_module; "
        "module, function, arguments = json.loads(sys.argv[1]); "
        "print(json.dumps(asdict(getattr(import_module(module), function)(*arguments))))"
    )
    wanted = json.dumps([f"{__package__}.{module}", function, arguments])
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, wanted], capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return Outcome(1, 1, examples=[f"{function} hung for {seconds:.0f} s"])
    if done.returncode != 0:
        return Outcome(1, 1, examples=[f"{function} ended with {done.returncode}: {done.stderr[-300:]}"])
    return Outcome(**json.loads(done.stdout.splitlines()[-1]))


def as_dict(outcome: Outcome) -> dict[str, Any]:
    """The outcome as a dict, for JSON."""
    return asdict(outcome)
