"""The module as a function of arrays, in eval mode."""

from __future__ import annotations

import contextlib
import copy
import itertools
import sys
import warnings
from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray

from ... import nn
from ..tensors import HALVES


def runnable(module: Any) -> Any:
    """The module, or where it has float16 or bfloat16 a copy in float32, which our network is of as well."""
    return copy.deepcopy(module).float() if any(str(dtype) in HALVES for dtype in _dtypes(module)) else module


def dtype_of(module: Any) -> Any:
    """PyTorch's dtype of its parameters and buffers, the first of floats; None where it has none."""
    return next(_dtypes(module), None)


def _dtypes(module: Any) -> Iterator[Any]:
    tensors = itertools.chain(module.parameters(), module.buffers())
    return (tensor.dtype for tensor in tensors if tensor.is_floating_point())


@contextlib.contextmanager
def in_eval_mode(module: Any) -> Iterator[None]:
    """All modules in it in eval mode, each in its own afterwards; no gradients, no other precision."""
    torch = sys.modules["torch"]
    modes = [(inner, inner.training) for inner in module.modules()]
    try:
        for inner, _ in modes:
            inner.training = False
        # Dropout3d for one warns of rows, on which it does nothing.
        with warnings.catch_warnings(), torch.no_grad(), torch.autocast("cpu", enabled=False):
            warnings.simplefilter("ignore")
            yield
    finally:
        for inner, mode in modes:
            inner.training = mode


def answers(module: Any, x: nn.FloatArray) -> NDArray[Any]:
    """What a runnable module makes of rows."""
    rows, dtype = sys.modules["torch"].from_numpy(x), dtype_of(module)
    with in_eval_mode(module):
        y: NDArray[Any] = module(rows if dtype is None else rows.to(dtype)).numpy()
    return y
