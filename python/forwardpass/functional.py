"""What NumPy's matmul accepts beyond two matrices; everything else is bound directly."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core


def matmul(A: ArrayLike, B: ArrayLike, *, out: NDArray[Any] | None = None) -> Any:
    """Matrix product by NumPy's rules for shapes, summed in the order of fma-v2.

    Parameters
    ----------
    A : array_like, shape (..., rows, inner) or (inner,)
    B : array_like, shape (..., inner, columns) or (inner,)
        A vector counts as one row of A or one column of B; leading axes are broadcast.
    out : numpy.ndarray, optional
        Where to put the result, of its shape and dtype; returned.

    Returns
    -------
    numpy.ndarray
        float32 or float64, as NumPy promotes A and B; a scalar for two vectors.

    Raises
    ------
    ValueError
        Shapes that do not fit.
    TypeError
        A dtype that is not real and of at most 64 bits.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.matmul([[1, 2], [3, 4]], [[1, 0], [0, 2]])
    array([[1., 4.],
           [3., 8.]])
    """
    if type(A) is np.ndarray and type(B) is np.ndarray and A.ndim > 0 and B.ndim == 2:
        return _core.matmul(A, B, out=out)  # which checks them itself: most calls need no other views
    a, b = _core.to_ndarrays(A, B)
    if a.ndim == 1 and b.ndim == 1:
        return _core.dot(a, b, out=out)
    if a.ndim > 0 and b.ndim == 2:
        return _core.matmul(a, b, out=out)
    if a.ndim == 0 or b.ndim == 0:
        raise ValueError(f"A, B: expected at least one axis each, got shapes {a.shape} and {b.shape}")
    if a.shape[-1] != b.shape[max(b.ndim - 2, 0)]:
        raise ValueError(
            f"A, B: expected the last axis of A and the {'only' if b.ndim == 1 else 'last but one'} of B to be equal, "
            f"got shapes {a.shape} and {b.shape}"
        )
    if b.ndim > 1:
        return _stacked(a, b, out)
    _check_out_shape(out, a.shape[:-1])
    column = _core.matmul(a, b[:, np.newaxis], out=None if out is None else out[..., np.newaxis])
    return column[..., 0] if out is None else out


def _check_out_shape(out: NDArray[Any] | None, shape: tuple[int, ...]) -> None:
    if out is not None and not isinstance(out, np.ndarray):
        raise TypeError(f"out: expected a numpy.ndarray, got {type(out).__name__}")
    if out is not None and _core.to_ndarray(out, "out").shape != shape:
        raise ValueError(f"out: expected shape {shape}, got {out.shape}")


def _stacked(a: NDArray[Any], b: NDArray[Any], out: NDArray[Any] | None) -> NDArray[Any]:
    """One product for each matrix of b, with its leading axes broadcast against a's."""
    row = a.ndim == 1
    a = a[np.newaxis] if row else a
    stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a = np.broadcast_to(a, stack + a.shape[-2:])
    b = np.broadcast_to(b, stack + b.shape[-2:])
    # Of no rows: only to learn the dtype.
    probe = _core.matmul(np.zeros((0, a.shape[-1]), a.dtype), np.zeros(b.shape[-2:], b.dtype))
    result = np.empty((*stack, a.shape[-2], b.shape[-1]), probe.dtype)
    for index in np.ndindex(stack):
        _core.matmul(a[index], b[index], out=result[index])
    if row:
        result = result[..., 0, :]
    if out is None:
        return result
    _check_out_shape(out, result.shape)
    if out.dtype != result.dtype:
        raise TypeError(f"out: expected dtype {result.dtype} in native byte order, got {out.dtype!r}")
    if not out.flags.writeable:
        raise ValueError("out: the array is read-only")
    out[...] = result
    return out
