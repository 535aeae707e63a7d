"""What the process around the library sets: FORWARDPASS_ISA, interpreter flags, versions."""

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import forwardpass as fp
from forwardpass import _core

WORKS = """
import forwardpass as fp, numpy as np
assert np.array_equal(fp.Sequential(fp.Linear([[1, 2], [3, -4]], [1, 1]), fp.ReLU())([[1, 1]]), [[4, 0]])
print(fp._core.current_isa())
"""


def run(directory: Path, code: str, *flags: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """In a directory of its own, so that the installed package is what is imported."""
    command = [sys.executable, *flags, "-c", code]
    return subprocess.run(
        command,
        cwd=directory,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("name", fp.available_isas())
def test_each_instruction_set_can_be_forced(name: str, tmp_path: Path) -> None:
    done = run(tmp_path, WORKS, FORWARDPASS_ISA=name)
    assert (done.returncode, done.stdout.strip()) == (0, name), done.stderr


def test_an_empty_variable_forces_nothing(tmp_path: Path) -> None:
    done = run(tmp_path, WORKS, FORWARDPASS_ISA="")
    assert (done.returncode, done.stdout.strip()) == (0, fp.available_isas()[0]), done.stderr


@pytest.mark.parametrize("name", ["avx9000", "AVX2", " scalar", "scalar,avx2"])
def test_an_unknown_instruction_set_fails_the_import(name: str, tmp_path: Path) -> None:
    done = run(tmp_path, WORKS, FORWARDPASS_ISA=name)
    assert done.returncode == 1
    message = done.stderr.splitlines()[-1]
    assert message.startswith("ImportError")
    assert "FORWARDPASS_ISA" in message
    assert repr(name) in message
    assert ", ".join(fp.available_isas()) in message


def test_what_this_cpu_lacks_is_unknown_too(tmp_path: Path) -> None:
    for name in {"avx512", "avx2", "neon"} - set(fp.available_isas()):
        done = run(tmp_path, WORKS, FORWARDPASS_ISA=name)
        assert done.returncode == 1
        assert "does not run on this machine" in done.stderr


def test_choosing_in_the_process() -> None:
    former = _core.current_isa()
    with pytest.raises(ValueError, match=r"'avx9000'.*here run: .*scalar"):
        _core.choose_isa("avx9000")
    assert _core.current_isa() == former
    assert fp.available_isas()[-1] == "scalar"  # best first


@pytest.mark.parametrize("flags", [("-O",), ("-OO",), ("-X", "dev"), ("-I",)])
def test_interpreter_flags(flags: tuple[str, ...], tmp_path: Path) -> None:
    done = run(tmp_path, WORKS, "-W", "error", *flags, PYTHONMALLOC="debug")
    assert (done.returncode, done.stderr) == (0, "")


def test_version() -> None:
    assert fp.__version__ == _core.__version__ == metadata.version("forwardpass")


def test_show_config(capsys: pytest.CaptureFixture[str]) -> None:
    fp.show_config()
    shown = capsys.readouterr().out
    for part in (fp.__version__, "fma-v2", _core.current_isa(), *fp.available_isas()):
        assert part in shown


def test_all_public_names_exist() -> None:
    for name in fp.__all__:
        assert hasattr(fp, name)
