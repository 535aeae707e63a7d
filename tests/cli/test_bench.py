"""How `bench` times contestants: what it takes, whose answers it believes, and what it says of the others."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from forwardpass.bench import engine as engine_module
from forwardpass.bench.contestants import OURS, UnsupportedError, build
from forwardpass.bench.engine import Engine, Result, check, error_of
from forwardpass.bench.jitter import parse_rate
from forwardpass.bench.report import dump, read
from forwardpass.bench.workload import SpecError, Workload, multiplications, parse_net


def test_networks_are_parsed() -> None:
    assert Workload("64-256-256-8:relu", 1).ends == (64, 8)
    assert [len(bias) for _, bias in Workload("3-8x2-1", 1).layers] == [8, 8, 1]
    assert Workload("3-8x2-1", 5).nbytes == 4 * (24 + 8 + 64 + 8 + 8 + 1 + 5 * (3 + 1))
    assert multiplications("3-8x2-1") == Workload("3-8x2-1", 1).work == 3 * 8 + 8 * 8 + 8


@pytest.mark.parametrize("spec", ["", "4", "4-", "4-0", "4-2:tan", "a-b", "4--2", "99999999999-2"])
def test_bad_networks_are_refused(spec: str) -> None:
    with pytest.raises(SpecError, match="--net"):
        parse_net(spec)


@pytest.mark.parametrize(("text", "rate"), [("1000Hz", 1000), ("1.5kHz", 1500), ("50", 50)])
def test_rates(text: str, rate: float) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "0", "fast", "1e3Hz", "200kHz"])
def test_bad_rates_are_refused(text: str) -> None:
    with pytest.raises(SpecError, match="--jitter"):
        parse_rate(text)


def test_every_contestant_here_is_right() -> None:
    for net in ("5-7-3", "5-7x2-3:tanh"):
        for rows in (1, 9):
            workload = Workload(net, rows)
            for name in (*OURS, "NumPy", "NumPy out="):
                assert check(np.atleast_2d(build(name, workload, 1)()), workload) is None


def test_what_a_contestant_cannot_run_is_said() -> None:
    workload = Workload("8-[norm-16]x2-3:gelu:softmax", 4)
    assert check(build("forwardpass", workload, 1)(), workload) is None
    with pytest.raises(UnsupportedError, match="runs networks of Linear with ReLU or Tanh between"):
        build("NumPy out=", workload, 1)


# In a process of its own: peers warn, print, and keep threads. 77 says that one is not installed.
OF_TODAYS_X = """
import sys
import numpy as np
from forwardpass.bench.contestants import UnsupportedError, build
from forwardpass.bench.engine import check
from forwardpass.bench.workload import Workload

for net, rows in (("5-7-3", 1), ("5-7-3", 9), ("6-40-1", 17), ("64-4", 3), ("8-[16]x2-3:tanh:softmax", 3)):
    workload = Workload(net, rows)
    try:
        call = build(sys.argv[1], workload, 1)
    except ImportError:
        sys.exit(77)
    except UnsupportedError:
        assert "softmax" in net
        continue
    call()
    workload.x[...] *= -2  # what is expected is computed after it
    for _ in range(2):
        y = np.array(call()).reshape(rows, -1)[:16]
        assert check(y, workload) is None, (net, rows, check(y, workload))
"""


@pytest.mark.parametrize("name", ["NumPy out=", "LiteRT", "MNN", "tract", "IREE", "ExecuTorch"])
def test_a_peer_computes_from_todays_x(name: str) -> None:
    """What NumPy's array holds at the time of the call, not what it held when the network was built."""
    result = subprocess.run([sys.executable, "-c", OF_TODAYS_X, name], capture_output=True, text=True, timeout=120)
    if result.returncode == 77:
        pytest.skip(f"{name} is not installed")  # peers are optional: some have no wheel for some platforms
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("name", ["LiteRT", "MNN", "tract", "IREE", "ExecuTorch"])
def test_a_peer_of_one_dtype_says_so(name: str) -> None:
    with pytest.raises(UnsupportedError, match="float32 only"):
        build(name, Workload("4-2", 1, "float64"), 1)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="reads /proc")
def test_what_a_peer_prints_is_not_in_the_results() -> None:
    """MNN's converter prints to stdout, where --json writes."""
    with closing(Engine(["NumPy"], 1)) as engine:
        engine.load(Workload("4-2", 1))
        assert os.readlink(f"/proc/{engine.workers[0].process.pid}/fd/1") == os.devnull


def test_a_wrong_contestant_is_found() -> None:
    workload = Workload("5-7-3", 2)
    y = workload.expected[0].astype(np.float32)
    assert check(y, workload) is None
    assert error_of(y, workload) <= 0.5
    largest = y[np.unravel_index(np.abs(y).argmax(), y.shape)]
    assert error_of(np.where(y == largest, y + 4 * np.spacing(abs(largest)), y), workload) == pytest.approx(4, abs=0.5)
    assert "off by" in str(check(y + np.float32(1e-3), workload))
    assert "shape" in str(check(y[:1], workload))
    assert "float32" in str(check(y.astype(np.float64), workload))
    y[0, 0] = np.nan
    assert check(y, workload) is not None


def test_contestants_say_why_they_do_not_run() -> None:
    with pytest.raises(UnsupportedError, match="float32 only"):
        build("ncnn", Workload("4-2", 1, "float64"), 2)
    engine = Engine(["ncnn", "NumPy"], 2)
    try:
        ready, skipped = engine.load(Workload("4-2", 1, "float64"))
    finally:
        engine.close()
    assert [worker.contestant for worker in ready] == ["NumPy"]
    assert [r.skipped for r in skipped] == ["float32 only"]


def test_a_contestant_that_died_runs_the_next_workload() -> None:
    with closing(Engine(["NumPy"], 1)) as engine:
        process = engine.workers[0].process
        process.kill()
        process.join()
        (result,) = engine.measure(Workload("4-2", 3), 0.01, lambda _: None)
        assert result.skipped is None


def test_a_contestant_that_goes_wrong_meanwhile_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    reasons = iter([None, "wrong by then"])
    monkeypatch.setattr(engine_module, "check", lambda y, workload: next(reasons))
    with closing(Engine(["NumPy"], 1)) as engine:
        (result,) = engine.measure(Workload("4-2", 3), 0.01, lambda _: None)
    assert (result.skipped, result.seconds) == ("wrong by then", None)


def test_results_survive_a_file(tmp_path: Path) -> None:
    results = [Result("4-2", 1, "float32", 1, "NumPy", 1e-6, 0.9e-6, 1.1e-6), Result("4-2", 1, "float32", 1, "jax")]
    path = tmp_path / "old.json"
    path.write_text(dump({}, results))
    assert read(str(path)) == results
    path.write_text("{}")
    with pytest.raises(SpecError, match="--compare"):
        read(str(path))


def test_a_paced_loop() -> None:
    engine = Engine(OURS, 1)
    try:
        ready, _ = engine.load(Workload("4-8-2", 1))
        latencies, calls, idle = ready[0].ask("pace", 1000.0, 0.1)
    finally:
        engine.close()
    assert len(latencies) == len(calls) == 100
    assert all(0 < call <= latency for call, latency in zip(calls, latencies, strict=True))
    assert 0 <= idle < 1
