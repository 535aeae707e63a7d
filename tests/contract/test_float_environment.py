"""Flush-to-zero and rounding modes that others switched on change no bit, and are left switched on."""

import ctypes
import json
import platform
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import forwardpass as fp
from tests.support import Array, Float, normal, same_bits

MACHINE = platform.machine()
pytestmark = [
    pytest.mark.usefixtures("isa"),
    pytest.mark.skipif(
        sys.platform != "linux" or MACHINE not in ("x86_64", "aarch64"),
        reason="needs glibc's fenv_t of a known machine",
    ),
]

# Where glibc's fenv_t keeps the register that SIMD obeys, and that register's bits.
CONTROL_WORD, FLUSH, ROUNDING = (7, 0x8040, 0x6000) if MACHINE == "x86_64" else (0, 1 << 24, 3 << 22)
STATUS = 0x3F if MACHINE == "x86_64" else 0
MODES = {
    "flush to zero": FLUSH,
    "rounding 1": ROUNDING & -ROUNDING,
    "rounding 2": ROUNDING & ~(ROUNDING & -ROUNDING),
    "towards zero": ROUNDING,
    "all": FLUSH | ROUNDING,
}


def control() -> int:
    state = (ctypes.c_uint32 * 8)()
    ctypes.CDLL("libm.so.6").fegetenv(state)
    return state[CONTROL_WORD] & ~STATUS


@contextmanager
def switched_on(mode: int) -> Iterator[None]:
    libm = ctypes.CDLL("libm.so.6")
    former, changed = (ctypes.c_uint32 * 8)(), (ctypes.c_uint32 * 8)()
    libm.fegetenv(former)
    libm.fegetenv(changed)
    changed[CONTROL_WORD] |= mode
    libm.fesetenv(changed)
    try:
        yield
    finally:
        libm.fesetenv(former)


def unchanged_under(mode: int, call: Callable[[], Any]) -> None:
    expected = call()
    standard = control()
    with switched_on(mode):
        before = control()
        result = call()
        after = control()
    assert before == standard | mode
    assert after == before
    assert control() == standard
    assert same_bits(result, expected)


def delicate(dtype: Float) -> tuple[Array, Array, Array]:
    """Sums that round in every step, and some that are subnormal."""
    x, W, b = normal(1, (7, 70), dtype), normal(2, (19, 70), dtype), normal(3, (19,), dtype)
    tiny = np.finfo(dtype).tiny
    x[3] *= tiny
    W[5] *= tiny
    b[5] = np.finfo(dtype).smallest_subnormal
    return x, W, b


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
class TestModes:
    def test_calls(self, mode: int, dtype: Float) -> None:
        x, W, b = delicate(dtype)
        net = fp.Sequential(fp.Linear(W, b), fp.ReLU(), fp.Linear(W.T.copy()))
        unchanged_under(mode, lambda: net(x))
        for rows in (x, x[3]):
            unchanged_under(mode, lambda rows=rows: fp.linear(rows, W, b, "relu"))  # type: ignore[misc]
            unchanged_under(mode, lambda rows=rows: fp.relu(rows))  # type: ignore[misc]
        unchanged_under(mode, lambda: fp.add_bias(x[:, :19], b))
        unchanged_under(mode, lambda: fp.matmul(x, W.T))
        unchanged_under(mode, lambda: fp.dot(x[3], W[0]))

    def test_few_rows_on_two_threads(self, mode: int, dtype: Float) -> None:
        """Weights are dealt out to threads; what comes between them runs on the caller's alone."""
        W = normal(5, (1024, 1024), dtype)
        net = fp.Sequential(fp.Linear(W), fp.Softmax(), fp.Linear(W), fp.ELU())
        x = normal(6, (2, 1024), dtype)
        unchanged_under(mode, lambda: net(x, num_threads=2))

    def test_construction(self, mode: int, dtype: Float) -> None:
        x, W, b = delicate(dtype)
        expected = fp.Linear(W, b)(x)
        with switched_on(mode):
            layer = fp.Linear(W, b)
            layer.load_state_dict(layer.state_dict())
        assert same_bits(layer(x), expected)

    def test_construction_of_columns(self, mode: int, dtype: Float) -> None:
        """Whose values are rounded to float32, once, and may be subnormal."""
        values = normal(7, (4, 19), np.float64) * [[1e-40], [1e-40], [1.0], [1.0]]
        low, high = np.sort(values[:2], axis=0)
        x = normal(8, (5, 19), dtype)

        def answers() -> list[Array]:
            subnormal = fp.Affine(np.full(19, 1e-310), np.zeros(19))
            layers = [fp.Clip(low, high), fp.Affine(*values[2:]), fp.Normalize(values[2], np.abs(values[3])), subnormal]
            for layer in layers:
                layer.load_state_dict(layer.state_dict())
            return [layer(x) for layer in layers]

        expected = answers()
        with switched_on(mode):
            under = answers()
        for ours, right in zip(under, expected, strict=True):
            assert same_bits(ours, right)

    def test_conversion_of_x(self, mode: int) -> None:
        """To float32, which rounds, and may make subnormals."""
        x, W, _ = delicate(np.float32)
        given = normal(4, (7, 70), np.float64)
        given[2] *= np.finfo(np.float32).tiny
        net = fp.Linear(W)
        unchanged_under(mode, lambda: net(given))
        unchanged_under(mode, lambda: net((x * 2**20).astype(np.int64)))
        unchanged_under(mode, lambda: fp.relu(np.array([2**53 + 1, -5, 2**62 + 1])))

    def test_conversion_of_weights(self, mode: int) -> None:
        bias = normal(1, (3,), np.float64) * 1e-40
        weight = normal(2, (3, 5), np.float64)
        layer = fp.Linear(weight.astype(np.float32), bias)
        expected = layer.bias
        with switched_on(mode):
            converted = fp.Linear(weight.astype(np.float32), bias).bias
        assert same_bits(converted, expected)
        layer.load_state_dict({"weight": weight, "bias": bias})
        with switched_on(mode):
            layer.load_state_dict({"weight": weight, "bias": bias})
        assert same_bits(layer.weight, weight.astype(np.float32))


def subnormal(shape: tuple[int, ...], dtype: Float) -> Array:
    """Numbers that flush-to-zero would lose."""
    values: Array = normal(9, shape, np.float64) * float(np.finfo(dtype).tiny) / 16
    return values.astype(dtype)


def flattened(arrays: Iterable[Array]) -> Array:
    return np.concatenate([np.ravel(array) for array in arrays])


X = normal(11, (5, 8), np.float64)
# Made beforehand: what a test computes under a mode itself says nothing.
ROUNDED = 0.1 * (1 + np.arange(8))
THIRD, SEVENTH, TINY = ROUNDED / 3, ROUNDED / 7, X * 1e-160
SINGLE = ROUNDED.astype(np.float32) * np.float32(1e-38)
SUBNORMALS: dict[Any, Array] = {
    np.float16: (np.arange(1, 9) * 2.0**-24).astype(np.float16),
    np.float32: subnormal((8,), np.float32),
    np.float64: subnormal((8,), np.float64),
}
FOLDED = fp.Sequential(
    fp.Linear(normal(1, (8, 8), np.float32), SUBNORMALS[np.float32]),
    fp.BatchNorm1d(ROUNDED, THIRD, SEVENTH, ROUNDED),
)
BOUNDED = [
    fp.Linear(np.diag(SUBNORMALS[np.float32])),
    fp.Sequential(fp.Linear(np.eye(8, dtype=np.float32)), fp.LeakyReLU(), fp.LayerNorm(8), fp.SiLU(), fp.Softmax()),
    *(fp.Sequential(fp.Linear(np.eye(8, dtype=np.float32)), layer) for layer in (fp.Softplus(), fp.LogSoftmax())),
]
# What computes in Python, beside calls: construction, folding, bounds, files and importers.
IN_PYTHON: dict[str, Callable[[], Iterable[Array]]] = {
    "arrays of another dtype": lambda: [
        array
        for dtype in (np.float16, np.float32, np.float64)
        for array in fp.Affine(SUBNORMALS[dtype], SUBNORMALS[dtype]).state_dict().values()
    ],
    "batch norm": lambda: [fp.BatchNorm1d(ROUNDED, THIRD, SEVENTH, eps=1e-5)(X)],
    "normalize": lambda: [fp.Normalize(ROUNDED, THIRD, 0.7)(X)],
    "layer norm": lambda: [fp.LayerNorm(8, SUBNORMALS[np.float64], eps=1e-310)(TINY)],
    "load_state_dict": lambda: [loaded()(X)],
    "numbers": lambda: [np.array([fp.LeakyReLU(n).negative_slope for n in SUBNORMALS[np.float32][:8]])],
    "random": lambda: [fp.Linear.random(9, 8, rng=0).weight],
    "folding": lambda: fp.fold_batch_norm(FOLDED).state_dict().values(),
    "bound": lambda: [fp.error_bound(net, SUBNORMALS[np.float32][:8]) for net in BOUNDED],
    "bare weights": lambda: bare().state_dict().values(),
    "a mapping": lambda: fp.from_torch({"weight": SUBNORMALS[np.float16].reshape(2, 4)}, "4-2").state_dict().values(),
}


def loaded() -> fp.Module:
    layer = fp.Normalize(np.zeros(8), np.ones(8))
    layer.load_state_dict({"mean": SINGLE, "std": THIRD})
    return layer


def bare() -> fp.Module:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bare.safetensors"
        bits = np.array([[1, 2, 0x7F, 0x8001]], np.uint16)  # subnormals in bfloat16
        header = json.dumps({"weight": {"dtype": "BF16", "shape": [1, 4], "data_offsets": [0, 8]}}).encode()
        path.write_bytes(len(header).to_bytes(8, "little") + header + bits.tobytes())
        return fp.load(path, "4-1")


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
@pytest.mark.parametrize("name", IN_PYTHON)
def test_arithmetic_in_python(name: str, mode: int) -> None:
    compute = IN_PYTHON[name]
    expected = flattened(compute())
    standard = control()
    with switched_on(mode):
        got = [array.copy() for array in compute()]
        after = control()
    assert after == standard | mode
    assert same_bits(flattened(got), expected)
    assert np.count_nonzero(expected) > 0


def test_no_warnings_and_no_traps(dtype: Float) -> None:
    """NumPy's error state is about NumPy's own operations: overflow and NaN are results here."""
    largest, tiny = np.finfo(dtype).max, np.finfo(dtype).smallest_subnormal
    x = np.array([[largest, largest], [np.inf, -np.inf], [tiny, tiny], [np.nan, 0], [0, -0.0]], dtype)
    W = np.array([[1, 1], [0, 1], [tiny, 0.5]], dtype)
    with np.errstate(all="raise"):
        net = fp.Sequential(fp.Linear(W, W[:, 0]), fp.ReLU())
        assert net(x).shape == (5, 3)
        assert np.isinf(fp.linear(x, W)[0, 0])
        assert np.isinf(fp.matmul(x, W.T)[0, 0])
        assert np.isinf(fp.matmul(x, W.T[np.newaxis])[0, 0, 0])
        assert np.isinf(fp.dot(x[0], W[0]))
        assert np.isinf(fp.add_bias(x[:1], x[0])).all()
        assert np.isnan(fp.relu(x)[3, 0])
