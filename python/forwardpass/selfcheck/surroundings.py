"""Tries what must not change a call: floating-point settings, memory beside arrays, other threads, forks."""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np

from .. import _core, nn
from ..error_bound import error_bound
from .outcome import DTYPES, Array, Float, Outcome, amount, every_isa, in_a_process, same_bits

# The index of the SIMD control register in glibc's fenv_t (in 32-bit words). Then the register's bits: flush-to-zero,
# denormals-are-zero, the rounding mode, and the status flags.
CONTROL = {"x86_64": (7, 0x8000, 0x0040, 0x6000, 0x3F), "aarch64": (0, 1 << 24, 1 << 24, 3 << 22, 0)}


@contextmanager
def _switched_on(mode: int, word: int) -> Iterator[None]:
    libm: Any = ctypes.CDLL("libm.so.6")
    former, changed = (ctypes.c_uint32 * 8)(), (ctypes.c_uint32 * 8)()
    libm.fegetenv(former)
    libm.fegetenv(changed)
    changed[word] |= mode
    libm.fesetenv(changed)
    try:
        yield
    finally:
        libm.fesetenv(former)


def _control(word: int, status: int) -> int:
    state = (ctypes.c_uint32 * 8)()
    ctypes.CDLL("libm.so.6").fegetenv(state)
    return state[word] & ~status


def float_environment(share: float) -> Outcome:
    """Flush-to-zero, denormals-are-zero and three rounding modes change no bit, also in the pool's threads."""
    outcome = Outcome()
    if platform.machine() not in CONTROL or platform.libc_ver()[0] != "glibc":
        outcome.note = "not tried: it needs glibc on a known processor"
        return outcome
    word, flush, denormals, rounding, status = CONTROL[platform.machine()]
    lowest = rounding & -rounding
    modes = (flush, denormals, flush | denormals, lowest, rounding & ~lowest, rounding, flush | denormals | rounding)
    rng = np.random.default_rng(0)
    for _ in range(amount(50, share)):
        for isa in every_isa():
            dtype = DTYPES[rng.integers(2)]
            rows, width = int(rng.choice([1, 7, 200])), int(rng.integers(20, 300))
            tiny = float(np.finfo(dtype).tiny)
            x, w = ((tiny**0.5 * rng.standard_normal(s)).astype(dtype) for s in ((rows, width), (width, width)))
            net = nn.Sequential(nn.Linear(w), nn.SiLU(), nn.Linear(w / dtype(tiny**0.5)), nn.LayerNorm(width))
            for name, call in _calls(net, x, w).items():
                expected = call()
                for mode in modes:
                    with _switched_on(mode, word):
                        before = _control(word, status)
                        got = call()
                        kept = _control(word, status) == before
                    outcome.check(kept and same_bits(got, expected), f"{isa} {name} mode {mode:#x}")
    return outcome


def _calls(net: nn.Module, x: Array, w: Array) -> dict[str, Callable[[], Array]]:
    """Calls of every way into the kernels, and of the code that computes in Python."""
    single = (w[0].astype(np.float64) * 2.0**-130).astype(np.float32)  # subnormal, in part
    spread = np.abs(w[1]) + w.dtype.type(0.1)
    norm = nn.BatchNorm1d(w[0], spread, w[2], w[3])
    folding = nn.Sequential(nn.Linear(w), norm)

    def values(network: nn.Module) -> Array:
        return np.concatenate([array.ravel() for array in network.state_dict().values()])

    return {
        "columns": lambda: values(nn.Affine(single, single)),
        "norm": lambda: nn.BatchNorm1d(w[0], spread, w[2], w[3])(x),
        "folded": lambda: values(nn.fold_batch_norm(folding)),
        "bound": lambda: error_bound(net, x),
        "net": lambda: net(x, num_threads=3),
        "linear": lambda: _core.linear(x, w),
        "dot": lambda: np.asarray(_core.dot(x[0], w[0])),
        "pack": lambda: nn.Linear(w)(x),
    }


class _Guarded:
    """Memory between two pages that nobody may touch: reading there kills the process."""

    def __init__(self, size: int) -> None:
        page = mmap.PAGESIZE
        self._size = -(-size // page) * page
        self._map = mmap.mmap(-1, self._size + 2 * page)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        libc = ctypes.CDLL(None, use_errno=True)
        for address in (start, start + page + self._size):
            if libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(page), 0) != 0:
                raise OSError(ctypes.get_errno(), "mprotect")
        self._bytes = np.frombuffer(self._map, np.uint8)[page : page + self._size]

    def place(self, a: Array, right: bool) -> Array:
        """A copy of the values that ends at the last byte (``right``), or begins at the first one."""
        start = self._size - a.nbytes if right else 0
        placed: Array = self._bytes[start : start + a.nbytes].view(a.dtype).reshape(a.shape)
        placed[...] = a
        return placed


def guarded_pages(share: float) -> Outcome:
    """Operands begin or end at a page that nobody may touch. All sizes are 1 to 67, and some have 128 more inputs."""
    return in_a_process("surroundings", "_touch_guarded_pages", share, seconds=60 + 6000 * share)


def _touch_guarded_pages(share: float) -> Outcome:
    outcome = Outcome()
    rng = np.random.default_rng(0)
    x_at, w_at, b_at, y_at = (_Guarded(67 * (128 + 67) * 8) for _ in range(4))
    every = 67**3 + 67**3 // 5
    numbers = np.arange(every) if share >= 1 else rng.choice(every, amount(every, share), replace=False)
    for isa in every_isa():
        for number in numbers:
            # The last numbers are every fifth shape again, with 128 more inputs: 8 chains instead of 4.
            shape, more = (number, 0) if number < 67**3 else (5 * (number - 67**3), 128)
            rows, depth, outputs = 1 + shape // 67**2, 1 + shape // 67 % 67 + more, 1 + shape % 67
            dtype, right = DTYPES[number % 2], bool(number % 4 < 2)
            x, w = rng.standard_normal((rows, depth)).astype(dtype), rng.standard_normal((outputs, depth)).astype(dtype)
            b = rng.standard_normal(outputs).astype(dtype)
            x, w, b = x_at.place(x, right), w_at.place(w, right), b_at.place(b, right)
            net = nn.Sequential(nn.Linear(w, b), nn.Tanh())
            y = y_at.place(np.empty((rows, outputs), dtype), right)
            net(x, out=y)
            outcome.check(same_bits(y, net(x.copy())), f"{isa} {rows, depth, outputs} layer")
            for weight in (w, np.ascontiguousarray(w.T).T):
                _core.linear(x, weight, b, "tanh", out=y)
                outcome.check(same_bits(y, net(x)), f"{isa} {rows, depth, outputs} function")
    return outcome


def _small_network(dtype: Float = np.float32) -> tuple[nn.Module, Array]:
    rng = np.random.default_rng(0)
    net = nn.Sequential(
        nn.Linear.random(17, 64, dtype=dtype, rng=rng),
        nn.Tanh(),
        nn.Linear.random(64, 64, dtype=dtype, rng=rng),
        nn.ReLU(),
        nn.Linear.random(64, 6, dtype=dtype, rng=rng),
    )
    return net, rng.standard_normal((60, 17)).astype(dtype)


def shared_network(share: float) -> Outcome:
    """32 threads make 10^5 calls each of one network. Then load_state_dict() runs during calls of other threads."""
    outcome = Outcome()
    net, x = _small_network()
    expected = net(x)
    calls = amount(100_000, share)

    def work(thread: int) -> int:
        rows, out = x[thread], np.empty_like(expected)
        wrong = 0
        for i in range(calls):
            if i % 16 == 0:
                wrong += not same_bits(net(x, out=out), expected)
            else:
                wrong += net(rows).tobytes() != expected[thread].tobytes()
        return wrong

    with ThreadPoolExecutor(32) as pool:
        for wrong in pool.map(work, range(32)):
            outcome.tried += calls
            outcome.failed += wrong
    # A call may see old values, new ones, or both. It must not crash, and later calls see the new ones.
    stop = threading.Event()

    def keep_calling() -> None:
        while not stop.is_set():
            net(x)

    callers = [threading.Thread(target=keep_calling) for _ in range(4)]
    for caller in callers:
        caller.start()
    state = net.state_dict()
    for i in range(amount(2000, share)):
        net.load_state_dict({name: value * (1 + i % 2) for name, value in state.items()})
    net.load_state_dict(state)
    stop.set()
    for caller in callers:
        caller.join()
    outcome.check(same_bits(net(x), expected), "after load_state_dict in the middle of calls")
    return outcome


def forks(share: float) -> Outcome:
    """1,000 forks of a process that has used the library, half of them while a thread computes. A child has 10 s."""
    return in_a_process("surroundings", "_fork_often", amount(1000, share, least=10), seconds=60 + 11000 * share)


def _fork_often(count: int) -> Outcome:
    outcome = Outcome()
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Linear.random(500, 500, rng=rng), nn.ReLU(), nn.Linear.random(500, 500, rng=rng))
    x = rng.standard_normal((100, 500)).astype(np.float32)
    expected = net(x, num_threads=3)
    stop = threading.Event()

    def compute() -> None:
        while not stop.is_set():
            net(x, num_threads=3)

    for i in range(count):
        stop.clear()
        other = threading.Thread(target=compute)
        if i % 2:
            other.start()
        child = os.fork()
        if child == 0:
            right = same_bits(net(x, num_threads=3), expected)
            os._exit(0 if right else 3)
        deadline, status = time.monotonic() + 10, None
        while status is None and time.monotonic() < deadline:
            done, code = os.waitpid(child, os.WNOHANG)
            status = code if done else None
            time.sleep(0.0005)
        if status is None:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        outcome.check(status == 0, f"fork {i}: {'hung' if status is None else status}")
        stop.set()
        if i % 2:
            other.join()
    outcome.check(same_bits(net(x, num_threads=3), expected), "the parent afterwards")
    return outcome
