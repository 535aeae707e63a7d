"""The promise "what was checked is what is used": other code changes arrays after the library has checked them."""

from __future__ import annotations

import sys
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _core, functional, nn
from .outcome import Array, Outcome, amount, in_a_process, same_bits

ROWS = 50_000


def changing_arrays(share: float) -> Outcome:
    """10,000 calls in which one argument's conversion reshapes another, then 100 s in which other threads reshape."""
    return in_a_process("changes", "change_arrays", share, seconds=60 + 400 * share)


class Reshaping:
    """An array-like whose conversion gives another array another shape."""

    def __init__(self, values: Array, other: Array, shape: tuple[int, ...]) -> None:
        self.values, self.other, self.shape = values, other, shape

    def __array__(self, *_: Any, **__: Any) -> Array:
        set_shape(self.other, self.shape)
        return self.values


def set_shape(array: Array, shape: tuple[int, ...]) -> None:
    """Change the shape in place, without the warning that NumPy gives since 2.5."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        array.shape = shape


def change_arrays(share: float) -> Outcome:
    """The cases of changing_arrays(), which runs them in a process of their own."""
    warnings.simplefilter("ignore")
    outcome = Outcome()
    rng = np.random.default_rng(0)
    for number in range(amount(10_000, share)):
        rows, depth, outputs = (int(size) for size in rng.integers(2, 60, 3))
        x, w, b = (rng.standard_normal(shape) for shape in ((rows, depth), (outputs, depth), (outputs,)))
        expected = nn.Linear(w, b)(x)
        for name, call in _calls(x, w, b).items():
            try:
                right = same_bits(call(), expected)
            except ValueError:  # the array had its new shape before the check, which refused it
                right = True
            outcome.check(right, f"call {number}: {name} of {rows, depth, outputs}")
    _reshape_in_threads(outcome, 100 * share)
    return outcome


def _calls(x: Array, w: Array, b: Array) -> dict[str, Callable[[], Array]]:
    """Calls that compute the same layer in several ways, while an argument is reshaped after it was checked."""

    def bias(other: Array) -> Any:
        return Reshaping(b, other, (other.size, 1) if other.shape[0] == 1 else (1, other.size))

    def constructed() -> Array:
        weight = w.copy()
        return nn.Linear(weight, bias(weight))(x)

    def loaded() -> Array:
        layer, weight = nn.Linear(np.zeros_like(w), np.zeros_like(b)), w.copy()
        layer.load_state_dict({"weight": weight, "bias": bias(weight)})
        return layer(x)

    def functional() -> Array:
        rows, weight = x.copy(), w.copy()
        return _core.linear(rows, Reshaping(weight, rows, (x.size,)), bias(weight))

    return {"Linear": constructed, "load_state_dict": loaded, "linear": functional}


def _reshape_in_threads(outcome: Outcome, seconds: float) -> None:
    """Other threads reshape arrays during calls. They can, because conversions and calls release the GIL."""
    former, stop = sys.getswitchinterval(), threading.Event()
    net = nn.Linear(np.ones((8, 8), np.float32))
    x, out = np.ones((ROWS, 8)), np.zeros((ROWS, 8), np.float32)

    def reshape(array: Array) -> None:
        while not stop.is_set():
            array.shape = (1, ROWS * 8)
            array.shape = (ROWS, 8)

    calls: list[Callable[[], Array]] = [
        lambda: net(x),
        lambda: functional.relu(x),
        lambda: _core.linear(x, np.ones((8, 8))),
        lambda: net(np.ones((ROWS, 8)), out=out),
    ]
    threads = [threading.Thread(target=reshape, args=(array,)) for array in (x, out)]
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for call in calls:
                try:
                    y = call()
                except ValueError:  # the array had the other shape when it was checked
                    continue
                right = y.size == ROWS * 8 and bool(np.isin(y, (1.0, 8.0)).all())
                outcome.check(right, f"a result of shape {y.shape}")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        sys.setswitchinterval(former)
