"""Plants each fault of faults/ in a copy of the project, builds it, and shows which test finds it.

    python -m tests.mutants.run                          # all; compiles kernels for most
    python -m tests.mutants.run --only "bias twice"      # one, or several
    python -m tests.mutants.run --directory build/mutants    # the next run starts from the same copies
    python -m tests.mutants.run --list

From the root of the project, with what the tests need installed, CMake and a compiler. Faults that only pytest can see
need pybind11 as well. A fault is caught where a program or a test fails: by wrong bits, by a signal, or by not ending.
One that does not compile, or whose text is not there, is an error of the list. Exit code 0: all were caught. 1: some
were not. 2: nothing was tried, as the tests fail without a fault too.
"""

import argparse
import os
import queue
import sys
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutants.faults import CORE, MUTANTS, Mutant
from tests.mutants.workbench import ListError, Result, Workbench


def progress(text: str) -> None:
    """A line for who waits."""
    print(text, file=sys.stderr, flush=True)


def run(mutants: Sequence[Mutant], jobs: int, quick: int, directory: Path) -> list[Result]:
    """The results, in the order of the list.

    Raises
    ------
    ListError
        Where the tests fail without a fault.
    """
    tests = list(dict.fromkeys(test for mutant in mutants for test in mutant.tests))
    compilers = max(1, (os.cpu_count() or 1) // jobs)
    free: queue.SimpleQueue[Workbench] = queue.SimpleQueue()
    done, lock = 0, threading.Lock()

    def attempt(mutant: Mutant) -> Result:
        nonlocal done
        workbench = free.get()
        try:
            result = workbench.try_fault(mutant)
        finally:
            free.put(workbench)
        with lock:
            done += 1
            progress(f"{done:3} of {len(mutants)}  {mutant.name}: {describe(result)} ({result.seconds:.0f} s)")
        return result

    with ThreadPoolExecutor(jobs) as pool:
        progress(f"building {jobs} {'copy' if jobs == 1 else 'copies'} without a fault")
        made = list(pool.map(lambda job: Workbench(directory / f"copy{job}", tests, quick, compilers), range(jobs)))
        progress(f"running {len(tests)} tests without a fault")
        # A part of them in each copy.
        for wrong in pool.map(lambda job: made[job].passes(tests[job::jobs]), range(jobs)):
            if wrong:
                raise ListError(f"without a fault: {wrong}")
        seconds = {test: taken for workbench in made for test, taken in workbench.seconds.items()}
        for workbench in made:
            workbench.seconds = seconds
            free.put(workbench)
        return list(pool.map(attempt, mutants))


def describe(result: Result) -> str:
    """What caught it, in a line."""
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
    jobs = os.cpu_count() or 1
    parser.add_argument("--jobs", type=int, default=jobs, help=f"copies that are tested at once (default here {jobs})")
    parser.add_argument("--quick", type=int, default=16, help="one in so many cases of conformance (default 16)")
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
