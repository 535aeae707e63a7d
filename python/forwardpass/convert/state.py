"""From a mapping of arrays, a state_dict, and what they are of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..files import _natural as natural
from ..files import architecture as arch
from ..nn import FloatArray, Module
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
    arrays = {name: array_of(value, name) for name, value in state.items() if name.rpartition(".")[2] != COUNT}
    if isinstance(architecture, Module):
        spec = arch.describe(architecture)
        named = _checked(arrays, spec, {name: name for name in arch.tensors(spec)})
    else:
        spec, named = _by_order(arrays, architecture)
    # Layers beside Linear hold float64, whatever the network computes in.
    linear = [name for name, expected in arch.tensors(spec).items() if not expected.float64]
    dtype = np.result_type(*(named[name] for name in linear)) if linear else np.dtype(np.float32)
    return arch.build(spec, named | {name: named[name].astype(dtype, copy=False) for name in linear})


def _by_order(arrays: dict[str, FloatArray], text: str) -> tuple[Any, dict[str, FloatArray]]:
    """The layers in the mapping's order, or in that of their names: whichever has the shapes.

    A module's own state_dict has the first, a file that sorts its tensors loses it. Where both fit, neither is certain.
    """
    given = list(dict.fromkeys(name.rpartition(".")[0] for name in arrays))
    sorted_ = sorted(given, key=natural)
    fitting, refusals = [], []
    for order in [given] if given == sorted_ else [given, sorted_]:
        try:
            fitting.append(_assigned(arrays, order, text))
        except ConversionError as error:
            refusals.append(error)
    if not fitting:
        raise refusals[0]
    if len(fitting) > 1:
        raise ConversionError(
            f"the order of the layers is not certain: {given[:20]} as they stand, {sorted_[:20]} by name; give a "
            "network of the same layers as the architecture"
        )
    return fitting[0]


def _assigned(arrays: dict[str, FloatArray], order: list[str], text: str) -> tuple[Any, dict[str, FloatArray]]:
    spec = arch.parse(text)
    linears = [position for position, layer in enumerate(spec["layers"]) if layer["type"] == "Linear"]
    if len(order) != len(linears):
        raise ConversionError(f"architecture: expected {len(linears)} layers with weights, got {order[:20]}")
    names = {}
    for name, position in zip(order, linears, strict=True):
        prefix = f"{name}." if name else ""
        spec["layers"][position]["bias"] = prefix + "bias" in arrays
        names[f"{position}.weight"] = prefix + "weight"
        if prefix + "bias" in arrays:
            names[f"{position}.bias"] = prefix + "bias"
    return spec, _checked(arrays, spec, names)


def _checked(arrays: dict[str, FloatArray], spec: Any, names: dict[str, str]) -> dict[str, FloatArray]:
    """The arrays under our names, of which ``names`` gives theirs."""
    known = set(names.values())
    missing = [name for name in names.values() if name not in arrays]
    unexpected = [name for name in arrays if name not in known]
    if missing or unexpected:
        raise ConversionError(f"state: missing {missing[:20]}, unexpected {unexpected[:20]}")
    for mine, expected in arch.tensors(spec).items():
        if arrays[names[mine]].shape != expected.shape:
            raise ConversionError(f"{names[mine]}: expected shape {expected.shape}, got {arrays[names[mine]].shape}")
    return {mine: arrays[name] for mine, name in names.items()}
