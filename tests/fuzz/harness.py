"""What fuzzers of file formats share: each input is read in a process of its own, whose memory and time are limited.

A fuzzer makes inputs from a seed, and says what reads them. An input that crashes, hangs, takes more memory or time
than its tensors allow, or raises anything but a refusal, is a finding. It is saved under the seed and its number:

    python -m tests.fuzz.files --seconds 600 --seed 7     # saves what it finds in --folder
    python -m tests.fuzz.files --again 7-1234.npz         # reads one file as the fuzzer did
"""

from __future__ import annotations

import argparse
import os
import resource
import select
import signal
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from forwardpass.limits import SPARE, TIMES

# A second of the CPU, not of the clock: a busy machine makes nothing slower. The floor is for slow machines.
BYTES_IN_A_SECOND, LEAST_SECONDS = 64 << 20, 3.0
# Of the clock, until a process that sleeps counts as one that hangs.
HANGS = 60.0
# Address space beside what may be used: stacks and arenas of threads are reserved, and never touched.
RESERVED = 512 << 20
MOST_FINDINGS = 20


@dataclass(frozen=True)
class Input:
    """A file, and how many bytes of tensors are in it at most, once inflated."""

    content: bytes
    suffix: str
    tensors: int


@dataclass(frozen=True)
class Fuzzer:
    """What makes inputs, and what reads them.

    Attributes
    ----------
    good : sequence of Input
        Must be taken. They are read once before all others, so that what a reader imports counts for no input.
    generate : callable
        Makes the input of a generator of random numbers.
    read : callable
        Reads the file of a path.
    refusals : tuple of exception classes
        What it may raise.
    """

    good: Sequence[Input]
    generate: Callable[[np.random.Generator], Input]
    read: Callable[[Path], Any]
    refusals: tuple[type[BaseException], ...]


@dataclass(frozen=True)
class Attempt:
    """What came of one input."""

    taken: bool
    wrong: str  # or nothing
    memory: int  # bytes at the peak
    seconds: float  # of the CPU


def attempt(fuzzer: Fuzzer, made: Input, folder: Path) -> Attempt:
    """Read the input in a process of its own."""
    path = folder / f"input{made.suffix}"
    path.write_bytes(made.content)
    most = TIMES * made.tensors + SPARE
    most_seconds = max(LEAST_SECONDS, max(made.tensors, len(made.content)) / BYTES_IN_A_SECOND)
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reader)
        _read(fuzzer, path, most, most_seconds, writer)
    os.close(writer)
    said = _answer(reader, most_seconds)
    os.close(reader)
    hangs = said is None
    if hangs:
        os.kill(process, signal.SIGKILL)
    _, status, usage = os.wait4(process, 0)
    before, _, said = (said or "").partition("\n")
    memory, seconds = (usage.ru_maxrss << 10) - int(before or 0), usage.ru_utime + usage.ru_stime
    if hangs:
        wrong = "hung"
    elif not said:
        wrong = f"ended with {os.waitstatus_to_exitcode(status)}"
    elif memory > most:
        wrong = f"took {memory >> 20} MiB, and {made.tensors} bytes of tensors may take {most >> 20}"
    elif seconds > most_seconds:
        wrong = f"took {seconds:.1f} s, and may take {most_seconds:.1f}"
    else:
        wrong = said if said not in ("taken", "refused") else ""
    return Attempt(said == "taken", wrong, memory, seconds)


def _read(fuzzer: Fuzzer, path: Path, most: int, most_seconds: float, writer: int) -> None:
    """In the new process, which never returns."""
    said = "taken"
    os.write(writer, b"%d\n" % _pages(1))  # less than before the fork: pages of files are not there yet
    try:
        space = _pages(0) + most + RESERVED
        resource.setrlimit(resource.RLIMIT_AS, (space, space))
        seconds = int(2 * most_seconds) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        fuzzer.read(path)
    except fuzzer.refusals as error:
        # A claim that only this limit stopped would have taken the memory of another machine.
        said = "refused" if not isinstance(error.__cause__ or error.__context__, MemoryError) else "ran out of memory"
    except BaseException:
        said = traceback.format_exc()[-1500:]
    os.write(writer, said.encode(errors="replace"))
    os._exit(0)


def _answer(reader: int, most_seconds: float) -> str | None:
    """What the process says, nothing where it crashed, None where it hangs."""
    said = b""
    end = time.monotonic() + HANGS + 2 * most_seconds
    while True:
        ready, _, _ = select.select([reader], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            return None
        piece = os.read(reader, 4096)
        if not piece:
            return said.decode()
        said += piece


def _pages(column: int) -> int:
    """Bytes of address space (0) or resident (1)."""
    return int(Path("/proc/self/statm").read_text().split()[column]) * resource.getpagesize()


def run(fuzzer: Fuzzer, seed: int, seconds: float, inputs: int, kept: Path) -> int:
    """Print what came of it, and give the number of findings."""
    end, counts, findings, number = time.monotonic() + seconds, Counter[str](), 0, 0
    memory, slowest = 0, 0.0
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        folder = Path(name)
        for made in fuzzer.good:
            path = folder / f"good{made.suffix}"
            path.write_bytes(made.content)
            fuzzer.read(path)
        while number < inputs and time.monotonic() < end and findings < MOST_FINDINGS:
            made = fuzzer.generate(np.random.default_rng([seed, number]))
            came = attempt(fuzzer, made, folder)
            counts["taken" if came.taken else "refused"] += 1
            memory, slowest = max(memory, came.memory - TIMES * made.tensors), max(slowest, came.seconds)
            if came.wrong:
                findings += 1
                kept.mkdir(parents=True, exist_ok=True)
                saved = kept / f"{seed}-{number}{made.suffix}"
                saved.write_bytes(made.content)
                print(f"{saved} ({made.tensors} bytes of tensors): {came.wrong}", flush=True)
            number += 1
    print(
        f"seed {seed}: {number} inputs, {counts['taken']} taken, {counts['refused']} refused, {findings} findings; "
        f"at most {memory >> 20} MiB beside {TIMES} times the tensors, and {slowest:.2f} s"
    )
    return findings


def main(fuzzer: Fuzzer, arguments: Sequence[str] | None = None) -> int:
    """The command line of a fuzzer; the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="how long it runs (default 60)")
    parser.add_argument("--inputs", type=int, default=1 << 60, help="how many inputs it makes at most")
    parser.add_argument("--seed", type=int, default=0, help="the same seed makes the same inputs (default 0)")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "fuzz-found", help="for findings")
    parser.add_argument("--again", type=Path, metavar="FILE", help="read one saved file, in this process")
    options = parser.parse_args(arguments)
    if options.again is not None:
        try:
            print("taken:", fuzzer.read(options.again))
        except fuzzer.refusals as error:
            print("refused:", error)
        return 0
    return 1 if run(fuzzer, options.seed, options.seconds, options.inputs, options.folder) else 0
