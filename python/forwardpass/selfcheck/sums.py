"""Tries that every sum is inside its bound, exact for whole numbers, and the same bits whatever is around it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from .. import nn
from ..error_bound import error_bound
from ..nn.arithmetic import gamma
from .golden import wrong_cases
from .outcome import DTYPES, Array, Float, Outcome, amount, every_isa, same_bits

Draw = Callable[[np.random.Generator, tuple[int, int], Float], Array]
POISON = (np.nan, np.inf, -np.inf, 1e38, -1e38)


def normal(rng: np.random.Generator, shape: tuple[int, int], dtype: Float) -> Array:
    """Numbers near 1, of either sign."""
    return rng.standard_normal(shape).astype(dtype)


def positive(rng: np.random.Generator, shape: tuple[int, int], dtype: Float) -> Array:
    """Numbers from 0 to 1, so that nothing cancels."""
    return rng.uniform(0, 1, shape).astype(dtype)


def _cancelling(rng: np.random.Generator, shape: tuple[int, int], dtype: Float) -> Array:
    """Rows whose second half is nearly the negative of the first half."""
    values = rng.standard_normal(shape)
    half = shape[1] // 2
    values[:, half : 2 * half] = -values[:, :half] * (1 + 1e-6 * rng.standard_normal((1, half)))
    return values.astype(dtype)


def wide(rng: np.random.Generator, shape: tuple[int, int], dtype: Float) -> Array:
    """Numbers of very different sizes."""
    reach = 50 if dtype is np.float32 else 450
    return np.ldexp(rng.uniform(-1, 1, shape), rng.integers(-reach, reach, shape)).astype(dtype)


def _subnormal(rng: np.random.Generator, shape: tuple[int, int], dtype: Float) -> Array:
    values = rng.uniform(-1, 1, shape) * float(np.finfo(dtype).tiny)
    values[:, ::3] = rng.standard_normal(values[:, ::3].shape)
    return values.astype(dtype)


DISTRIBUTIONS: dict[str, Draw] = {
    "normal": normal,
    "all positive": positive,
    "cancelling": _cancelling,
    "wide exponents": wide,
    "subnormal": _subnormal,
}


def _depth(rng: np.random.Generator) -> int:
    """A random depth: mostly small, and sometimes at an edge of chains, superblocks or groups."""
    kind = rng.integers(20)
    if kind == 0:
        return int(rng.choice([1, 3, 4, 5, 8, 9, 127, 128, 129, 255, 256, 257, 263, 512, 1024]))
    if kind == 1:
        return int(rng.integers(4090, 4110))
    return int(rng.integers(1, 160))


def inside_the_bound(share: float) -> Outcome:
    """10^8 outputs lie inside error_bound: 2,000 shapes, five distributions, both dtypes, every instruction set."""
    outcome, largest = Outcome(), 0.0
    rng = np.random.default_rng(0)
    for _ in range(amount(2000, share)):
        depth, rows = _depth(rng), int(rng.integers(1, 68))
        outputs = max(1, 1800 // rows)
        for name, draw in DISTRIBUTIONS.items():
            for dtype in DTYPES:
                x, w, b = draw(rng, (rows, depth), dtype), draw(rng, (outputs, depth), dtype), None
                if rng.integers(2):
                    b = draw(rng, (1, outputs), dtype)[0]
                # One more digit than the result has is enough: its own error is added to the bound.
                wide: Any
                wide, u = (np.float64, 2.0**-53) if dtype is np.float32 else (np.longdouble, 2.0**-63)
                exact = x.astype(wide) @ w.astype(wide).T
                if b is not None:
                    exact = exact + b
                layer = nn.Linear(w, b)
                bound = error_bound(layer, x) * (1 + 1e-6)
                bound += gamma(depth + 2, u) * (np.abs(x).astype(float) @ np.abs(w).astype(float).T)
                if b is not None:
                    bound += 2 * u * np.abs(b)
                for isa in every_isa():
                    y = nn.Linear(w, b)(x)
                    error = np.abs(y - exact).astype(np.float64)
                    right = bool((error <= bound).all())
                    shape = (rows, depth, outputs)
                    outcome.check(right, f"{isa} {dtype.__name__} {name} {shape}", y.size)
                    largest = max(largest, float(np.max(error / bound, where=bound > 0, initial=0.0)))
    outcome.note = f"largest share of the bound {largest:.2f}"
    return outcome


def whole_numbers(share: float) -> Outcome:
    """Whole numbers are exact: 1 to 40 rows, inputs and outputs, and edges of lanes and chains, on up to 8 threads."""
    outcome = Outcome()
    rng = np.random.default_rng(1)
    sizes = [(depth, outputs) for depth in range(1, 41) for outputs in range(1, 41)]
    edges = (63, 64, 65, 127, 128, 129, 136, 255, 256, 257, 263, 512, 1024, 4096, 4097)
    sizes += [(depth, outputs) for depth in edges for outputs in (1, 2, 15, 16, 17, 31, 33, 64, 65)]
    chosen = rng.permutation(len(sizes))[: amount(len(sizes), share)]
    for isa in every_isa():
        for dtype in DTYPES:
            for depth, outputs in (sizes[i] for i in chosen):
                x, w = (rng.integers(-8, 9, shape).astype(dtype) for shape in ((40, depth), (outputs, depth)))
                b = rng.integers(-8, 9, outputs).astype(dtype)
                exact = (x.astype(np.float64) @ w.astype(np.float64).T + b).astype(dtype)
                layer = nn.Linear(w, b)
                for rows in range(1, 41):
                    for threads in (1, 2, 3, 8):
                        right = np.array_equal(layer(x[:rows], num_threads=threads), exact[:rows])
                        case = (rows, depth, outputs, threads)
                        outcome.check(right, f"{isa} {dtype.__name__} {case}")
    return outcome


def rows_alone(share: float) -> Outcome:
    """10^6 rows have the same bits alone and in batches of many sizes, beside rows of NaN, infinity and 1e38."""
    outcome = Outcome()
    rng = np.random.default_rng(2)
    wanted = amount(1_000_000, share)
    batches = [*range(1, 68), 128, 257, 1000]
    while outcome.tried < wanted:
        for isa in every_isa():
            dtype = DTYPES[rng.integers(2)]
            rows = int(rng.choice(batches))
            depth = int(2 ** rng.integers(0, 14)) if rng.integers(4) == 0 else _depth(rng)
            outputs = int(rng.integers(1, 8 if depth > 512 else 140))
            x, w = normal(rng, (rows, depth), dtype), normal(rng, (outputs, depth), dtype)
            layer = nn.Sequential(nn.Linear(w), nn.ReLU() if rng.integers(2) else nn.Tanh())
            alone = [layer(row) for row in x]
            poisoned = rng.random(rows) < 0.3
            x[poisoned] = rng.choice(POISON, (int(poisoned.sum()), depth))
            whole = layer(x)
            for i in np.flatnonzero(~poisoned):
                case = (rows, depth, outputs, int(i))
                outcome.check(same_bits(whole[i], alone[i]), f"{isa} {dtype.__name__} {case}")
    return outcome


def thread_counts(share: float) -> Outcome:
    """1 to 16 threads give the same bits. Shapes are small and large, so that threads share rows or panels."""
    outcome = Outcome()
    rng = np.random.default_rng(3)
    for _ in range(amount(50, share)):
        for isa in every_isa():
            if isa == "scalar" and rng.integers(4):
                continue  # it is slow, so it gets a quarter of the cases
            dtype = DTYPES[rng.integers(2)]
            rows = int(rng.choice([1, 2, 5, 9, 40, 200, 700]))
            widths = rng.integers(1, 1500 if rows < 10 else 400, 3)
            layers: list[nn.Module] = []
            for inputs, outputs in pairwise(widths):
                layers += [nn.Linear(normal(rng, (outputs, inputs), dtype)), nn.GELU()]
            net, x = nn.Sequential(*layers, nn.Softmax()), normal(rng, (rows, int(widths[0])), dtype)
            expected = net(x, num_threads=1)
            for threads in range(2, 17):
                case = (rows, widths.tolist(), threads)
                right = same_bits(net(x, num_threads=threads), expected)
                outcome.check(right, f"{isa} {dtype.__name__} {case}")
    return outcome


def golden_file(share: float) -> Outcome:
    """Compares the layers of the golden file on each instruction set."""
    outcome = Outcome()
    for isa in every_isa():
        tried, wrong = wrong_cases(every=max(1, round(1 / share)))
        outcome.tried += tried
        outcome.failed += len(wrong)
        outcome.examples += [f"{isa}: case {number}" for number in wrong[:1]]
    return outcome
