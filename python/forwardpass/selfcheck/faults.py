"""Tries bad input, failing memory and interrupts: each must end in a clear exception and leave the network right."""

from __future__ import annotations

import contextlib
import gc
import os
import re
import resource
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .. import _core, functional, nn
from .outcome import Outcome, amount, in_a_process, instruction_set, same_bits

Call = Callable[[], Any]


def _bad_value(rng: np.random.Generator, right: tuple[int, ...], optional: bool = False) -> Any:
    """A value that is wrong for an argument of this shape. It is never None where None is allowed."""
    wrong_shape = tuple(size + int(rng.integers(1, 4)) for size in right)
    kinds: list[Any] = [
        np.ones(wrong_shape),
        np.ones(right, complex),
        np.full(right, "text"),
        np.full(right, None),
        np.zeros(right, "datetime64[s]"),
        np.ma.masked_array(np.ones(right), mask=True),
        np.ones(()),
        "text",
        None,
        {},
        object(),
        lambda: 0,
        [[1.0], [1.0, 2.0]],
        np.ones((*wrong_shape, 2, 3)),
        as_strided(np.ones(1), (2**40, *wrong_shape), (0,) * (len(right) + 1)),
    ]
    if optional:
        kinds = [kind for kind in kinds if kind is not None]
    return kinds[rng.integers(len(kinds))]


def _bad_call(rng: np.random.Generator) -> tuple[str, Call]:
    """A call with a bad argument, and the name (or names) that its message must contain."""
    rows, depth, outputs = (int(size) for size in rng.integers(1, 20, 3))
    x, w, b = rng.standard_normal((rows, depth)), rng.standard_normal((outputs, depth)), rng.standard_normal(outputs)
    layer = nn.Linear(w, b)
    net = nn.Sequential(layer, nn.ReLU())
    bad = _bad_value
    bad_x, bad_w = bad(rng, x.shape), bad(rng, w.shape)
    bad_b, bad_out = bad(rng, b.shape, optional=True), bad(rng, (rows, outputs), optional=True)
    no_array: Any = {}
    threads: Any = [0, -1, 10**9, 2**70, "x", 1.5, []][rng.integers(7)]
    another = nn.Linear(rng.standard_normal((3, outputs + 1)))
    calls: list[tuple[str, Call]] = [
        ("x", lambda: net(bad_x)),
        ("x", lambda: layer(bad_x)),
        ("out", lambda: net(x, out=bad_out)),
        ("out", lambda: net(x, out=np.empty((rows, outputs), np.float32))),
        ("num_threads", lambda: net(x, num_threads=threads)),
        ("x", lambda: _core.linear(bad_x, w, b)),
        ("W", lambda: _core.linear(x, bad_w, b)),
        ("b", lambda: _core.linear(x, w, bad_b)),
        ("activation", lambda: _core.linear(x, w, b, "tanhh")),
        ("a", lambda: _core.dot(bad_b, b)),
        ("A", lambda: _core.matmul(bad_x, w.T)),
        ("B", lambda: _core.matmul(x, bad_w)),
        ("b", lambda: _core.add_bias(x, bad_w)),
        ("x", lambda: functional.relu(no_array)),
        ("weight|bias", lambda: nn.Linear(bad_w, b)),  # bad_w may have a shape that only the bias contradicts
        ("bias", lambda: nn.Linear(w, bad_b)),
        ("layer", lambda: nn.Sequential(layer, another)),
        ("layer", lambda: nn.Sequential(layer, bad_x)),
        ("mean", lambda: nn.Normalize(bad_x, np.abs(b) + 1)),
        ("running_var", lambda: nn.BatchNorm1d(b, -np.abs(b) - 1)),
        ("std", lambda: nn.Normalize(b, -np.abs(b))),
        ("state_dict", lambda: layer.load_state_dict({"weight": w})),
        ("weight", lambda: layer.load_state_dict({"weight": bad_w, "bias": b})),
    ]
    return calls[rng.integers(len(calls))]


def _names(message: str, names: str) -> bool:
    """Whether the message names one of the arguments; ``names`` separates them by |."""
    return re.search(rf"(?<![\w.])({names})(?![\w])", message) is not None


def bad_calls(share: float) -> Outcome:
    """20,000 generated calls with a bad argument. Each raises an exception that names it, or is accepted."""
    outcome = Outcome()
    rng = np.random.default_rng(0)
    accepted = 0
    for i in range(amount(20_000, share)):
        name, call = _bad_call(rng)
        try:
            call()
        except (ValueError, TypeError, MemoryError) as error:
            message = str(error)
            right = isinstance(error, MemoryError) or _names(message, name)
            outcome.check(right, f"call {i}: {name} not in {message!r:.150}")
        except BaseException as error:
            message = f"call {i}: {type(error).__name__}: {error}"
            outcome.check(False, message)
        else:
            accepted += 1  # a value that is allowed after all, such as a number for x
            outcome.check(True, "")
    outcome.note = f"{accepted} were accepted, as NumPy accepts them"
    return outcome


def memory(share: float) -> Outcome:
    """Runs out of memory at many points, and measures that calls, constructions and errors leave no memory behind."""
    count = amount(400, share, least=20)
    outcome = in_a_process("faults", "_fail_allocations", count, seconds=60 + 5 * count)
    growth = in_a_process("faults", "count_growth", share, seconds=60 + 600 * share)
    outcome.tried += growth.tried
    outcome.failed += growth.failed
    outcome.examples += growth.examples
    outcome.note = growth.note
    return outcome


def _fail_allocations(count: int) -> Outcome:
    """Calls with 0 to 64 MiB of memory left may raise MemoryError. With memory again, they must be right."""
    outcome = Outcome()
    rng = np.random.default_rng(0)
    w, x = rng.standard_normal((900, 900)).astype(np.float32), rng.standard_normal((3000, 900)).astype(np.float32)
    expected = nn.Sequential(nn.Linear(w), nn.GELU(), nn.Linear(w))(x, num_threads=1)
    kept = nn.Sequential(nn.Linear(w), nn.GELU(), nn.Linear(w))
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    for left in np.linspace(0, 64 << 20, count).astype(int):
        gc.collect()
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        failed, unexpected = False, None
        resource.setrlimit(resource.RLIMIT_AS, (used + int(left), hard))
        try:
            for net in (kept, None):
                (net or nn.Sequential(nn.Linear(w), nn.GELU(), nn.Linear(w)))(x, num_threads=1)
        except MemoryError:
            failed = True
        except BaseException as error:
            unexpected = error
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY if hard < 0 else hard, hard))
        right = unexpected is None and same_bits(kept(x, num_threads=1), expected)
        outcome.check(right, f"{left} bytes left: {unexpected!r}, failed {failed}")
    return outcome


def count_growth(share: float) -> Outcome:
    """10^6 calls, 10^4 constructions and 10^4 errors. Each series lets resident memory grow by less than 1 MiB."""
    outcome = Outcome()
    net = nn.Sequential(nn.Linear.random(17, 64, rng=0), nn.GELU(), nn.LayerNorm(64), nn.Linear.random(64, 6, rng=1))
    x, w = np.ones((4, 17), np.float32), np.ones((64, 64), np.float32)

    def error() -> None:
        with contextlib.suppress(ValueError):
            net(x[:, 1:])

    tasks: dict[str, tuple[int, Call]] = {
        "calls": (1_000_000, lambda: net(x)),
        "constructions": (10_000, lambda: nn.Sequential(nn.Linear(w), nn.Normalize(w[0], w[0]), nn.Tanh())),
        "errors": (10_000, error),
    }
    notes = []
    for name, (count, call) in tasks.items():
        for _ in range(2000):
            call()
        gc.collect()
        before = _resident()
        for _ in range(amount(count, share, least=2000)):
            call()
        gc.collect()
        growth = _resident() - before
        notes.append(f"{name} {growth >> 10} KiB")
        outcome.check(growth < 1 << 20, f"{name}: {growth} bytes more")
    outcome.note = "growth: " + ", ".join(notes)
    return outcome


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def interrupts(share: float) -> Outcome:
    """Ctrl-C in a call of 10 s raises KeyboardInterrupt within a second, and the network is right afterwards.

    This is tried with the scalar instruction set too, on which a tile of rows takes longest.
    """
    return in_a_process("faults", "_interrupt", seconds=60)


def _interrupt() -> Outcome:
    outcome = Outcome()
    for isa in (_core.current_isa(), "scalar"):
        with instruction_set(isa):
            net = nn.Sequential(*[nn.Linear.random(1024, 1024, rng=0)] * 40)
        x = np.ones((16, 1024), np.float32)
        expected = net(x)
        start = time.perf_counter()
        net(x, num_threads=1)
        rows = int(len(x) * 10 / (time.perf_counter() - start))
        many = np.broadcast_to(x[0], (rows, 1024))
        for threads in (1, 2):
            late = _late(partial(net, many, num_threads=threads))
            where = f"on {threads} thread{'s' if threads > 1 else ''} ({isa})"
            outcome.check(late < 1 and same_bits(net(x), expected), f"{where} after {late:.2f} s")
            outcome.note += f"{late * 1000:.0f} ms {where}; "
    outcome.note = outcome.note.rstrip("; ")
    return outcome


def _late(call: Call) -> float:
    """Send Ctrl-C half a second into a call. Seconds until KeyboardInterrupt, or infinity if the call ends first."""
    sent = 0.0

    def interrupt() -> None:
        nonlocal sent
        sent = time.perf_counter()
        os.kill(os.getpid(), signal.SIGINT)

    signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.5, interrupt)
    timer.start()
    try:
        call()
        late = float("inf")
    except KeyboardInterrupt:
        late = time.perf_counter() - sent
    timer.join()
    return late
