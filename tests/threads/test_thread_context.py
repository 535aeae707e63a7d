"""`with fp.num_threads(n)` belongs to the context: coroutines, generators and threads do not see each other's."""

import asyncio
import contextvars
import os
import subprocess
import sys
import threading
from collections.abc import Generator

import pytest

import forwardpass as fp


def test_coroutines_have_their_own_blocks() -> None:
    seen = []

    async def task(count: int, order: float) -> None:
        await asyncio.sleep(order)
        with fp.num_threads(count):
            await asyncio.sleep(0.02)
            seen.append((count, fp.get_num_threads()))

    async def both() -> None:
        await asyncio.gather(task(3, 0.0), task(4, 0.01), task(5, 0.005))

    before = fp.get_num_threads()
    asyncio.run(both())
    assert all(count == got for count, got in seen)
    assert len(seen) == 3
    assert fp.get_num_threads() == before


def blocks(count: int) -> Generator[int, None, None]:
    with fp.num_threads(count):
        yield fp.get_num_threads()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_generators_end_their_blocks_in_any_order(order: tuple[int, int]) -> None:
    before = fp.get_num_threads()
    generators = [blocks(7), blocks(9)]
    assert [next(generator) for generator in generators] == [7, 9]
    generators[order[0]].close()
    assert fp.get_num_threads() == (9, 7)[order[0]]
    generators[order[1]].close()
    assert fp.get_num_threads() == before


def test_equal_blocks_are_two() -> None:
    before = fp.get_num_threads()
    outer, inner = blocks(7), blocks(7)
    assert [next(outer), next(inner)] == [7, 7]
    outer.close()
    assert fp.get_num_threads() == 7
    inner.close()
    assert fp.get_num_threads() == before


def test_a_block_goes_with_the_context() -> None:
    """Into asyncio.to_thread() and copied contexts, not into a new thread."""
    before = fp.get_num_threads()
    assert before != 7
    with fp.num_threads(7):
        seen: list[int] = []
        thread = threading.Thread(target=lambda: seen.append(fp.get_num_threads()))
        thread.start()
        thread.join()
        assert seen == [before]
        assert contextvars.copy_context().run(fp.get_num_threads) == 7
        assert asyncio.run(asyncio.to_thread(fp.get_num_threads)) == 7


@pytest.mark.parametrize("text", ["1 ", " 1", "1\n", "1 ,2", "1,2"])
def test_spaces_in_omp_num_threads(text: str) -> None:
    code = "import forwardpass as fp; print(fp.get_num_threads())"
    environment = {**os.environ, "OMP_NUM_THREADS": text}
    environment.pop("FORWARDPASS_NUM_THREADS", None)
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"


@pytest.mark.parametrize("call", ["net(x)", "fp.linear(x, w)", "net(x.astype(float))"])
def test_calls_obey_their_block(call: str) -> None:
    code = f"""
import numpy as np, forwardpass as fp
from forwardpass import _core
x, w = np.ones((256, 512), np.float32), np.ones((512, 512), np.float32)
net = fp.Linear(w)
fp.set_num_threads(3)
with fp.num_threads(1):
    for _ in range(20): {call}
    print(_core.worker_count())
with fp.num_threads(2):
    for _ in range(20): {call}
    print(_core.worker_count())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "1"]
