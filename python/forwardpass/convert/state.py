"""From a mapping of arrays, a state_dict, and what they are of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..files import architecture as arch
from ..files import order
from ..nn import Module
from ..printing import printable
from .errors import ConversionError
from .tensors import array_of

# PyTorch's BatchNorm1d counts its batches; the count changes no answer.
COUNT = "num_batches_tracked"


def from_state(state: Mapping[str, Any], architecture: str | Module | None) -> Module:
    """The network of an architecture with the values of a mapping.

    Raises
    ------
    ConversionError
        Names or shapes that do not fit, or an order of layers that is not certain.
    """
    if architecture is None:
        raise ConversionError("a mapping holds bare values; say what they are of: from_torch(state, '64-128-10:relu')")
    arrays = {
        name: array_of(value, printable(name)) for name, value in state.items() if name.rpartition(".")[2] != COUNT
    }
    shapes = {name: array.shape for name, array in arrays.items()}
    try:
        if isinstance(architecture, Module):
            spec = arch.describe(architecture)
            expected = arch.tensors(spec)
            names = {name: name for name in expected}
            order.check_names(expected, shapes)
            order.check_shapes(expected, shapes, names)
        else:
            spec, names = order.assigned(shapes, architecture)
    except ValueError as error:
        raise ConversionError(printable(str(error))) from error
    named = {mine: arrays[name] for mine, name in names.items()}
    # Layers beside Linear hold float64, whatever the network computes in.
    linear = [name for name, expected in arch.tensors(spec).items() if not expected.float64]
    dtype = np.result_type(*(named[name] for name in linear)) if linear else np.dtype(np.float32)
    return arch.build(spec, named | {name: named[name].astype(dtype, copy=False) for name in linear})
