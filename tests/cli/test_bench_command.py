"""`python -m forwardpass bench`: what it takes, what it prints, and what it refuses before anything is measured."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import forwardpass as fp
from forwardpass.bench.contestants import CONTESTANTS, OURS
from forwardpass.bench.engine import Result
from forwardpass.bench.progress import Progress
from forwardpass.bench.tables import compared, print_rows, print_skipped
from tests.support.networks import build_rich


def bench(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "forwardpass", "bench", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def result(contestant: str, us: float, net: str = "4-2", **more: Any) -> Result:
    return Result(net, 1, "float32", 1, contestant, us * 1e-6, us * 0.9e-6, us * 1.1e-6, **more)


def skipped(contestant: str, reason: str, net: str = "4-2") -> Result:
    return Result(net, 1, "float32", 1, contestant, skipped=reason)


def test_the_command_end_to_end(tmp_path: Path) -> None:
    first = bench("--quick", "--net", "4-8-2:relu", "--batch", "1,3", "--json")
    assert first.returncode == 0, first.stderr
    content = json.loads(first.stdout)
    timed = {(r["contestant"], r["rows"]) for r in content["results"] if r["seconds"]}
    assert {(name, rows) for name in (*OURS, "NumPy", "NumPy out=") for rows in (1, 3)} <= timed
    assert content["machine"]["isa"]
    for rows in (1, 3):
        ours = [r for r in content["results"] if r["contestant"] in OURS and r["rows"] == rows]
        assert min(r["ratio"] for r in ours) == 1

    old = tmp_path / "old.json"
    old.write_text(first.stdout)
    second = bench("--quick", "--net", "4-8-2", "--batch", "3", "--compare", old)
    assert second.returncode == 0, second.stderr
    assert second.stdout.startswith("about ")
    assert "4-8-2, 3 rows, float32, 1 thread" in second.stdout
    assert "geometric mean of forwardpass's 2" in second.stdout
    assert "[1/1] 4-8-2, 3 rows, float32, 1 thread, about" in second.stderr
    assert "\x1b" not in second.stdout + second.stderr


def test_json_has_the_comparison_too(tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    old.write_text(bench("--quick", "--net", "4-2", "--batch", "1", "--json").stdout)
    again = json.loads(bench("--quick", "--net", "4-2", "--batch", "1", "--json", "--compare", old).stdout)
    assert {row["contestant"] for row in again["comparison"]} >= {*OURS, "NumPy"}


def test_any_network_of_a_file(tmp_path: Path) -> None:
    """In its own dtype, and by every peer that can; who cannot is named once."""
    fp.save(build_rich(np.float64), tmp_path / "rich.safetensors")
    done = bench("--quick", "--model", tmp_path / "rich.safetensors", "--net", "4-8-2:tanh")
    assert done.returncode == 0, done.stderr
    assert f"{tmp_path / 'rich.safetensors'}, 64 rows, float64, 1 thread" in done.stdout
    assert "4-8-2:tanh, 1 row, float32, 1 thread" in done.stdout
    assert done.stdout.count("skipped") == 1
    assert f"NumPy out=: runs networks of Linear with ReLU or Tanh between ({tmp_path}" in done.stdout


def test_bare_weights_need_an_architecture(tmp_path: Path) -> None:
    net = fp.Sequential(fp.Linear.random(3, 4, rng=0), fp.ReLU(), fp.Linear.random(4, 2, rng=1))
    np.savez(tmp_path / "bare.npz", allow_pickle=False, **net.state_dict())
    refused = bench("--model", tmp_path / "bare.npz")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "holds bare weights; say what they are of" in refused.stderr
    done = bench("--quick", "--batch", "1", "--model", tmp_path / "bare.npz", "--architecture", "3-4-2:tanh")
    assert done.returncode == 0, done.stderr


def test_a_paced_loop_explains_its_columns(tmp_path: Path) -> None:
    fp.save(build_rich(), tmp_path / "rich.npz")
    done = bench("--quick", "--model", tmp_path / "rich.npz", "--jitter", "500Hz")
    assert done.returncode == 0, done.stderr
    for word in ("from due to answer:", "call alone:", "missed:", "CPU:", "p99.9", "rich.npz, one row at 500 Hz"):
        assert word in done.stdout
    rows = json.loads(bench("--quick", "--net", "4-2", "--jitter", "500", "--json").stdout)["jitter"]
    assert {row["contestant"] for row in rows} >= {*OURS, "NumPy"}
    assert all(0 < row["call_alone"]["p50"] <= row["from_due_to_answer"]["max"] for row in rows)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--net", "4-2:tan"), "--net 4-2:tan"),
        (("--net", "1000000-1000000"), "expected at most 1 GiB"),
        (("--net", "1024-1024", "--batch", "1048576"), "fewer rows with --batch"),
        (("--batch", "0"), "--batch"),
        (("--threads", "100000"), "the CPUs that this process may use"),
        (("--jitter", "0"), "--jitter 0: expected a rate"),
        (("--jitter", "1kHz", "--plot", "x.png"), "--plot: --jitter times single rows"),
        (("--jitter", "1kHz", "--batch", "4"), "--batch: --jitter times single rows"),
        (("--model", "missing.npz"), "missing.npz: No such file"),
        (("--model", "model.pt"), "model.pt: expected an .npz"),
        (("--model", "any.npz"), "any.npz: takes rows of any width"),
        (("--architecture", "4-2"), "--architecture: expected a --model FILE"),
        (("--compare", "missing"), "missing: No such file"),
        (("--compare", "any.npz"), "--compare any.npz: expected a file that --json wrote"),
        (("--plot", "missing/x.png"), "--plot missing/x.png: there is no folder"),
        (("--plot", "x.txt"), "--plot x.txt: expected a name that ends in one of"),
    ],
)
def test_bad_arguments_are_refused(
    arguments: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With nothing on standard output, as nothing has been measured."""
    if "x" in arguments[-1]:
        pytest.importorskip("matplotlib")  # an extra: CI has it where it tests networks of other libraries
    monkeypatch.chdir(tmp_path)
    fp.save(fp.Softmax(), "any.npz")
    refused = bench(*arguments)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert message in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_picture_without_matplotlib_is_refused_at_once() -> None:
    code = "import sys; sys.modules['matplotlib'] = None; sys.argv = ['', 'bench', '--plot', 'x.png']; "
    code += "from forwardpass.__main__ import main; sys.exit(main())"
    refused = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--plot needs matplotlib: pip install matplotlib" in refused.stderr


def test_columns_have_headings(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([result("NumPy", 3, error=0.5), result("forwardpass", 2), result("forwardpass out=", 1.5)])
    _, title, headings, *rows = capsys.readouterr().out.splitlines()
    assert title == "4-2, 1 row, float32, 1 thread"
    assert headings.split() == ["us", "quartiles", "times", "ours", "error"]
    assert [row.split()[-1] for row in rows] == ["1.00", "1.33", "0.5"]
    assert rows[-1].split()[:6] == ["NumPy", "3", "2.7", "to", "3.3", "2.00"]


def test_who_was_skipped_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    results = [result("forwardpass", 1), skipped("ncnn", "float32 only"), skipped("LiteRT", "float32 only")]
    results += [result("forwardpass", 1, "8-2"), result("ncnn", 1, "8-2"), skipped("LiteRT", "float32 only", "8-2")]
    print_skipped(results, ["jax", "MNN"])
    out = capsys.readouterr().out
    assert out == "\nskipped: jax, MNN: not installed; ncnn: float32 only (4-2); LiteRT: float32 only\n"
    print_skipped([result("forwardpass", 1)], [])
    assert capsys.readouterr().out == ""


def test_a_comparison_says_what_is_noise() -> None:
    old = [result("forwardpass", 2), result("NumPy", 2), result("torch", 2), result("jax", 2)]
    new = [result("forwardpass", 1), result("NumPy", 2.1), result("torch", 4), skipped("jax", "not installed")]
    rows = [(row["contestant"], round(row["times_faster"], 2), row["verdict"]) for row in compared(old, new)]
    assert rows == [("forwardpass", 2, "faster"), ("NumPy", 0.95, "noise"), ("torch", 0.5, "SLOWER")]


def test_progress_where_nobody_watches_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress([10, 20])
    progress.begin("first")
    progress(": round 1")
    progress.clear()
    progress.begin("second")
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "[1/2] first, about 30 s left\n[2/2] second, about 30 s left\n"


def test_contestants_say_what_they_need() -> None:
    assert not any(CONTESTANTS[name].missing for name in (*OURS, "NumPy"))
    made_up = CONTESTANTS["jax"]._replace(needs=("sys", "no_such_library"))
    assert made_up.missing == "no_such_library"
