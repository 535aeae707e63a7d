"""Networks written by hand: NumPy, the BLAS under SciPy, and Numba."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..steps import Array
from ..workload import Workload
from . import Call, UnsupportedError
from .written import forward

# With an array and out=.
FUNCTIONS: dict[str, Callable[..., Array]] = {
    "ReLU": lambda y, out=None: np.maximum(y, 0, out=out),
    "Tanh": np.tanh,
}


def numpy_naive(workload: Workload, threads: int) -> Call:
    """As one writes it down."""

    def erf() -> Any:
        from scipy.special import erf

        return erf

    return Call("forward(x)", {"forward": forward(workload.steps, np, erf), "x": workload.x})


def numpy_careful(workload: Workload, threads: int) -> Call:
    """Every result preallocated; for batches the weights transposed beforehand, as the BLAS likes them."""
    one_row = workload.rows == 1
    lead = () if one_row else (workload.rows,)
    layers, kind = workload.plain(tuple(FUNCTIONS))
    weights = [w if one_row else np.ascontiguousarray(w.T) for w, _ in layers]
    steps = [(w, b, np.empty((*lead, len(b)), b.dtype)) for w, (_, b) in zip(weights, layers, strict=True)]
    x, last, function = workload.x, len(steps) - 1, FUNCTIONS[kind]

    def run() -> Array:
        y = x
        for i, (w, b, out) in enumerate(steps):
            if one_row:
                np.dot(w, y, out=out)
            else:
                np.dot(y, w, out=out)
            np.add(out, b, out=out)
            if i < last:
                function(out, out=out)
            y = out
        return y

    return Call("run()", {"run": run})


def scipy_blas(workload: Workload, threads: int) -> Call:
    """BLAS's gemv and gemm called directly, the bias being what the product is added to."""
    from scipy.linalg import blas

    gemv, gemm = (getattr(blas, ("s" if workload.dtype == "float32" else "d") + name) for name in ("gemv", "gemm"))
    one_row, x, last = workload.rows == 1, workload.x, len(workload.layers) - 1
    steps: list[tuple[Any, ...]] = []
    for w, b in workload.layers:
        tiled = b if one_row else np.asfortranarray(np.broadcast_to(b[:, np.newaxis], (len(b), workload.rows)))
        steps.append((np.asfortranarray(w.T), tiled, tiled.copy("F")))

    def run() -> Array:
        y = x if one_row else x.T
        for i, (wt, b, out) in enumerate(steps):
            out[...] = b
            if one_row:
                y = gemv(1.0, wt, y, beta=1.0, y=out, overwrite_y=True, trans=True)
            else:
                y = gemm(1.0, wt, y, beta=1.0, c=out, overwrite_c=True, trans_a=True)
            if i < last:
                np.maximum(y, 0, out=y)
        return y.T

    return Call("run()", {"run": run})


def _numba(workload: Workload) -> dict[str, Any]:
    """Jitted forward(x, y) and fresh(x), one thread.

    The weights, transposed, are frozen in as constants; the loops over outputs are inside those over inputs.
    """
    if workload.work > 1 << 19:
        raise UnsupportedError("weights this large are not frozen into a function")
    import numba

    frozen: dict[str, Any] = {"np": np}
    one_row = workload.rows == 1
    x_row, y_row = ("x", "y") if one_row else ("x[row]", "y[row]")
    lines = ["def forward(x, y):", "    for row in range(1):" if one_row else "    for row in range(x.shape[0]):"]
    source = x_row
    for i, (w, b) in enumerate(workload.layers):
        frozen[f"w{i}"], frozen[f"b{i}"] = np.ascontiguousarray(w.T), b
        inputs, outputs = w.shape[1], w.shape[0]
        target = y_row if i + 1 == len(workload.layers) else f"h{i}"
        lines += [
            *([] if target == y_row else [f"        h{i} = np.empty({outputs}, np.{workload.dtype})"]),
            f"        for j in range({outputs}): {target}[j] = b{i}[j]",
            f"        for k in range({inputs}):",
            f"            v = {source}[k]",
            f"            for j in range({outputs}): {target}[j] += v * w{i}[k, j]",
            *([] if target == y_row else [f"        for j in range({outputs}): h{i}[j] = max(h{i}[j], 0)"]),
        ]
        source = target
    shape = f"{workload.ends[1]}" if one_row else f"(x.shape[0], {workload.ends[1]})"
    lines += ["def fresh(x):", f"    y = np.empty({shape}, np.{workload.dtype})", "    forward(x, y)", "    return y"]
    exec("\n".join(lines), frozen)
    for name in ("forward", "fresh"):
        frozen[name] = numba.njit(fastmath=True, boundscheck=False)(frozen[name])
    return frozen


def numba_fresh(workload: Workload, threads: int) -> Call:
    """A new array each time."""
    return Call("forward(x)", {"forward": _numba(workload)["fresh"], "x": workload.x})


def numba_into(workload: Workload, threads: int) -> Call:
    """Into the same array each time."""
    x = workload.x
    y = np.empty((*x.shape[:-1], workload.ends[1]), workload.dtype)
    return Call("forward(x, y) or y", {"forward": _numba(workload)["forward"], "x": x, "y": y})
