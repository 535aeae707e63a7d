"""Ctrl-C, and a reader of the output who leaves: one line, or none, and the status that shells give."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import pytest

import forwardpass as fp

BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    """A command and what it starts, as a group, which a terminal's Ctrl-C reaches as one."""
    command = [sys.executable, "-m", "forwardpass", *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True, env=BUFFERED)


def wait_for(stream: IO[str] | None, text: str) -> None:
    """Read lines until one has the text."""
    assert stream is not None
    for line in stream:
        if text in line:
            return
    raise AssertionError(f"no line has {text!r}")


@pytest.mark.parametrize(
    ("arguments", "stream", "line"),
    [
        (("bench", "--quick"), "stderr", "[1/4]"),  # peers are starting
        (("bench", "--quick", "--net", "4-2"), "stderr", "[2/2]"),  # peers have been timed, and are stopped
        (("bench", "--quick", "--jitter", "100Hz"), "stderr", "[1/2]"),
        (("check", "--self", "--full", "--only", "inside"), "stdout", "promise"),
        (("demo",), "stdout", "accuracy"),
    ],
)
def test_ctrl_c_is_one_line(arguments: tuple[str, ...], stream: str, line: str) -> None:
    with start(*arguments) as process:
        wait_for(getattr(process, stream), line)
        if arguments == ("demo",):
            time.sleep(0.5)  # it times itself in a process of its own, which is in its loops by now
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT
    assert [text for text in errors.splitlines() if not text.startswith("[")] == ["python -m forwardpass: interrupted"]


@pytest.mark.parametrize("command", ["info", "info FILE", "check FILE", "bench --quick --net 4-2 --batch 1", "--help"])
def test_a_reader_who_has_left_is_no_error(command: str, tmp_path: Path) -> None:
    fp.save(fp.Sequential(fp.Linear.random(3, 2, rng=0)), tmp_path / "net.npz")
    reading, writing = os.pipe()
    os.close(reading)
    program = [sys.executable, "-m", "forwardpass", *command.replace("FILE", str(tmp_path / "net.npz")).split()]
    done = subprocess.run(program, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60, env=BUFFERED)
    os.close(writing)
    assert done.returncode == 128 + signal.SIGPIPE
    assert [text for text in done.stderr.splitlines() if not text.startswith("[")] == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="writes to /dev/full")
def test_a_full_disk_is_said_once() -> None:
    with Path("/dev/full").open("w") as full:
        program = [sys.executable, "-m", "forwardpass", "info"]
        done = subprocess.run(program, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, env=BUFFERED)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "No space left on device" in done.stderr


def test_no_standard_output_at_all() -> None:
    program = f"'{sys.executable}' -m forwardpass info >&-"
    done = subprocess.run(program, shell=True, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
