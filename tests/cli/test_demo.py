"""The demo as a user runs it: another process, away from the source tree, its output read."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import forwardpass as fp


def test_demo_reports_accuracy_and_bound(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-W", "error", "-m", "forwardpass", "demo"], cwd=tmp_path, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert "\x1b" not in result.stdout

    accuracy = re.search(r"accuracy on 360 held-out digits: ([\d.]+)%", result.stdout)
    assert accuracy
    assert float(accuracy[1]) >= 96
    difference = re.search(r"in float64: (\S+) \(promised: at most (\S+)\)", result.stdout)
    assert difference
    assert 0 < float(difference[1]) <= float(difference[2]) < 0.01
    assert "all 3600 outputs inside the promised bound: yes" in result.stdout
    assert re.search(r"one digit +[\d.]+ us +[\d.]+ us", result.stdout)
    assert re.search(r"all 360 +[\d.]+ us +[\d.]+ us", result.stdout)


def test_unknown_command_names_the_known_ones() -> None:
    result = subprocess.run([sys.executable, "-m", "forwardpass", "dance"], capture_output=True, text=True)
    assert result.returncode == 2
    assert "demo" in result.stderr


def test_version() -> None:
    result = subprocess.run([sys.executable, "-m", "forwardpass", "--version"], capture_output=True, text=True)
    assert result.returncode == 0
    assert result.stdout == f"forwardpass {fp.__version__}\n"


@pytest.mark.parametrize(("library", "package"), [("sklearn", "scikit-learn"), ("torch", "torch")])
def test_demo_says_which_library_is_missing(tmp_path: Path, library: str, package: str) -> None:
    code = f"import sys; sys.modules[{library!r}] = None; sys.argv = ['forwardpass', 'demo', '--train', {library!r}]; "
    code += "from forwardpass.__main__ import main; sys.exit(main())"
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 2
    assert f"--train {library} needs {package}: pip install {package}" in result.stderr
