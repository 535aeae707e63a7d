"""The promises hold here, and each check of one fails where it is broken."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import forwardpass as fp
from forwardpass import _core
from forwardpass.selfcheck import PROMISES, accuracy, changes, extremes, faults, golden, layouts, promises, sums
from forwardpass.selfcheck.outcome import Outcome, in_a_process, same_bits
from tests.support import Array

BY_NAME = {promise.function: promise for promise in PROMISES}


@pytest.mark.parametrize("function", BY_NAME)
def test_promises_hold(function: str) -> None:
    promise = BY_NAME[function]
    outcome = promise.run(promise.quick / 10)
    assert outcome.tried > 0
    assert outcome.failed == 0, outcome.examples


class OffByOne(fp.Linear):
    """A Linear whose first output is one unit off in batches, and right alone."""

    def __call__(self, x: Any, **options: Any) -> Any:
        y = super().__call__(x, **options)
        if y.ndim == 2 and y.size and options.get("num_threads") != 1:
            y[0, 0] = np.nextafter(y[0, 0], np.inf)
        return y


def chained(*layers: fp.Module) -> Callable[..., Any]:
    """A Sequential that calls its layers from Python."""

    def call(x: Any, out: Array | None = None, **options: Any) -> Any:
        for layer in layers:
            x = layer(x, **options)
        if out is None:
            return x
        out[...] = x
        return out

    return call


def broken_linear(monkeypatch: pytest.MonkeyPatch, module: Any) -> None:
    class Layers:
        Linear = OffByOne

        def __getattr__(self, name: str) -> Any:
            return chained if name == "Sequential" else getattr(fp, name)

    monkeypatch.setattr(module, "nn", Layers())


def plant_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sums, "error_bound", lambda layer, x: 1e-3 * fp.error_bound(layer, x))


def plant_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    broken_linear(monkeypatch, sums)


def plant_golden(monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = golden.golden() ^ np.uint64(1)
    monkeypatch.setattr(golden, "golden", lambda: hashes)


def plant_layouts(monkeypatch: pytest.MonkeyPatch) -> None:
    broken_linear(monkeypatch, layouts)


def plant_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    state = {"calls": 0}

    def sometimes(a: Array, b: Array) -> bool:
        state["calls"] += 1
        return same_bits(a, b) and state["calls"] % 7 != 0

    monkeypatch.setattr("forwardpass.selfcheck.surroundings.same_bits", sometimes)


def plant_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    def linear(*_: Any) -> Any:
        raise ValueError("something is wrong")

    monkeypatch.setattr(_core, "linear", linear)


def plant_extremes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extremes, "error_bound", lambda network, x: fp.error_bound(network, x) / 8)


def plant_accuracy(monkeypatch: pytest.MonkeyPatch) -> None:
    rms = accuracy.rms
    state = {"calls": 0}

    def worse(y: Array, exact: Array) -> float:
        state["calls"] += 1
        return rms(y, exact) * (2 if state["calls"] % 4 == 1 else 1)

    monkeypatch.setattr(accuracy, "rms", worse)


@pytest.mark.parametrize(
    ("function", "plant"),
    [
        ("inside_the_bound", plant_bound),
        ("bounds_at_extremes", plant_extremes),
        ("whole_numbers", plant_sums),
        ("rows_alone", plant_sums),
        ("thread_counts", plant_sums),
        ("golden_file", plant_golden),
        ("layouts", plant_layouts),
        ("float_environment", plant_surroundings),
        ("shared_network", plant_surroundings),
        ("bad_calls", plant_messages),
        ("against_numpy", plant_accuracy),
    ],
)
def test_a_broken_promise_is_seen(
    function: str, plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    outcome = BY_NAME[function].run(BY_NAME[function].quick / 4)
    assert outcome.failed > 0
    assert outcome.examples or function == "shared_network"


def test_special_values_that_differ_are_seen() -> None:
    outcome = Outcome()
    x, w, b = np.ones((1, 2)), np.ones((1, 2)), np.array([np.nan])
    layouts.check_specials(outcome, [x, w, b], "")
    assert outcome.failed == 0

    class NanLost(fp.Linear):
        def __call__(self, x: Any, **options: Any) -> Any:
            return np.nan_to_num(super().__call__(x, **options))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("forwardpass.nn.Linear", NanLost)
        layouts.check_specials(outcome, [x, w, b], "")
    assert outcome.failed > 0


def test_a_touch_of_a_guarded_page_is_seen() -> None:
    code = (
        "from forwardpass.selfcheck.surroundings import _Guarded; import numpy as np, ctypes;"
        "a = _Guarded(4096).place(np.ones(8), {right}); ctypes.memmove(a.ctypes.data + {offset}, b'x', 1)"
    )
    for right, offset, dies in ((True, 63, False), (True, 64, True), (False, 0, False), (False, -1, True)):
        done = subprocess.run([sys.executable, "-c", code.format(right=right, offset=offset)], check=False)
        assert (done.returncode < 0) == dies


def test_another_result_of_arrays_that_change_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    broken_linear(monkeypatch, changes)
    assert changes.change_arrays(0.001).failed > 0


def test_small_files_that_grow_are_seen() -> None:
    code = (
        "from forwardpass import limits; from forwardpass.selfcheck import files;"
        "limits.SPARE = 2**40; outcome = files._try_files(len(files.KINDS)); print(outcome.failed, outcome.examples)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout.split()[0]) >= 5
    assert "MiB" in done.stdout


def test_crashes_and_hangs_are_failures() -> None:
    assert in_a_process("faults", "no_such_function", seconds=60).failed == 1
    assert "hung" in in_a_process("faults", "_interrupt", seconds=0.01).examples[0]


def test_the_command() -> None:
    command = [sys.executable, "-m", "forwardpass", "check", "--self", "--only", "golden", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 2  # it is called another thing
    command[6] = "instruction set"
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    (row,) = json.loads(done.stdout)["promises"]
    assert row["failed"] == 0 < row["tried"]
    assert promises("INSTRUCTION") == promises("instruction set")


def test_memory_that_grows_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = iter(range(0, 1 << 30, 2 << 20))
    monkeypatch.setattr(faults, "_resident", lambda: next(sizes))
    assert faults.count_growth(0.0).failed == 3
