"""How much each order of a sum rounds: the table of docs/numerics.md.

    python tools/orders.py

Each figure is the root mean square error of 4,096 float32 sums in the order of today (fma-v2), divided by that of the
order before (fma-v1), of NumPy's best of three ways, and of one chain of FMAs.

The orders are written in NumPy. An FMA is a float64 product, which is exact, and a float64 sum. It rounds twice, which
matters in one of some 2^29 cases: no table shows that.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Exact = NDArray[np.float64]
DEPTHS = (16, 32, 64, 128, 256, 512, 784, 1024, 2048, 4096, 20000, 65536)
ROWS = 64


def normal(rng: np.random.Generator, depth: int) -> Array:
    return rng.standard_normal((ROWS, depth)).astype(np.float32)


def positive(rng: np.random.Generator, depth: int) -> Array:
    return rng.uniform(0, 1, (ROWS, depth)).astype(np.float32)


def wide(rng: np.random.Generator, depth: int) -> Array:
    return np.ldexp(rng.uniform(-1, 1, (ROWS, depth)), rng.integers(-12, 13, (ROWS, depth))).astype(np.float32)


def chains(x: Array, w: Array) -> Array:
    """Of (..., steps, chains): a chain of FMAs over the steps."""
    p = np.zeros(np.broadcast_shapes(x[..., 0, :].shape, w[..., 0, :].shape), np.float32)
    for step in range(x.shape[-2]):
        p = (x[..., step, :].astype(np.float64) * w[..., step, :] + p).astype(np.float32)
    return p


def left_to_right(terms: Array) -> Array:
    """The sum over the last axis."""
    total: Array = terms[..., 0]
    for i in range(1, terms.shape[-1]):
        total = total + terms[..., i]
    return total


def cut(a: Array, *shape: int) -> Array:
    """The last axis in that shape and as many of it as are needed, filled up with zeros, which change no finite sum."""
    fill = -a.shape[-1] % int(np.prod(shape))
    return np.pad(a, [(0, 0)] * (a.ndim - 1) + [(0, fill)]).reshape(*a.shape[:-1], -1, *shape)


def fma_v2(x: Array, w: Array) -> Array:
    """Neighbours to 4 or 8 chains, 32 steps to a superblock, 16 superblocks to a group."""
    count = 4 if x.shape[-1] <= 128 else 8
    superblocks = left_to_right(chains(cut(x, 32, count), cut(w, 32, count)))
    return left_to_right(left_to_right(cut(superblocks, 16)))


def fma_v1(x: Array, w: Array) -> Array:
    """Blocks of up to 32 neighbours, a chain each, 64 blocks to a superblock."""
    block = min(32, 8 * -(-x.shape[-1] // 32))
    blocks = chains(np.swapaxes(cut(x, block), -1, -2), np.swapaxes(cut(w, block), -1, -2))
    return left_to_right(left_to_right(cut(blocks, 64)))


def one_chain(x: Array, w: Array) -> Array:
    return chains(x[..., np.newaxis], w[..., np.newaxis])[..., 0]


def error(y: Array, exact: Exact) -> float:
    return float(np.sqrt(np.mean((y - exact) ** 2)))


def of_numpy(x: Array, w: Array, exact: Exact) -> float:
    fortran = np.asfortranarray(w)
    return min(error(y, exact) for y in (x @ w.T, x @ fortran.T, np.stack([w @ row for row in x])))


def of_order(order: Callable[[Array, Array], Array], x: Array, w: Array, exact: Exact) -> float:
    return error(np.stack([order(row, w) for row in x]), exact)


def main() -> None:
    print(f"NumPy {np.__version__}\n")
    for draw in (normal, positive, wide):
        print(f"| {draw.__name__} | " + " | ".join(map(str, DEPTHS)) + " |\n" + "|---" * (len(DEPTHS) + 1) + "|")
        columns = []
        for depth in DEPTHS:
            rng = np.random.default_rng(depth)
            x, w = draw(rng, depth), draw(rng, depth)
            exact = x.astype(np.float64) @ w.astype(np.float64).T
            ours = of_order(fma_v2, x, w, exact)
            others = of_order(fma_v1, x, w, exact), of_numpy(x, w, exact), of_order(one_chain, x, w, exact)
            columns.append([ours / other for other in others])
        for name, ratios in zip(("fma-v1", "NumPy", "one chain"), zip(*columns, strict=True), strict=True):
            print(f"| to {name} | " + " | ".join(f"{ratio:.2f}" for ratio in ratios) + " |")
        print(flush=True)


if __name__ == "__main__":
    main()
