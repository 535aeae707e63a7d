"""An interrupt may come between any two bytecodes: values are all old or all new, and settings are as they were."""

import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import numpy as np
import pytest

import forwardpass as fp
from tests.support.one_value import check_consistent, normalised


class StopError(Exception):
    pass


def bytecodes(call: Callable[[], object], stop_at: int = -1) -> int:
    """How many a call has. At one of them it may be interrupted, as a signal handler interrupts it."""
    seen = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal seen
        frame.f_trace_opcodes = True
        if event == "opcode":
            seen += 1
            if seen == stop_at + 1:
                raise StopError
        return trace

    former = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(former)
    return seen


def test_an_interrupt_leaves_all_old_or_all_new() -> None:
    nets = {value: normalised(value) for value in (1.0, 2.0)}
    x = np.linspace(-3, 3, 12).reshape(3, 4)
    expected, states = {v: n(x) for v, n in nets.items()}, [n.state_dict() for n in nets.values()]
    net = normalised(1.0)

    net.load_state_dict(states[0])  # what is cached counts once
    count, stopped = bytecodes(partial(net.load_state_dict, states[0])), 0
    # The last ones are around the moment when the values change.
    points = [*range(0, count - 60, 7), *range(count - 60, count)]
    for point in points:
        try:
            bytecodes(partial(net.load_state_dict, states[point % 2]), stop_at=point)
        except StopError:
            stopped += 1
        check_consistent(net, expected, x)
    assert stopped > 90


SINGLE = fp.Linear(np.ones((3, 2), np.float32))
CALLS: dict[str, Callable[[], object]] = {
    "a conversion": lambda: SINGLE([1e39, 1.0]),
    "a conversion of weights": lambda: SINGLE.load_state_dict({"weight": np.full((3, 2), 0.5)}),
    "error_bound": lambda: fp.error_bound(SINGLE, [1e39, 1.0]),
    "fold_batch_norm": lambda: fp.fold_batch_norm(fp.Sequential(SINGLE, fp.BatchNorm1d([1] * 3, [2] * 3))),
}


@pytest.mark.parametrize("name", CALLS)
def test_settings_stay(name: str) -> None:
    call, before = CALLS[name], (np.geterr(), fp.get_num_threads())
    bytecodes(call)  # what is cached counts once
    count = bytecodes(call)
    for point in [*range(0, min(count, 200)), *range(200, count, 37)]:
        with pytest.raises(StopError):
            bytecodes(call, stop_at=point)
        assert (np.geterr(), fp.get_num_threads()) == before, point
