"""Tables of results: this run's, and against an earlier one."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Iterable
from importlib import metadata
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from .. import _core
from .contestants import OURS
from .engine import Result
from .workload import SpecError

SCHEMA = 1
PACKAGES = (
    *("numpy", "scipy", "numba", "torch", "onnxruntime", "ai-edge-litert", "MNN", "tract", "openvino", "jax"),
    *("iree-base-compiler", "executorch", "scikit-learn", "ncnn", "mlpfile"),
)


def machine() -> dict[str, Any]:
    """CPU, instruction set, versions and command: what a table means nothing without."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        cpu = next((line.split(":")[1].strip() for line in info.read_text().splitlines() if "model name" in line), cpu)
    versions = {"forwardpass": _core.__version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    command = " ".join(["python", *sys.orig_argv[1:]])
    return {"cpu": cpu, "isa": _core.current_isa(), "versions": versions, "command": command}


def header(facts: dict[str, Any]) -> str:
    """The same in three lines."""
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    return f"{facts['cpu']}; {facts['isa']}\n{versions}\n`{facts['command']}`"


def microseconds(seconds: float | None) -> str:
    """Three digits, without an exponent below a million."""
    if seconds is None:
        return "-"
    us = seconds * 1e6
    return f"{us:.3g}" if us < 1000 else f"{us:.0f}"


def key(result: Result) -> tuple[str, int, str, int]:
    """What results of one row of the table share."""
    return result.net, result.rows, result.dtype, result.threads


def print_rows(results: Iterable[Result]) -> None:
    """One table for each workload, the fastest first; who was skipped and why."""
    for (net, rows, dtype, threads), group in groupby(results, key):
        members = list(group)
        timed = sorted((r for r in members if r.seconds is not None), key=lambda r: r.seconds or 0)
        ours = min((r.seconds for r in timed if r.contestant in OURS and r.seconds), default=None)
        print(f"\n{net}, {rows} row{'s' * (rows > 1)}, {dtype}, {threads} thread{'s' * (threads > 1)}", end="")
        print("; error in units in the last place of the largest output")
        for r in timed:
            ratio = f"{r.seconds / ours:6.2f}x" if ours and r.seconds else ""
            spread = f"({microseconds(r.low)} to {microseconds(r.high)})"
            error = "" if r.error is None else f"error {r.error:.2g}"
            print(f"  {r.contestant:18} {microseconds(r.seconds):>8} us  {spread:22} {ratio:8} {error}".rstrip())
        for r in members:
            if r.skipped is not None:
                print(f"  {r.contestant:18} skipped: {r.skipped}")


def dump(facts: dict[str, Any], results: list[Result]) -> str:
    """What --json prints and --compare reads."""
    return json.dumps({"schema": SCHEMA, "machine": facts, "results": [r.to_json() for r in results]}, indent=1)


def read(path: str) -> list[Result]:
    """The results of an earlier --json."""
    try:
        content = json.loads(Path(path).read_text())
        if content["schema"] != SCHEMA:
            raise SpecError(f"--compare {path}: expected schema {SCHEMA}, got {content['schema']!r}")
        return [Result(**r) for r in content["results"]]
    except (OSError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise SpecError(f"--compare {path}: expected a file that --json wrote: {error!r}") from error


def print_comparison(old: list[Result], new: list[Result]) -> None:
    """Old time over new for what both have; `noise` where the quartiles overlap."""
    before = {(key(r), r.contestant): r for r in old if r.seconds}
    print("\nagainst the earlier run (above 1: faster now)")
    ratios = []
    for r in new:
        earlier = before.get((key(r), r.contestant))
        if earlier is None or not r.seconds or not earlier.seconds:
            continue
        overlap = (r.low or 0) <= (earlier.high or 0) and (earlier.low or 0) <= (r.high or 0)
        ratio = earlier.seconds / r.seconds
        name = f"{r.net}, {r.rows} rows, {r.dtype}, {r.threads} threads, {r.contestant}"
        print(f"  {ratio:6.2f}x  {'noise' if overlap else 'faster' if ratio > 1 else 'SLOWER':7} {name}")
        if r.contestant in OURS:
            ratios.append(ratio)
    if ratios:
        print(f"  {np.exp(np.mean(np.log(ratios))):6.2f}x  geometric mean of forwardpass's {len(ratios)}")
    else:
        print("  nothing in common")
