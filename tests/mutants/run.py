"""Plants each fault of faults.py in a copy of the project, builds it, and shows which test finds it.

    python -m tests.mutants.run                          # all: half an hour of CPU, as kernels are compiled anew
    python -m tests.mutants.run --only "bias twice"      # one, or several
    python -m tests.mutants.run --jobs 2 --directory build/mutants  # the next run starts from the same copies
    python -m tests.mutants.run --list

From the root of the project, with what the tests need installed, CMake and a compiler. Faults that only pytest can see
need pybind11 as well. A fault is caught where a program or a test fails: by wrong bits, by a signal, or by not ending.
One that does not compile, or whose text is not there, is an error of the list. Exit code 0: all were caught. 1: some
were not. 2: nothing was tried, as the tests fail without a fault too.
"""

import argparse
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.faults import CORE, MUTANTS, Mutant
from tests.support.places import ROOT

# A hang is a failure, too: the slowest test takes a tenth of it.
SECONDS_AT_MOST = 300
# What a test prints at its first failure; what it would find later is not waited for.
FAILURE = re.compile(r"^(wrong:|illegal instruction:|access outside|case \d+.*other bits|FAILED )|WRONG")
# -O3 takes three times as long to compile, and the bits are the same.
OPTIMISATION = "-O1"


class ListError(Exception):
    """A fault that cannot be planted."""


@dataclass(frozen=True)
class Result:
    mutant: Mutant
    caught_by: str  # or empty
    error: str
    seconds: float


def programs(tests: Iterable[str]) -> list[str]:
    """Those of tests/cpp; one of them may not be written yet."""
    return [test for test in tests if not test.endswith(".py") and (ROOT / f"tests/cpp/{test}.cpp").exists()]


def python_files(tests: Iterable[str]) -> list[str]:
    return [test for test in tests if test.endswith(".py")]


class Copy:
    """A copy of the project, built once; every fault starts from that build.

    Parameters
    ----------
    directory : Path
        Where the copy is made, or was by an earlier run.
    tests : sequence of str
        All that will be run in it.
    quick, parallel : int
        One in so many cases of the programs, and how many compilers run at once.
    """

    def __init__(self, directory: Path, tests: Sequence[str], quick: int, parallel: int):
        self.root, self.quick, self.parallel = directory, quick, parallel
        tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, stdout=subprocess.PIPE, check=True)
        for name in tracked.stdout.decode().rstrip("\0").split("\0"):
            source, target = ROOT / name, self.root / name
            if source.is_file() and not (target.is_file() and target.read_bytes() == source.read_bytes()):
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
        self.build_directory, self.clean = self.root / "build", self.root / "build-without-fault"
        with_python = bool(python_files(tests))
        options = [
            f"-DFORWARDPASS_PYTHON={'ON' if with_python else 'OFF'}",
            "-DFORWARDPASS_TESTS=ON",
            f"-DFORWARDPASS_KERNEL_OPTIMISATION={OPTIMISATION}",
        ]
        if with_python:
            pybind11 = subprocess.check_output([sys.executable, "-m", "pybind11", "--cmakedir"], text=True).strip()
            options += [f"-Dpybind11_DIR={pybind11}", f"-DPython_EXECUTABLE={sys.executable}"]
        self.command(["cmake", "-S", ".", "-B", str(self.build_directory), *options])
        self.build(tests)
        shutil.rmtree(self.clean, ignore_errors=True)
        shutil.copytree(self.build_directory, self.clean)

    def command(self, command: list[str]) -> None:
        done = subprocess.run(command, cwd=self.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            errors = [line for line in done.stdout.splitlines() if "error" in line.lower()]
            raise ListError(f"does not compile: {(errors or done.stdout.splitlines() or ['?'])[0]}")

    def build(self, tests: Sequence[str]) -> None:
        targets = [*programs(tests), *(["_core"] if python_files(tests) else [])]
        parallel = ["--parallel", str(self.parallel)]
        self.command(["cmake", "--build", str(self.build_directory), *parallel, "--target", *targets])
        for module in self.build_directory.glob("cpp/_core*.so"):
            shutil.copy2(module, self.root / "python/forwardpass" / module.name)

    def commands(self, tests: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
        """The name and the command of each test."""
        arguments = {
            "conformance": ["--quick", str(self.quick)],
            "golden": ["python/forwardpass/data/golden-fma-v2.bin", "--every", "7"],
        }
        for program in programs(tests):
            yield program, [str(self.build_directory / "tests/cpp" / program), *arguments.get(program, [])]
        for file in python_files(tests):
            yield "pytest", [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", file]

    def failure(self, tests: Sequence[str]) -> str:
        """The first failure of the tests, or nothing."""
        for name, command in self.commands(tests):
            found = self.failure_of(command)
            if found:
                return f"{name}: {found.removeprefix('FAILED ')}"
        return ""

    def failure_of(self, command: list[str]) -> str:
        environment = {**os.environ, "PYTHONPATH": str(self.root / "python")}
        late = threading.Event()
        with subprocess.Popen(
            command, cwd=self.root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:

            def end() -> None:
                late.set()
                process.kill()

            timer = threading.Timer(SECONDS_AT_MOST, end)
            timer.start()
            assert process.stdout is not None
            last = ""
            try:
                for line in process.stdout:
                    last = line.strip() or last
                    if FAILURE.search(line):
                        process.kill()
                        return last
                process.wait()
            finally:
                timer.cancel()
        if late.is_set():
            return f"no end after {SECONDS_AT_MOST} s"
        if process.returncode < 0:
            return f"signal {-process.returncode}"
        if process.returncode == 1:
            return last
        if process.returncode != 0:
            raise ListError(f"{Path(command[0]).name} cannot run: {last}")
        return ""

    def try_fault(self, mutant: Mutant) -> Result:
        """Plants it, builds, runs its tests, and leaves the copy as it was."""
        start = time.monotonic()
        file = self.root / mutant.file
        text, times = file.read_text(), file.stat()
        caught_by = error = ""
        try:
            file.write_text(mutant.applied(text))
            self.build(mutant.tests)
            caught_by = self.failure(mutant.tests)
        except (ListError, ValueError) as problem:
            error = str(problem)
        finally:
            file.write_text(text)
            # With its time as well, so that nothing is built again that was right before.
            os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
            shutil.rmtree(self.build_directory)
            shutil.copytree(self.clean, self.build_directory)
        return Result(mutant, caught_by, error, time.monotonic() - start)


def all_tests(mutants: Sequence[Mutant]) -> list[str]:
    """Each test that some fault asks for, once."""
    return list(dict.fromkeys(test for mutant in mutants for test in mutant.tests))


def run(mutants: Sequence[Mutant], jobs: int, quick: int, directory: Path) -> list[Result]:
    """The results, in the order of the list.

    Raises
    ------
    ListError
        Where the tests fail without a fault.
    """
    tests = all_tests(mutants)
    parallel = os.cpu_count() or 1
    copies: queue.SimpleQueue[Copy] = queue.SimpleQueue()
    done = 0
    lock = threading.Lock()

    def progress(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def attempt(mutant: Mutant) -> Result:
        nonlocal done
        copy = copies.get()
        try:
            result = copy.try_fault(mutant)
        finally:
            copies.put(copy)
        with lock:
            done += 1
            progress(f"{done:3} of {len(mutants)}  {mutant.name}: {describe(result)} ({result.seconds:.0f} s)")
        return result

    with ThreadPoolExecutor(jobs) as pool:
        progress(f"building {jobs} {'copy' if jobs == 1 else 'copies'} without a fault")
        made = list(pool.map(lambda job: Copy(directory / f"copy{job}", tests, quick, parallel), range(jobs)))
        wrong = made[0].failure(tests)
        if wrong:
            raise ListError(f"without a fault: {wrong}")
        for copy in made:
            copies.put(copy)
        return list(pool.map(attempt, mutants))


def describe(result: Result) -> str:
    return f"ERROR: {result.error}" if result.error else result.caught_by or "NOT CAUGHT"


def table(results: Sequence[Result]) -> str:
    """A line for each fault: its name, what caught it, and how long that took."""
    width = max(len(result.mutant.name) for result in results)
    lines = [f"{'fault':{width}}  {'seconds':>7}  caught by"]
    lines += [f"{r.mutant.name:{width}}  {r.seconds:7.0f}  {describe(r)[:150]}" for r in results]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants.run", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--only", metavar="NAME", nargs="+", help="these faults, by a part of their names")
    parser.add_argument("--jobs", type=int, default=1, help="copies that are built and tested at once (default 1)")
    parser.add_argument("--quick", type=int, default=16, help="one in so many cases of the programs (default 16)")
    parser.add_argument("--directory", type=Path, help="where the copies are kept for the next run (default: nowhere)")
    parser.add_argument("--list", action="store_true", help="print the faults, and try none")
    options = parser.parse_args(arguments)
    if options.jobs < 1 or options.quick < 1:
        parser.error("--jobs and --quick: expected at least 1")
    chosen = [m for m in MUTANTS if not options.only or any(part in m.name for part in options.only)]
    if not chosen:
        parser.error(f"--only: no fault is named so: {', '.join(options.only)}")
    if options.list:
        for mutant in chosen:
            tests = "" if mutant.tests == CORE else f" [{', '.join(mutant.tests)}]"
            print(f"{mutant.name} ({mutant.file}): {mutant.why}{tests}")
        return 0
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory:
        try:
            results = run(chosen, options.jobs, options.quick, (options.directory or Path(directory)).resolve())
        except ListError as error:
            print(error, file=sys.stderr)
            return 2
    caught = sum(bool(result.caught_by) for result in results)
    print(f"{table(results)}\n{caught} of {len(results)} caught")
    return 0 if caught == len(results) else 1


if __name__ == "__main__":
    sys.exit(main())
