"""A command imports what it needs and no more: the machine's facts need no model files, no peers, no promises."""

import subprocess
import sys

import pytest

# What each command does without, of forwardpass's own packages.
PACKAGES = {"bench", "selfcheck", "convert", "files"}
NEEDED: dict[tuple[str, ...], set[str]] = {
    ("--version",): set(),
    ("info",): set(),
    ("info", "missing.npz"): {"files"},
    ("convert", "missing.npz", "net.npz"): {"files"},
    ("check", "missing.npz"): {"files"},
    ("check", "--self", "--only", "no such promise"): {"bench", "selfcheck", "files"},
}


@pytest.mark.parametrize("command", NEEDED, ids=" ".join)
def test_packages_that_a_command_imports(command: tuple[str, ...]) -> None:
    run = [sys.executable, "-X", "importtime", "-m", "forwardpass", *command]
    lines = subprocess.run(run, capture_output=True, text=True, timeout=60, check=False).stderr.splitlines()
    modules = [line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")]
    assert "forwardpass._core" in modules
    found = {module.split(".")[1] for module in modules if module.startswith("forwardpass.")}
    assert found & PACKAGES == NEEDED[command]
