"""A copy of the project in which one fault after the other is planted, built and looked for."""

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests import ROOT
from tests.mutants.faults import Mutant

# What a test prints at its first failure; what it would find later is not waited for.
FAILURE = re.compile(r"^(wrong:|illegal instruction:|access outside|case \d+.*other bits|FAILED )|WRONG")
# A fault may make a program hang: it has this long, and so many times what it takes without a fault.
PATIENCE_SECONDS, PATIENCE_TIMES = 20, 10
CORE_PROGRAMS = Path("tests/cpp")


class ListError(Exception):
    """A fault that cannot be planted."""


def is_python(test: str) -> bool:
    """Whether pytest runs it: a file, or one test of a file. The others are programs of tests/cpp."""
    return test.partition("::")[0].endswith(".py")


@dataclass(frozen=True)
class Result:
    """What came of one fault."""

    mutant: Mutant
    caught_by: str  # or empty
    error: str
    seconds: float


class Workbench:
    """A copy of the project, built once. Every fault starts from that build.

    Parameters
    ----------
    directory : Path
        Where the copy is made, or was by an earlier run.
    tests : sequence of str
        All that will be run in it.
    quick, compilers : int
        One in so many cases of the conformance program, and how many compilers run at once.
    """

    def __init__(self, directory: Path, tests: Sequence[str], quick: int, compilers: int):
        self.root, self.quick, self.compilers = directory, quick, compilers
        self.built, self.clean = self.root / "build", self.root / "build-without-fault"
        self.seconds: dict[str, float] = {}  # of each test without a fault
        self._copy_sources()
        self._configure(with_python=any(map(is_python, tests)))
        for test in tests:
            self._build(test)
        for module in self.built.glob("cpp/_core*.so"):
            link = self.root / "python/forwardpass" / module.name
            link.unlink(missing_ok=True)
            link.symlink_to(module)
        shutil.rmtree(self.clean, ignore_errors=True)
        shutil.copytree(self.built, self.clean)

    def _copy_sources(self) -> None:
        tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, stdout=subprocess.PIPE, check=True)
        for name in tracked.stdout.decode().rstrip("\0").split("\0"):
            source, target = ROOT / name, self.root / name
            if source.is_file() and not (target.is_file() and target.read_bytes() == source.read_bytes()):
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)

    def _configure(self, with_python: bool) -> None:
        # Bits are the same however code is optimised. It compiles fast, and tests that wait for an end see one in time.
        optimisation = "-O1"
        options = [
            f"-DFORWARDPASS_PYTHON={'ON' if with_python else 'OFF'}",
            "-DFORWARDPASS_TESTS=ON",
            f"-DFORWARDPASS_KERNEL_OPTIMISATION={optimisation}",
            f"-DCMAKE_CXX_FLAGS_RELEASE={optimisation}",
            "-DCMAKE_INTERPROCEDURAL_OPTIMIZATION=OFF",
        ]
        if with_python:
            pybind11 = subprocess.check_output([sys.executable, "-m", "pybind11", "--cmakedir"], text=True).strip()
            options += [f"-Dpybind11_DIR={pybind11}", f"-DPython_EXECUTABLE={sys.executable}"]
        self._run(["cmake", "-S", ".", "-B", str(self.built), *options])

    def _run(self, command: list[str]) -> None:
        done = subprocess.run(command, cwd=self.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            errors = [line for line in done.stdout.splitlines() if "error" in line.lower()]
            raise ListError(f"does not compile: {(errors or done.stdout.splitlines() or ['?'])[0]}")

    def _build(self, test: str) -> None:
        target = "_core" if is_python(test) else test
        self._run(["cmake", "--build", str(self.built), "--parallel", str(self.compilers), "--target", target])

    def _restore(self) -> None:
        """Put back each file of the build that a fault has changed, with its time: quicker than to compile it."""
        for kept in self.clean.rglob("*"):
            built = self.built / kept.relative_to(self.clean)
            if kept.is_file() and not (built.exists() and built.stat().st_mtime_ns == kept.stat().st_mtime_ns):
                built.unlink(missing_ok=True)
                shutil.copy2(kept, built)

    def passes(self, tests: Iterable[str]) -> str:
        """The first failure without a fault, or nothing. From here on a test that hangs is known by its time."""
        for test in tests:
            start = time.monotonic()
            found = self._failure(test)
            if found:
                return found
            self.seconds[test] = time.monotonic() - start
        return ""

    def try_fault(self, mutant: Mutant) -> Result:
        """Plant it, build and run one of its tests after the other until one fails, and leave the copy as it was."""
        start = time.monotonic()
        file = self.root / mutant.file
        text, times = file.read_text(), file.stat()
        caught_by = error = ""
        try:
            file.write_text(mutant.applied(text))
            for test in mutant.tests:
                if not mutant.file.endswith(".py"):
                    self._build(test)
                caught_by = self._failure(test)
                if caught_by:
                    break
        except (ListError, ValueError) as problem:
            error = str(problem)
        finally:
            file.write_text(text)
            # With its time as well, so that nothing is built again that was right before.
            os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
            self._restore()
        return Result(mutant, caught_by, error, time.monotonic() - start)

    def _command(self, test: str) -> list[str]:
        if is_python(test):
            return [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", test]
        arguments = {
            "conformance": ["--quick", str(self.quick)],
            "golden": ["python/forwardpass/data/golden-fma-v2.bin", "--every", "7"],
        }
        return [str(self.built / CORE_PROGRAMS / test), *arguments.get(test, [])]

    def _failure(self, test: str) -> str:
        """What the test says of its first failure, or nothing."""
        environment = {**os.environ, "PYTHONPATH": str(self.root / "python")}
        limit = PATIENCE_SECONDS + PATIENCE_TIMES * self.seconds.get(test, PATIENCE_SECONDS)
        late = threading.Event()
        last = ""
        with subprocess.Popen(
            self._command(test),
            cwd=self.root,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:

            def end() -> None:
                late.set()
                process.kill()

            timer = threading.Timer(limit, end)
            timer.start()
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    last = line.strip() or last
                    if FAILURE.search(line):
                        process.kill()
                        return f"{test}: {last.removeprefix('FAILED ')}"
                process.wait()
            finally:
                timer.cancel()
        if late.is_set():
            return f"{test}: no end after {limit:.0f} s"
        if process.returncode < 0:
            return f"{test}: signal {-process.returncode}"
        if process.returncode == 1:
            return f"{test}: {last}"
        if process.returncode != 0:
            raise ListError(f"{test} cannot run: {last}")
        return ""
