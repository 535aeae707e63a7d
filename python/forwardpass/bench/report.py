"""What is said of results: the machine, the file that --json writes, and how numbers are shown."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Iterable
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

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


def best_of_ours(results: Iterable[Result]) -> dict[tuple[str, int, str, int], float]:
    """The best time of forwardpass for each row of the table."""
    best: dict[tuple[str, int, str, int], float] = {}
    for r in results:
        if r.contestant in OURS and r.seconds:
            best[key(r)] = min(r.seconds, best.get(key(r), r.seconds))
    return best


def ratio(result: Result, best: dict[tuple[str, int, str, int], float]) -> float | None:
    """How many times the best of ours a contestant takes."""
    return result.seconds / best[key(result)] if result.seconds and key(result) in best else None


def dump(facts: dict[str, Any], results: list[Result], **more: Any) -> str:
    """What --json prints and --compare reads: what the tables have, and what else was found out."""
    best = best_of_ours(results)
    rows = [asdict(r) | {"ratio": ratio(r, best)} for r in results]
    return json.dumps({"schema": SCHEMA, "machine": facts, "results": rows, **more}, indent=1)


def read(path: str) -> list[Result]:
    """The results of an earlier --json. Raises SpecError for another file, and OSError."""
    try:
        content = json.loads(Path(path).read_text())
        if content["schema"] != SCHEMA:
            raise ValueError("another schema")
        return [Result(**{name: value for name, value in r.items() if name != "ratio"}) for r in content["results"]]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise SpecError(f"--compare {path}: expected a file that --json wrote") from error
