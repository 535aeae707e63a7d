"""Fuzzing of the boundary between Python and C++, with atheris (pip install atheris):

    python -m tests.fuzz.boundary -max_total_time=600

Arrays of any dtype, shape and strides, and things that are no arrays, go to every entry. An exception that is none of
those of a bad argument, or a result that differs from NumPy's beyond its bound, ends it.
"""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

import forwardpass as fp

EXPECTED = (ValueError, TypeError, MemoryError)
DTYPES = ("f4", "f8", "f2", "i4", "u1", "?", ">f4", "<f8", "c8", "O", "U3", "M8[s]", "i8")


class Choices:
    """The input, read piece by piece; zeros behind its end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def below(self, end: int) -> int:
        """A number from the next byte, or two where one has too few values."""
        size = 1 if end <= 256 else 2
        piece = self._data[self._at : self._at + size].ljust(size, b"\0")
        self._at += size
        return int.from_bytes(piece, "little") % end

    def rest(self, size: int) -> bytes:
        """So many bytes, again from the beginning where there are too few."""
        piece = (self._data[self._at :] or b"\1") * (size // max(1, len(self._data) - self._at) + 1)
        return piece[:size]


def an_array(choices: Choices, shape: tuple[int, ...]) -> Any:
    """An array of about this shape, or something else."""
    kind = choices.below(16)
    if kind == 0:
        return [None, "x", 3, [[1.0], [1.0, 2.0]], {}, b"abc", 1e400, object()][choices.below(8)]
    if kind < 4:
        shape = tuple(max(0, size + choices.below(5) - 2) for size in shape)
    if kind == 4:
        shape = (*shape, 1)
    dtype = np.dtype(DTYPES[choices.below(len(DTYPES))] if kind < 8 else DTYPES[choices.below(2)])
    count = int(np.prod(shape))
    if dtype.kind in "OUM":
        values = np.ones(shape).astype(dtype)
    else:
        values = np.frombuffer(choices.rest(count * dtype.itemsize), dtype, count).reshape(shape)
    layout = choices.below(6)
    if layout == 1:
        return np.asfortranarray(values)
    if layout == 2:
        return values[::-1]
    if layout == 3 and values.ndim:
        return np.repeat(values, 2, axis=-1)[..., ::2]
    if layout == 4 and values.size:
        return as_strided(values, values.shape, (0,) * values.ndim)
    return values


def called(choices: Choices) -> None:
    """One call of one entry."""
    rows, depth, outputs = choices.below(9), choices.below(40), choices.below(40)
    x, w, b = (an_array(choices, shape) for shape in ((rows, depth), (outputs, depth), (outputs,)))
    bias = b if choices.below(2) else None
    out = an_array(choices, (rows, outputs)) if choices.below(3) == 0 else None
    if isinstance(out, np.ndarray) and not out.flags.writeable:
        out = out.copy() if choices.below(2) else out
    if isinstance(out, np.ndarray) and any(stride == 0 for stride in out.strides):
        out = None  # one element as many is no place to write
    activation: Any = [None, "relu", "tanh", "softmax", "", 3][choices.below(6)]
    threads: Any = [None, 1, 2, 0, -1, "x", 2**70][choices.below(7)]
    entries: list[Callable[[], Any]] = [
        lambda: fp.linear(x, w, bias, activation, out=out),
        lambda: fp.Linear(w, bias)(x, out=out, num_threads=threads),
        lambda: fp.Sequential(fp.Linear(w, bias), fp.GELU(), fp.Softmax())(x, out=out),
        lambda: fp.Sequential(fp.Residual(fp.Linear(w)), fp.LayerNorm(outputs, b))(x, num_threads=threads),
        lambda: fp.Normalize(b, bias if bias is not None else w)(x),
        lambda: fp.matmul(x, w, out=out),
        lambda: fp.dot(b, x),
        lambda: fp.add_bias(x, b, out=out),
        lambda: fp.relu(x, out=out),
        lambda: fp.Linear(w, b).load_state_dict({"weight": x, "bias": b}),
        lambda: fp.error_bound(fp.Linear(w, bias), x),
    ]
    chosen = choices.below(len(entries))
    y = entries[chosen]()
    if chosen == 1 and out is None:
        check(x, w, bias, y)


def check(x: Any, w: Any, bias: Any, y: Any) -> None:
    """A result must be NumPy's, within the bound."""
    layer = fp.Linear(w, bias)
    values = np.asarray(x).astype(y.dtype)
    with np.errstate(all="ignore"):
        products = values.astype(np.longdouble)[..., np.newaxis, :] * layer.weight.astype(np.longdouble)
        exact = products.sum(axis=-1) + (0 if layer.bias is None else layer.bias)
        bound = fp.error_bound(layer, x)
        known = np.isfinite(bound) & (np.abs(products).sum(axis=-1) < np.finfo(y.dtype).max / 2)
    assert y.shape == exact.shape
    assert not (known & ~(np.abs(y - exact) <= bound * (1 + 1e-9) + 1e-300)).any()


def one_input(data: bytes) -> None:
    """What atheris calls."""
    try:
        with np.errstate(all="ignore"):
            called(Choices(data))
    except EXPECTED:
        pass


if __name__ == "__main__":
    import atheris

    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
