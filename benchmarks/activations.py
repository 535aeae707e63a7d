"""Every activation on an array in L1, one thread, from Python: forwardpass, NumPy, PyTorch and SLEEF.

Ours stands in cycles too, by the FMA burst of the same run, which is two FMAs a cycle: alone, and fused. Fused is what
it adds, over ReLU, to one of the outputs of 64-64 at 256 rows. The limit is that of its operations, which
cpp/operations.cpp counts, at two a cycle.

Each in its own way: ours with `out=`, NumPy as it is written by hand with results preallocated, PyTorch by its
functional call (its vector functions are SLEEF's), and SLEEF's own functions of one unit (`sudo apt install
libsleef-dev`), a loop of them compiled here with AVX2, for float32. Nanoseconds per element, medians.
"""

from support import BURST_STEPS, arguments, fma_burst, print_machine  # isort: skip

import ctypes
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import forwardpass as fp
from forwardpass import _core
from forwardpass.bench.timing import time_interleaved

SHAPE = (4, 1000)
ELEMENTS = SHAPE[0] * SHAPE[1]
# Of the network that activations are fused to.
WIDTH, ROWS = 64, 256
# A burst has 12 chains (cpp/kernels/ceilings.hpp), and two FMA units take two of them a cycle.
BURST_CYCLES = BURST_STEPS * 12 / 2

Array = NDArray[Any]
Call = Callable[[], object]


def numpy_by_hand(x: Array, y: Array) -> dict[str, Call]:
    """In place, without a temporary where one line allows it."""

    def sigmoid() -> None:
        np.negative(x, out=y)
        np.exp(y, out=y)
        np.add(y, 1, out=y)
        np.reciprocal(y, out=y)

    def elu() -> None:
        np.minimum(x, 0, out=y)
        np.expm1(y, out=y)
        np.maximum(x, y, out=y)

    def silu() -> None:
        sigmoid()
        np.multiply(x, y, out=y)

    def gelu_tanh() -> None:
        np.multiply(x, x, out=y)
        np.multiply(y, 0.044715, out=y)
        np.add(y, 1, out=y)
        np.multiply(y, x, out=y)
        np.multiply(y, (2 / np.pi) ** 0.5, out=y)
        np.tanh(y, out=y)
        np.add(y, 1, out=y)
        np.multiply(y, x, out=y)
        np.multiply(y, 0.5, out=y)

    def softplus() -> None:
        np.logaddexp(x, 0, out=y)

    def softmax() -> None:
        np.subtract(x, x.max(axis=1, keepdims=True), out=y)
        np.exp(y, out=y)
        np.divide(y, y.sum(axis=1, keepdims=True), out=y)

    return {
        "ReLU": lambda: np.maximum(x, 0, out=y),
        "ELU": elu,
        "GELU, tanh": gelu_tanh,
        "SiLU": silu,
        "Tanh": lambda: np.tanh(x, out=y),
        "Sigmoid": sigmoid,
        "Softplus": softplus,
        "Softmax": softmax,
    }


def pytorch(x: Array) -> dict[str, Call]:
    try:
        import torch
    except ImportError:
        return {}
    torch.set_num_threads(1)
    f, t = torch.nn.functional, torch.from_numpy(x)
    calls: dict[str, Call] = {
        "ReLU": lambda: torch.relu(t),
        "LeakyReLU": lambda: f.leaky_relu(t),
        "ELU": lambda: f.elu(t),
        "SELU": lambda: torch.selu(t),
        "GELU": lambda: f.gelu(t),
        "GELU, tanh": lambda: f.gelu(t, approximate="tanh"),
        "SiLU": lambda: f.silu(t),
        "Tanh": lambda: torch.tanh(t),
        "Sigmoid": lambda: torch.sigmoid(t),
        "Softplus": lambda: f.softplus(t),
        "Hardtanh": lambda: f.hardtanh(t),
        "Softmax": lambda: torch.softmax(t, -1),
        "LogSoftmax": lambda: torch.log_softmax(t, -1),
        "LayerNorm": lambda: f.layer_norm(t, SHAPE[1:]),
    }
    torch.inference_mode(True).__enter__()
    return calls


SLEEF = """
#include <immintrin.h>
#include <sleef.h>
#define LOOP(name, expression) \\
    void name(const float* x, float* y, long n) { \\
        for (long i = 0; i < n; i += 8) { \\
            const __m256 v = _mm256_loadu_ps(x + i); \\
            _mm256_storeu_ps(y + i, expression); \\
        } \\
    }
#define ONE _mm256_set1_ps(1)
LOOP(Tanh, Sleef_tanhf8_u10(v))
LOOP(Sigmoid, ONE / (ONE + Sleef_expf8_u10(-v)))
LOOP(ELU, _mm256_blendv_ps(v, Sleef_expm1f8_u10(_mm256_min_ps(v, _mm256_setzero_ps())), v))
LOOP(GELU, v * _mm256_set1_ps(0.5f) * (ONE + Sleef_erff8_u10(v * _mm256_set1_ps(0.70710678f))))
"""


def sleef(x: Array, y: Array) -> dict[str, Call]:
    if x.dtype != np.float32:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder, "sleef.c"), Path(folder, "sleef.so")
        source.write_text(SLEEF)
        command = ["cc", "-O3", "-mavx2", "-mfma", "-shared", "-fPIC", str(source), "-o", str(library), "-lsleef"]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            return {}
        loops = ctypes.CDLL(str(library))
    pointers = x.ctypes.data_as(ctypes.c_void_p), y.ctypes.data_as(ctypes.c_void_p), ctypes.c_long(x.size)

    def call(name: str) -> Call:
        function = getattr(loops, name)
        return lambda: function(*pointers)

    return {name: call(name) for name in ("Tanh", "Sigmoid", "ELU", "GELU")}


def our_layers() -> dict[str, fp.Module]:
    return {
        "ReLU": fp.ReLU(),
        "LeakyReLU": fp.LeakyReLU(),
        "ELU": fp.ELU(),
        "SELU": fp.SELU(),
        "GELU": fp.GELU(),
        "GELU, tanh": fp.GELU("tanh"),
        "SiLU": fp.SiLU(),
        "Tanh": fp.Tanh(),
        "Sigmoid": fp.Sigmoid(),
        "Softplus": fp.Softplus(),
        "Hardtanh": fp.Hardtanh(),
        "Softmax": fp.Softmax(),
        "LogSoftmax": fp.LogSoftmax(),
        "LayerNorm": fp.LayerNorm(SHAPE[1]),
    }


def ours(layers: dict[str, fp.Module], x: Array, y: Array) -> dict[str, Call]:
    def call(layer: fp.Module) -> Call:
        return lambda: layer(x, out=y)

    return {name: call(layer) for name, layer in layers.items()}


def limits(dtype: str) -> dict[str, float]:
    """Cycles an element at two operations a cycle, where there is a compiler to count them with."""
    root = Path(__file__).resolve().parents[1]
    lanes = _core.fma_burst(dtype, 1) / (2 * 12)
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "operations")
        source = root / "benchmarks/cpp/operations.cpp"
        command = [
            "c++",
            "-std=c++17",
            "-O1",
            "-w",
            "-ffp-contract=off",
            f"-I{root}/cpp",
            str(source),
            "-o",
            str(program),
        ]
        try:
            subprocess.run(command, check=True, capture_output=True)
            lines = subprocess.run([program, dtype], check=True, capture_output=True, text=True).stdout.splitlines()
        except (OSError, subprocess.CalledProcessError):
            return {}
    return {name: int(count) / 2 / lanes for name, count in (line.split("\t") for line in lines)}


def fused(dtype: str) -> dict[str, Call]:
    """The same behind a layer, those that are fused to it."""
    rng = np.random.default_rng(1)
    weight = rng.standard_normal((WIDTH, WIDTH)).astype(dtype) / np.dtype(dtype).type(4)
    x = rng.standard_normal((ROWS, WIDTH)).astype(dtype)
    layers: dict[str, fp.Module] = {
        name: fp.Sequential(fp.Linear(weight), layer)
        for name, layer in our_layers().items()
        if not isinstance(layer, (fp.Softmax, fp.LogSoftmax, fp.LayerNorm))
    }
    return ours(layers, x, np.empty_like(x))


def main() -> None:
    args = arguments(__doc__)
    print_machine()
    fp.set_num_threads(1)
    x = (2 * np.random.default_rng(0).standard_normal(SHAPE)).astype(args.dtype)
    outputs = [np.empty_like(x) for _ in range(3)]
    contestants = {
        "forwardpass": ours(our_layers(), x, outputs[0]),
        "NumPy": numpy_by_hand(x, outputs[1]),
        "PyTorch": pytorch(x),
        "SLEEF": sleef(x, outputs[2]),
    }
    behind = fused(args.dtype)
    least = limits(args.dtype)
    print(f"| {args.dtype} | forwardpass, ns | cycles | fused | limit | NumPy | PyTorch | SLEEF |\n|{'---|' * 8}")
    for name in contestants["forwardpass"]:
        calls = {peer: calls[name] for peer, calls in contestants.items() if name in calls}
        calls |= {"burst": fma_burst(args.dtype)}
        if name in behind:
            calls |= {"fused": behind[name], "fused ReLU": behind["ReLU"]}
        timings = time_interleaved(calls, args.seconds)
        cycle = timings["burst"].median / BURST_CYCLES
        cycles = f"{timings['forwardpass'].median / ELEMENTS / cycle:.2f}"
        added = ""
        if name in behind:
            more = timings["fused"].median - timings["fused ReLU"].median
            added = f"{more / (ROWS * WIDTH) / cycle:.2f}"
        nanoseconds = {peer: timing.median * 1e9 / ELEMENTS for peer, timing in timings.items()}
        mine = nanoseconds["forwardpass"]
        cells = [
            f"{nanoseconds[peer]:.2f} ({nanoseconds[peer] / mine:.1f}x)" if peer in nanoseconds else ""
            for peer in ("NumPy", "PyTorch", "SLEEF")
        ]
        limit = f"{least[name]:.2f}" if name in least else ""
        print(f"| {name} | {mine:.2f} | {cycles} | {added} | {limit} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
