"""`benchmarks/table.py` and its pages: what is measured, what a page says about itself."""

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import forwardpass as fp
from forwardpass import _core
from forwardpass.bench.contestants import ALONE, CONTESTANTS, OURS, PREALLOCATED
from forwardpass.bench.engine import Engine, Result
from forwardpass.bench.workload import Workload
from tests import ROOT

BENCHMARKS = ROOT / "benchmarks"
PAGES = sorted(page for page in BENCHMARKS.glob("*.md") if page.name not in ("README.md", "log.md"))
has_avx2 = pytest.mark.skipif("avx2" not in fp.available_isas(), reason="this machine has no AVX2")


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Imported as a program imports it: from its own folder. Importing support changes the environment."""
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, "1")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import table as module

    return module


@pytest.fixture
def pages(table: ModuleType) -> ModuleType:
    import page as module

    return module


@pytest.fixture
def support(table: ModuleType) -> ModuleType:
    import support as module

    return module


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARKS / "table.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def facts(**values: Any) -> dict[str, Any]:
    known = {"cpu": "Some CPU", "isa": "avx2", "versions": {"numpy": "2"}, "command": "python x", "commit": "abc123"}
    return known | {"order": "fma-v1", "limited": None} | values


def results(table: ModuleType) -> list[Result]:
    """One row: ours takes 2 us with out=, LiteRT 3 and NumPy 4; it takes 1 at the FMA peak, 0.5 at the reading rate."""
    times = {"forwardpass": 2.5, "forwardpass out=": 2, "NumPy": 4, "LiteRT": 3, table.PEAK: 1, table.READING: 0.5}
    return [Result("4-2", 1, "float32", 1, name, us * 1e-6, us * 1e-6, us * 1e-6) for name, us in times.items()]


def test_a_row_has_its_shares_and_a_ceiling_is_no_peer(table: ModuleType, pages: ModuleType) -> None:
    (row,) = pages.rows_of_table(results(table))
    assert (row.new.peer.contestant, row.into.peer.contestant) == ("NumPy", "LiteRT")
    assert str(row).endswith("| LiteRT: 3 (3 to 3) | 1.50 | 50% | 25% |")


def test_a_row_without_ceilings_has_no_shares(table: ModuleType, pages: ModuleType) -> None:
    (row,) = pages.rows_of_table(results(table)[:-2])
    assert str(row).endswith("| - | - |")


def test_a_page_names_its_commit_and_keeps_its_notes(table: ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    table.write(facts(), results(table), page)
    assert page.read_text().startswith("# Some CPU: measured at commit abc123, in the order fma-v1\n")
    page.write_text(page.read_text().replace("# Some CPU", "# Zen 9").replace("says how to", "tells how to"))
    table.write(facts(commit="def456"), results(table), page)
    text = page.read_text()
    assert text.startswith(
        "# Zen 9: measured at commit def456, in the order fma-v1\n\n[README.md](README.md) tells how"
    )
    assert "abc123" not in text
    columns = [line.count("|") for line in text.splitlines() if line.startswith(("| network", "| 4-2", "|---"))]
    assert columns[-3:] == [13, 13, 13]


def test_a_page_of_avx2_says_who_was_limited(table: ModuleType, tmp_path: Path) -> None:
    table.write(facts(limited="avx2"), results(table), tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text()
    assert "\nInstruction set: avx2, of the FMA peak too." in text
    assert "- torch, torch traced, torch oneDNN, openvino: `ONEDNN_MAX_CPU_ISA=AVX2`" in text
    (left_out,) = re.findall(r"so they were left out: (.*)\.\n", text)
    assert {"LiteRT", "onnxruntime", "ExecuTorch"} <= {*left_out.split(", ")}
    assert "torch" not in left_out.split(", ")


def test_names_of_contestants_exist(table: ModuleType) -> None:
    assert {*table.limited("avx2"), *table.FLOAT64, *PREALLOCATED, *OURS, ALONE} <= {*CONTESTANTS}
    assert len({*table.limited("avx2")}) == len(table.limited("avx2"))


def test_who_runs(table: ModuleType) -> None:
    everything = table.Choice()
    assert everything.contestants("float32", 2) == [*CONTESTANTS]
    assert ALONE not in everything.contestants("float32", 1)
    assert "LiteRT" not in everything.contestants("float64", 1)
    assert "LiteRT" not in table.Choice(isa="avx2").contestants("float32", 1)
    assert table.Choice(peers=("NumPy",)).contestants("float32", 1) == [*OURS, "NumPy"]


def test_the_time_at_the_ceilings(table: ModuleType, support: ModuleType) -> None:
    class Known:
        def measure(self, dtype: str, nbytes: int) -> Any:
            assert (dtype, nbytes) == ("float64", 8 * 8)  # the weights of 4-2
            return support.Ceilings(flops=1e3, bytes=32.0)

    peak, reading = table.limits(Workload("4-2", 5, "float64"), 1, Known())
    assert (peak.contestant, peak.seconds) == (table.PEAK, pytest.approx(2 * 5 * 8 / 1e3))
    assert (reading.contestant, reading.seconds) == (table.READING, 2.0)


def test_ceilings(support: ModuleType) -> None:
    """In the processes that measure those of two threads, and here."""
    for nbytes in (4, 1000, 1 << 20):
        assert all(0 < rate < np.inf for rate in support.ceilings("float64", nbytes))
    with closing(support.CeilingsOfThreads(2)) as threads:
        assert all(0 < rate < np.inf for rate in threads.measure("float32", 1 << 16))


def test_the_best_number_of_streams_counts(support: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = {"read 1": lambda: None, "read 4": lambda: None}
    monkeypatch.setattr(support, "readers", lambda nbytes, repeats: calls)
    monkeypatch.setattr(support, "median", lambda call: {calls["read 1"]: 2e-3, calls["read 4"]: 1e-3}.get(call, 1.0))
    assert support.ceilings("float32", 1 << 20).bytes == pytest.approx((1 << 20) / 1e-3)


@has_avx2
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="reads /proc")
def test_contestants_start_with_the_limits(table: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are there when the process starts, before it imports anything."""
    before = _core.current_isa()
    for name in {name for limit in table.LIMITS["avx2"] for name in limit.variables}:
        monkeypatch.setenv(name, "")  # undone at the end
    try:
        table.keep_to("avx2")
        with closing(Engine(["forwardpass"], 1)) as engine:
            ready, skipped = engine.load(Workload("4-2", 1))
            assert (len(ready), skipped) == (1, [])
            environment = Path(f"/proc/{ready[0].process.pid}/environ").read_text().split("\0")
        assert _core.current_isa() == "avx2"
        table.keep_to(None)
        assert _core.current_isa() == fp.available_isas()[0]
        assert not {"FORWARDPASS_ISA", "OPENBLAS_CORETYPE"} & os.environ.keys(), "limits that were set elsewhere"
    finally:
        _core.choose_isa(before)
    expected = {"FORWARDPASS_ISA=avx2", "ONEDNN_MAX_CPU_ISA=AVX2", "OPENBLAS_CORETYPE=Haswell", "OMP_NUM_THREADS=1"}
    assert expected <= {*environment}


@has_avx2
def test_the_program_end_to_end(tmp_path: Path) -> None:
    page, kept = tmp_path / "page.md", tmp_path / "kept.json"
    part = ["--net", "4-8-2", "--rows", "3", "--threads", "1", "--dtype", "float32"]
    part += ["--peer", "NumPy", "--peer", "NumPy out=", "--seconds", "0.02", "--isa", "avx2"]
    first = run("--page", str(page), "--results", str(kept), *part)
    assert first.returncode == 0, first.stderr
    text = page.read_text()
    assert re.match(r"# .*: measured at commit \w+(-dirty)?, in the order fma-v2\n", text)
    assert "; avx2\n" in text  # the instruction set of the ceilings
    assert re.search(r"^\| 4-8-2 \| 3 \| float32 \| 1 \|.*NumPy.*\| \d+% \| \d+% \|$", text, re.MULTILINE)

    content = json.loads(kept.read_text())
    again = run("--page", str(page), "--results", str(kept), *part)
    assert again.returncode == 0, again.stderr
    assert json.loads(kept.read_text()) == content  # nothing was measured again
    assert page.read_text() == text

    content["machine"]["commit"] = "another"
    kept.write_text(json.dumps(content))
    other = run("--page", str(page), "--results", str(kept), *part, "--net", "4-2")
    assert other.returncode == 1
    assert "at another commit" in other.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "--page"),
        (("--page", str(BENCHMARKS / "README.md")), "README.md explains the pages"),
        (("--page", "page.md", "--isa", "avx3"), "--isa"),
        (("--page", "page.md", "--net", "4-2:tan"), "--net"),
        (("--page", "page.md", "--peer", "forwardpass"), "--peer"),
    ],
)
def test_bad_arguments_are_refused(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    result = run(*arguments, "--results", str(tmp_path / "none.json"))
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def git(*arguments: str, folder: Path) -> str:
    identity = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    identity |= {f"GIT_{who}_{what}": "t@t" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | identity).stdout.strip()


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_commit_of_a_tree(support: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(support, "__file__", str(tmp_path / "benchmarks" / "support.py"))
    (tmp_path / "benchmarks").mkdir()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert support.commit() == "unknown"
    git("init", "-q", folder=tmp_path)
    for name in ("kernel.cpp", "benchmarks/page.md"):
        (tmp_path / name).write_text("1")
    git("add", ".", folder=tmp_path)
    git("commit", "-q", "-m", "first", folder=tmp_path)
    head = git("rev-parse", "--short=12", "HEAD", folder=tmp_path)
    (tmp_path / "benchmarks" / "page.md").write_text("2")
    (tmp_path / "table.json").write_text("{}")
    assert support.commit() == head  # pages and results do not count
    (tmp_path / "kernel.cpp").write_text("2")
    assert support.commit() == f"{head}-dirty"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_name_their_commit_and_are_listed(page: Path) -> None:
    first = page.read_text(encoding="utf-8").partition("\n")[0]
    match = re.fullmatch(
        r"# [^:]+: measured at commit ([0-9a-f]{7,12})(, older than HEAD)?, in the order fma-v\d", first
    )
    assert match, first
    listed = (BENCHMARKS / "README.md").read_text(encoding="utf-8")
    assert re.search(rf"\]\({re.escape(page.name)}\).*\b{match[1]}{match[2] or ' '}", listed)


def test_there_are_pages() -> None:
    assert {"zen4.md", "zen5.md"} <= {page.name for page in PAGES}
