"""Tensors of any library as NumPy arrays of the two dtypes that networks have."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..limits import FAILURES
from ..nn import FloatArray
from .classes import full_name
from .errors import ConversionError

HALVES = ("torch.float16", "torch.bfloat16")
FLOATS = (*HALVES, "torch.float32", "torch.float64")


def array_of(value: Any, name: str) -> FloatArray:
    """The values of a torch tensor or a NumPy array, float32 or float64; float16 and bfloat16 become float32, exactly.

    May share the tensor's memory: not to be written to.

    Raises
    ------
    ConversionError
        On another device than the CPU, no floats, or no array at all.

    Examples
    --------
    >>> import numpy as np
    >>> from forwardpass.convert.tensors import array_of
    >>> array_of(np.ones(2, np.float16), "bias")
    array([1., 1.], dtype=float32)
    """
    if hasattr(value, "detach") and hasattr(value, "device"):
        if value.device.type != "cpu":
            raise ConversionError(f"{name}: expected a tensor on the CPU, got one on {value.device}: use .cpu()")
        if str(value.dtype) not in FLOATS or str(value.layout) != "torch.strided":
            raise ConversionError(f"{name}: expected dense floats, got {value.dtype} with layout {value.layout}")
        value = _numpy(value, name)
    if not isinstance(value, np.ndarray) or isinstance(value, np.ma.MaskedArray):
        raise ConversionError(f"{name}: expected a tensor or a NumPy array, got {full_name(value)}")
    if value.dtype.name not in ("float16", "bfloat16", "float32", "float64"):  # bfloat16 is a dtype of ml_dtypes
        raise ConversionError(f"{name}: expected floats, got {value.dtype}")
    array: FloatArray = value.astype(np.float64 if value.dtype.name == "float64" else np.float32, copy=False)
    return array


def _numpy(tensor: Any, name: str) -> Any:
    try:
        values = tensor.detach()
        if str(tensor.dtype) in HALVES:
            values = values.float()
        # The imaginary part of a conjugate is a view with its sign still to be turned.
        return values.resolve_neg().numpy()
    except FAILURES as error:
        raise ConversionError(f"{name}: torch cannot give its values: {type(error).__name__}: {error}") from error
