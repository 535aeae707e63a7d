"""Tries that bits do not depend on memory layouts or on the kind of call, and that NaN and infinity are NumPy's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .. import _core, functional, nn
from .outcome import DTYPES, Array, Outcome, amount, every_isa, same_bits


def at_offset(a: Array, offset: int) -> Array:
    """A copy that begins ``offset`` bytes after the start of a cache line."""
    memory = np.empty(a.nbytes + 128, np.uint8)
    start = -memory.ctypes.data % 64 + offset
    moved: Array = memory[start : start + a.nbytes].view(a.dtype).reshape(a.shape)
    moved[...] = a
    return moved


def strided(a: Array) -> Array:
    """A copy whose elements are apart in every axis."""
    return np.repeat(np.repeat(a, 2, axis=0), 3, axis=-1)[::2, ::3] if a.ndim == 2 else np.repeat(a, 3)[::3]


def _spaced(a: Array) -> Array:
    """A copy whose rows are apart, while the elements of a row are adjacent."""
    return np.concatenate([a, np.full_like(a, np.nan)], axis=-1)[..., : a.shape[-1]]


def _reversed(a: Array) -> Array:
    return np.flip(np.ascontiguousarray(np.flip(a)))


def _in_a_record(a: Array) -> Array:
    """A copy in a field of a packed structure, so that strides are no multiples of the element."""
    records = np.zeros(a.shape, [("pad", "u1"), ("value", a.dtype)])
    records["value"] = a
    return records["value"]


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "strided": strided,
    "spaced": _spaced,
    "reversed": _reversed,
    "rows reversed": lambda a: np.ascontiguousarray(a[::-1])[::-1],
    "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "record": _in_a_record,
}


def layouts(share: float) -> Outcome:
    """64 byte offsets and 8 layouts of 200 shapes: layers and functions, with out=, fused and one after another."""
    outcome = Outcome()
    rng = np.random.default_rng(0)
    for _ in range(amount(200, share)):
        rows, depth, outputs = (int(rng.integers(1, most)) for most in (12, 300, 80))
        for isa in every_isa():
            dtype = DTYPES[rng.integers(2)]
            x, w = (rng.standard_normal(shape).astype(dtype) for shape in ((rows, depth), (outputs, depth)))
            b = rng.standard_normal(outputs).astype(dtype)
            _check_layouts(outcome, x, w, b, f"{isa} {dtype.__name__}")
    return outcome


def _check_layouts(outcome: Outcome, x: Array, w: Array, b: Array, case: str) -> None:
    layer = nn.Linear(w, b)
    net = nn.Sequential(layer, nn.ReLU())
    expected = net(x)

    def check(got: Array, what: str) -> None:
        outcome.check(same_bits(np.ascontiguousarray(got), expected), f"{case} {what}")

    check(_core.reference_linear(x, w, b, "relu"), "the reference kernel")
    check(nn.ReLU()(layer(x)), "not fused")
    check(functional.relu(_core.add_bias(_core.matmul(x, w.T), b)), "functions in turn")
    for name, layout in LAYOUTS.items():
        check(net(layout(x)), f"x {name}")
        check(nn.Sequential(nn.Linear(layout(w), b), nn.ReLU())(x), f"W {name}")
        check(_core.linear(layout(x), layout(w), b, "relu"), f"linear {name}")
        if name != "byte-swapped":  # out= has the network's own byte order
            check(net(x, out=layout(np.empty_like(expected))), f"out {name}")
    for offset in range(64):
        check(net(at_offset(x, offset), out=at_offset(np.empty_like(expected), 63 - offset)), f"offset {offset}")
        check(
            _core.linear(at_offset(x, offset), at_offset(w, offset), at_offset(b, offset), "relu"), f"function {offset}"
        )


def specials(share: float) -> Outcome:
    """Each special value at each place of x, W and b: NaN and infinities must come where NumPy has them."""
    outcome = Outcome()
    rng = np.random.default_rng(1)
    sizes = [(depth, outputs) for depth in (1, 2, 7, 33, 40, 131) for outputs in (1, 2, 5, 8, 16, 17, 33, 64, 67)]
    for depth, outputs in (sizes[i] for i in rng.permutation(len(sizes))[: amount(len(sizes), share)]):
        for isa in every_isa():
            for dtype in DTYPES:
                x, w = (rng.standard_normal(shape).astype(dtype) for shape in ((3, depth), (outputs, depth)))
                b = rng.standard_normal(outputs).astype(dtype)
                info = np.finfo(dtype)
                for special in (np.nan, np.inf, -np.inf, -0.0, info.tiny, info.smallest_subnormal):
                    for place in range(depth + outputs):
                        operands = [x.copy(), w.copy(), b.copy()]
                        if place < depth:
                            operands[0][1, place] = special
                            operands[1][place % outputs, place] = special
                        else:
                            operands[2][place - depth] = special
                        check_specials(outcome, operands, f"{isa} {dtype.__name__} {special} at {place}")
    return outcome


def check_specials(outcome: Outcome, operands: list[Array], case: str) -> None:
    """Whether a layer of these operands has NaN and infinity where NumPy has them."""
    x, w, b = operands
    with np.errstate(all="ignore"):
        # A product and a sum of NumPy, not its matmul: the BLAS behind that may skip a zero.
        expected = (x[:, np.newaxis, :] * w).sum(axis=-1) + b
    layer = nn.Linear(w, b)
    for y in (layer(x), _core.linear(x, w, b)):
        right = bool((np.isnan(y) == np.isnan(expected)).all())
        right &= bool((np.where(np.isinf(expected), y == expected, np.isfinite(y) | np.isnan(y))).all())
        rectified = nn.ReLU()(y)
        right &= (
            np.array_equal(rectified, np.maximum(y, 0), equal_nan=True)
            and not np.signbit(rectified[rectified == 0]).any()
        )
        outcome.check(right, case)
