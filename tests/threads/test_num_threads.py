"""Threads change no bit; the settings, in their order of say; forks, interrupts and idleness."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import forwardpass as fp
from forwardpass import _core
from tests.support import Array, Float, normal, same_bits

COUNTS = (1, 2, 3, 8)


def network(widths: tuple[int, ...], dtype: Float) -> fp.Sequential:
    layers: list[fp.Module] = []
    for i, (inputs, outputs) in enumerate(pairwise(widths)):
        layers += [fp.ReLU()] if i else []
        layers.append(fp.Linear(normal(i, (outputs, inputs), dtype), normal(i + 50, (outputs,), dtype)))
    return fp.Sequential(*layers)


# Rows cut, panels cut, one panel only, a last panel of one output, more rows than one tile.
SHAPES = [((17, 64, 64, 6), 2000), ((700, 900, 129), 1), ((700, 900, 129), 7), ((4096, 16), 40), ((90, 1000, 1), 101)]


@pytest.mark.parametrize(("widths", "rows"), SHAPES)
def test_any_number_of_threads_gives_the_same_bits(isa: str, widths: tuple[int, ...], rows: int, dtype: Float) -> None:
    net, x = network(widths, dtype), normal(9, (rows, widths[0]), dtype)
    alone = net(x, num_threads=1)
    assert same_bits(np.array([net(row) for row in x[:3]]), alone[:3])
    for count in COUNTS:
        out = np.full_like(alone, np.nan)
        assert net(x, out=out, num_threads=count) is out
        assert same_bits(out, alone), count


def test_functional_calls_share_their_work(isa: str, dtype: Float) -> None:
    W, x = normal(0, (900, 700), dtype), normal(1, (50, 700), dtype)
    for weight in (W, np.asfortranarray(W), W[::-1, ::-1]):
        with fp.num_threads(1):
            alone = fp.linear(x, weight), fp.matvec(weight, x[0]), fp.matmul(x, weight.T)
        for count in COUNTS:
            with fp.num_threads(count):
                shared = fp.linear(x, weight), fp.matvec(weight, x[0]), fp.matmul(x, weight.T)
            assert all(same_bits(a, b) for a, b in zip(alone, shared, strict=True)), count


def test_order_of_say() -> None:
    fp.set_num_threads(None)
    machine = fp.get_num_threads()
    assert machine >= 1
    fp.set_num_threads(5)
    try:
        assert fp.get_num_threads() == 5
        with fp.num_threads(3):
            assert fp.get_num_threads() == 3
            with ThreadPoolExecutor(1) as pool:  # of this Python thread only
                assert pool.submit(fp.get_num_threads).result() == 5
            with fp.num_threads(2):
                assert fp.get_num_threads() == 2
            assert fp.get_num_threads() == 3
            with pytest.raises(ZeroDivisionError), fp.num_threads(4):
                _ = 1 / 0
            assert fp.get_num_threads() == 3
        assert fp.get_num_threads() == 5
    finally:
        fp.set_num_threads(None)
    assert fp.get_num_threads() == machine


def in_process(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k not in ("FORWARDPASS_NUM_THREADS", "OMP_NUM_THREADS")}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment | variables, capture_output=True, text=True, timeout=60
    )


def assert_runs(code: str) -> None:
    """The code after WORK, in a process whose only threads are ours."""
    result = in_process(WORK + code, OPENBLAS_NUM_THREADS="1")
    assert result.returncode == 0, result.stderr


PRINT = "import os, forwardpass as fp; print(fp.get_num_threads())"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"FORWARDPASS_NUM_THREADS": "3", "OMP_NUM_THREADS": "5"}, "3"),
        ({"OMP_NUM_THREADS": "5"}, "5"),
        ({"OMP_NUM_THREADS": "4,2"}, "4"),
        ({"FORWARDPASS_NUM_THREADS": "1000000000"}, str(_core.MAX_THREADS)),
    ],
)
def test_environment(variables: dict[str, str], expected: str) -> None:
    assert in_process(PRINT, **variables).stdout.strip() == expected


def test_the_machine_has_the_last_say() -> None:
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); " + PRINT
    assert in_process(code, OMP_NUM_THREADS="many").stdout.strip() == "1"


def test_none_looks_at_the_machine_again() -> None:
    code = PRINT + (
        "; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})"
        "; fp.set_num_threads(None); print(fp.get_num_threads())"
    )
    assert in_process(code).stdout.split()[-1] == "1"


@pytest.mark.parametrize("bad", ["0", "-1", "x", "2,2", "1.5"])
def test_a_bad_variable_fails_the_import(bad: str) -> None:
    result = in_process("import forwardpass", FORWARDPASS_NUM_THREADS=bad)
    assert result.returncode != 0
    assert "FORWARDPASS_NUM_THREADS" in result.stderr
    assert repr(bad) in result.stderr


@pytest.mark.parametrize(
    ("bad", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError), ("x", TypeError), (True, TypeError)]
)
def test_bad_counts(bad: Any, error: type[Exception]) -> None:
    net, x = network((3, 2), np.float32), np.zeros(3, np.float32)
    before = fp.get_num_threads()
    calls: list[Callable[[], object]] = [
        lambda: net(x, num_threads=bad),
        lambda: fp.set_num_threads(bad),
        lambda: fp.num_threads(bad).__enter__(),
    ]
    for call in calls:
        with pytest.raises(error, match="num_threads: expected"):
            call()
    assert fp.get_num_threads() == before
    assert same_bits(net(x, num_threads=10**30), net(x, num_threads=None))


WORK = """
import os, time, threading, numpy as np, forwardpass as fp
from forwardpass import _core
def tasks(): return len(os.listdir("/proc/self/task"))
net = fp.Sequential(fp.Linear.random(300, 900, rng=0), fp.ReLU(), fp.Linear.random(900, 64, rng=1))
x = np.random.default_rng(2).standard_normal((400, 300)).astype(np.float32)
alone = net(x, num_threads=1)
"""


def test_threads_start_when_needed_and_sleep_when_idle() -> None:
    code = (
        "before = tasks(); net(x[0], num_threads=2); assert _core.worker_count() == 0, 'small work'\n"
        "assert np.array_equal(net(x, num_threads=3), alone); assert _core.worker_count() == 2\n"
        "assert tasks() == before + 2\n"
        "time.sleep(0.005); start = time.process_time(); time.sleep(0.2); used = time.process_time() - start\n"
        "assert used < 0.002, used\n"
    )
    assert_runs(code)


def test_forked_children_have_threads_of_their_own() -> None:
    code = (
        "def child_is_right():\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n"
        "        os._exit(0 if np.array_equal(net(x, num_threads=2), alone) and _core.worker_count() == 1 else 1)\n"
        "    return os.waitpid(pid, 0)[1] == 0\n"
        "net(x, num_threads=2)\n"
        "assert all(child_is_right() for _ in range(50))\n"
        "stop = False\n"
        "def compute():\n"
        "    while not stop: net(x, num_threads=2)\n"
        "other = threading.Thread(target=compute); other.start()\n"
        "try: assert all(child_is_right() for _ in range(50))\n"
        "finally: stop = True; other.join()\n"
        "assert np.array_equal(net(x, num_threads=2), alone)\n"
    )
    assert_runs(code)


def test_a_signal_handler_that_forks_inside_a_call() -> None:
    code = (
        "import signal\n"
        "big = fp.Linear.random(2048, 2048, rng=0); rows = np.ones((3000, 2048), np.float32); right = big(rows[0])\n"
        "children = []\n"
        "def handler(*_):\n"
        "    pid = os.fork()\n"
        "    if pid: children.append(pid)\n"
        "    else: children.clear(); signal.setitimer(signal.ITIMER_REAL, 0)\n"
        "signal.signal(signal.SIGALRM, handler); signal.setitimer(signal.ITIMER_REAL, 0.01, 0)\n"
        "parent = os.getpid(); y = None; count = 0\n"
        "while os.getpid() == parent and not children: y = big(rows, num_threads=2)\n"
        "ok = bool((y == right).all()) if y is not None else True\n"
        "if os.getpid() != parent: os._exit(0 if ok else 1)\n"
        "assert ok and os.waitpid(children[0], 0)[1] == 0\n"
    )
    assert_runs(code)


def test_ctrl_c_ends_a_shared_call() -> None:
    net = network((2048, 2048, 2048), np.float32)
    x = normal(0, (20_000, 2048), np.float32)
    expected = net(x[:40], num_threads=1)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a job that a script put aside
    timer = threading.Timer(0.2, lambda: signal.raise_signal(signal.SIGINT))
    timer.start()

    def call_for_ever() -> None:
        while True:
            net(x, num_threads=2)

    try:
        with pytest.raises(KeyboardInterrupt):
            call_for_ever()
    finally:
        signal.signal(signal.SIGINT, before)
    timer.join()
    assert same_bits(net(x[:40], num_threads=2), expected)


def test_functions_of_one_element_are_work_too() -> None:
    """A long call of nothing else lets handlers run, and their exception ends it: the last rows are never written."""
    net, x = fp.Sequential(*[fp.ReLU()] * 2000), np.ones((10_000, 1000), np.float32)
    out = np.full(x.shape, np.nan, np.float32)

    def end(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        with pytest.raises(KeyboardInterrupt):
            net(x, out=out, num_threads=1)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert np.isnan(out[-1]).all()


def test_concurrent_callers_share_one_pool(dtype: Float) -> None:
    net, x = network((64, 700, 300), dtype), normal(0, (200, 64), dtype)
    expected = net(x, num_threads=1)

    def work(i: int) -> bool:
        return all(same_bits(net(x, num_threads=1 + i % 4), expected) for _ in range(20))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


def test_a_subclass_with_a_call_of_its_own() -> None:
    class Scaled(fp.Linear):
        def __call__(self, x: Any, *, out: Array | None = None, num_threads: int | None = None) -> Array:
            return 2 * super().__call__(x)

    assert Scaled([[1.0]])([3.0]) == 6
    later: Any = type("Later", (fp.Linear,), {})
    layer = later([[1.0]])
    assert layer([3.0]) == 3
    later.__call__ = lambda self, x, **keywords: (x, keywords)
    assert layer("anything", out=1) == ("anything", {"out": 1})


def test_threadpoolctl_sees_and_limits_us() -> None:
    threadpoolctl = pytest.importorskip("threadpoolctl", reason="an optional package; the test extra has it")
    before = fp.get_num_threads()
    (info,) = [i for i in threadpoolctl.threadpool_info() if i["user_api"] == "forwardpass"]
    assert (info["num_threads"], info["version"]) == (before, fp.__version__)
    with threadpoolctl.threadpool_limits(7, user_api="forwardpass"):
        assert fp.get_num_threads() == 7
    assert fp.get_num_threads() == before
    fp.set_num_threads(None)


def test_a_layer_of_no_outputs_among_large_ones(dtype: Float) -> None:
    """Its panels are dealt out too, and there are none."""
    W = np.ones((2048, 1024), dtype)
    bias = np.arange(3, dtype=dtype)
    net = fp.Sequential(fp.Linear(W), fp.Linear(np.ones((0, 2048), dtype)), fp.Linear(np.ones((3, 0), dtype), bias))
    assert same_bits(net(np.ones((2, 1024), dtype), num_threads=2), np.stack([bias, bias]))
