"""x of any dtype and layout gives the bits of its converted array, without a copy of the whole."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import forwardpass as fp
from tests.support import Array, Float

pytestmark = pytest.mark.usefixtures("isa")

TYPES = ["?", "b", "B", "h", "H", "i", "I", "l", "L", "q", "Q", "e", "f", "d", ">f4", ">f8", ">i2", ">u4", ">q", ">e"]


def network(dtype: Float) -> fp.Sequential:
    rng = np.random.default_rng(0)
    first, last = fp.Linear.random(17, 40, dtype=dtype, rng=rng), fp.Linear.random(40, 6, dtype=dtype, rng=rng)
    return fp.Sequential(first, fp.ReLU(), last)


def values(rows: int, code: str) -> Array:
    """Of both signs where the type has both, and the largest that there are."""
    numbers = np.random.default_rng(rows).standard_normal((rows, 17)) * 50
    made: Array = (np.abs(numbers) if np.dtype(code).kind in "ub" else numbers).astype(code)
    if np.dtype(code).kind in "iu":
        made[0, :2] = np.iinfo(code).max, np.iinfo(code).min
    if np.dtype(code).kind == "f":
        made[0, :2] = float(np.finfo(code).max) / 2**20, np.finfo(code).tiny
    return made


def odd_address(x: Array) -> Array:
    """The same at an address that no element may have."""
    memory = np.zeros(x.nbytes + 1, np.uint8)[1:]
    made: Array = np.ndarray(x.shape, x.dtype, memory)
    made[...] = x
    return made


def apart(x: Array) -> Array:
    """Every second element of every second row of something larger."""
    larger = np.zeros((2 * x.shape[0], 2 * x.shape[1]), x.dtype)
    larger[::2, ::2] = x
    return larger[::2, ::2]


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "rows reversed": lambda x: x[::-1],
    "columns reversed": lambda x: x[:, ::-1],
    "one row again and again": lambda x: np.broadcast_to(x[:1], x.shape),
    "odd address": odd_address,
    "apart": apart,
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("code", TYPES)
def test_the_bits_of_the_converted_array(code: str, layout: str, dtype: Float) -> None:
    net = network(dtype)
    for rows in (1, 2, 70, 600):
        x = LAYOUTS[layout](values(rows, code))
        with np.errstate(over="ignore"):
            expected = net(np.ascontiguousarray(x.astype(dtype)))
        assert net(x).tobytes() == expected.tobytes()
        out = np.empty_like(expected)
        assert net(x, out=out) is out
        assert out.tobytes() == expected.tobytes()
        assert net(x, num_threads=3).tobytes() == expected.tobytes()
        assert net(x[0]).tobytes() == expected[0].tobytes()


def test_every_half() -> None:
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16).reshape(-1, 1)
    for dtype in (np.float32, np.float64):
        net = fp.Linear(np.ones((1, 1), dtype))
        for x in (halves, halves.astype(">f2")):
            assert np.array_equal(net(x), net(halves.astype(dtype)), equal_nan=True)


def test_a_truth_value_is_any_byte() -> None:
    x = np.array([[0, 1, 2, 255]], np.uint8).view(np.bool_)
    assert fp.Linear(np.eye(4))(x).tolist() == [[0.0, 1.0, 1.0, 1.0]]


def test_more_axes() -> None:
    net = network(np.float32)
    x = values(24, "i").reshape(2, 3, 4, 17)
    for given in (x, np.asfortranarray(x), x[:, ::-1]):
        assert net(given).tobytes() == net(given.astype(np.float32)).tobytes()


def test_an_output_that_shares_the_memory_of_x() -> None:
    memory = np.ones((50, 17))
    net = fp.Linear(np.eye(17, dtype=np.float32))
    out = memory.view(np.float32)[:, :17]
    expected = net(memory.astype(np.float32))
    assert np.array_equal(net(memory, out=out), expected)


def test_refused() -> None:
    net: Any = network(np.float32)
    for x in (np.ones(17, complex), np.array(["1"] * 17), np.ones(17, "datetime64[s]")):
        with pytest.raises(TypeError, match="x: "):
            net(x)
    assert np.array_equal(net(np.ones((3, 17), np.longdouble)), net(np.ones((3, 17))))


PROGRAM = """
import sys, numpy as np, forwardpass as fp
def field(name):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name))
net = fp.Sequential(fp.Linear.random(32, 64, rng=0), fp.ReLU(), fp.Linear.random(64, 4, rng=1))
x = np.ones((400_000, 32), sys.argv[1], order=sys.argv[2])
out = np.ones((len(x), 4), np.float32)
net(x[:3000], out=out[:3000])
open("/proc/self/clear_refs", "w").write("5")
before = field("VmHWM")
net(x, out=out)
print(field("VmHWM") - before)
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="resets the peak of its memory by /proc")
@pytest.mark.parametrize(("code", "order"), [("f", "C"), ("d", "C"), ("f", "F"), ("d", "F"), ("q", "C"), ("e", "F")])
def test_memory_beside_the_arrays(code: str, order: str) -> None:
    """Less than 1 MiB, where a copy would take 49."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, code, order], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 1024, done.stdout
