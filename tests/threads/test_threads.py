"""Calls from many threads share networks and need no lock."""

import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import forwardpass as fp
from tests.support import Array, Float, normal, same_bits

pytestmark = pytest.mark.usefixtures("isa")

THREADS = 32


def network(dtype: Float, seed: int = 0) -> fp.Sequential:
    W = [normal(seed + i, shape, dtype) for i, shape in enumerate([(64, 17), (130, 64), (3, 130)])]
    return fp.Sequential(fp.Linear(W[0]), fp.ReLU(), fp.Linear(W[1]), fp.ReLU(), fp.Linear(W[2]))


def test_32_threads_share_a_network(dtype: Float) -> None:
    net = network(dtype)
    # Small batches run with the GIL held, large ones without.
    inputs = [normal(i, ((1, 7, 60)[i % 3], 17), dtype) for i in range(THREADS)]
    expected = [net(x) for x in inputs]
    start = threading.Barrier(THREADS)

    def work(i: int) -> bool:
        start.wait()
        out = np.empty_like(expected[i])
        return all(
            same_bits(net(inputs[i]), expected[i]) and same_bits(net(inputs[i], out=out), expected[i])
            for _ in range(20)
        )

    with ThreadPoolExecutor(THREADS) as pool:
        assert all(pool.map(work, range(THREADS)))


def test_errors_in_one_thread_leave_the_others_right(dtype: Float) -> None:
    net = network(dtype)
    x = normal(1, (60, 17), dtype)
    expected = net(x)

    def work(i: int) -> Array:
        if i % 2:
            with pytest.raises(ValueError, match="last axis of 17"):
                net(x[:, :5])
        return net(x)

    with ThreadPoolExecutor(8) as pool:
        assert all(same_bits(y, expected) for y in pool.map(work, range(200)))


def test_threads_with_small_stacks(dtype: Float) -> None:
    net, x = network(dtype), normal(1, (60, 17), dtype)
    W, b = normal(2, (70, 17), dtype), normal(3, (70,), dtype)
    wide = normal(4, (2, 500), dtype)
    fortran = np.asfortranarray(normal(5, (3000, 300), dtype))

    def answers() -> list[Array]:
        return [
            net(x),
            net(x[0]),
            fp.linear(x, W, b),
            fp.linear(x[0], W, b),
            fp.Softmax()(wide),
            fp.matvec(fortran, wide[0, :300]),
        ]

    expected = answers()
    results: list[Array] = []

    def work() -> None:
        results.extend(answers())

    former = threading.stack_size(64 * 1024)
    try:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(former)
    assert len(results) == len(expected)
    assert all(same_bits(a, b) for a, b in zip(results, expected, strict=True))


def test_a_signal_handler_calls_during_a_call() -> None:
    """Where both need memory between their layers: neither may write into the other's."""
    W = [normal(i, (600, 600), np.float32) for i in range(2)]
    net = fp.Sequential(fp.Linear(W[0]), fp.ReLU(), fp.Linear(W[1]))
    x, few = normal(2, (3_000, 600), np.float32), normal(3, (40, 600), np.float32)
    expected, of_few = net(x), net(few)
    results: list[Array] = []

    def on_alarm(*_: object) -> None:
        results.append(net(few))

    former = signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, 0.005)  # once: a slow instruction set would meet the next one in the handler
    try:
        y = net(x)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
    assert same_bits(y, expected)
    assert len(results) == 1
    assert same_bits(results[0], of_few)


def test_loading_while_others_call(dtype: Float) -> None:
    """No crash, and the new values once loading is over; a call meanwhile may mix both."""
    net, other = network(dtype), network(dtype, seed=9)
    x = normal(1, (60, 17), dtype)
    expected = other(x)
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            assert net(x).shape == expected.shape

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(work) for _ in range(4)]
        for _ in range(20):
            net.load_state_dict(other.state_dict())
        stop.set()
        for future in running:
            future.result()
    assert same_bits(net(x), expected)
