"""The fuzzers run, and see what is wrong; for long runs see tests/fuzz."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import forwardpass as fp
from tests.fuzz import boundary, files


def test_random_calls() -> None:
    rng = np.random.default_rng(0)
    for _ in range(5000):
        boundary.one_input(rng.bytes(int(rng.integers(1, 200))))


def run(code: str) -> list[str]:
    """What Python code prints, in a process that has no threads to fork."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("module", ["files"])
def test_random_files(module: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", f"tests.fuzz.{module}", "--inputs", "60", "--folder", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    taken = re.search(r"60 inputs, (\d+) taken, (\d+) refused, 0 findings", done.stdout)
    assert taken is not None
    assert min(int(taken[1]), int(taken[2])) >= 5  # neither all of them right nor all wrong


def test_the_same_seed_makes_the_same_inputs() -> None:
    made = [files.generate(np.random.default_rng([3, i])) for i in range(8)]
    assert made == [files.generate(np.random.default_rng([3, i])) for i in range(8)]
    assert len({item.content for item in made}) == 8


def test_each_fault_of_a_reader_is_found(tmp_path: Path) -> None:
    """A crash, a sleep, too much memory, too much time, another exception, and a claim that only a limit stops."""
    code = f"""
import ctypes, sys, time
from pathlib import Path
import numpy as np
from tests.fuzz import harness

harness.HANGS, harness.LEAST_SECONDS = 1.0, 0.3

def claims():
    try:
        np.ones(2**40)
    except MemoryError as error:
        raise ValueError from error

def computes():
    end = time.process_time() + 0.5
    while time.process_time() < end:
        pass

def refuses():
    raise ValueError

def fails():
    raise KeyError("another")

kinds = [lambda: ctypes.string_at(0), lambda: time.sleep(60), lambda: np.ones(70 << 20, np.uint8),
         computes, fails, claims, refuses, lambda: None]
fuzzer = harness.Fuzzer([], lambda rng: None, lambda path: kinds[path.read_bytes()[0]](), (ValueError,))
for kind in range(len(kinds)):
    came = harness.attempt(fuzzer, harness.Input(bytes([kind]), ".x", 0), Path({str(tmp_path)!r}))
    print(came.wrong.strip().splitlines()[-1] if came.wrong else came.taken)
"""
    crash, sleep, memory, seconds, exception, claim, refused, taken = run(code)
    assert crash == "ended with -11"
    assert sleep == "hung"
    assert memory.endswith("and 0 bytes of tensors may take 64")
    assert seconds.startswith("took 0.")
    assert exception == "KeyError: 'another'"
    assert claim == "ran out of memory"
    assert (refused, taken) == ("False", "True")


def test_a_wrong_result_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    right, bound = fp.Linear, fp.error_bound

    class Wrong(fp.Linear):
        def __call__(self, x: Any, **options: Any) -> Any:
            return super().__call__(x, **options) + 1

    monkeypatch.setattr(fp, "Linear", Wrong)
    monkeypatch.setattr(fp, "error_bound", lambda layer, x: bound(right(layer.weight, layer.bias), x))
    with pytest.raises(AssertionError):
        test_random_calls()


def test_another_exception_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise SystemError("error return without exception set")

    monkeypatch.setattr(fp, "relu", broken)
    with pytest.raises(SystemError):
        test_random_calls()
