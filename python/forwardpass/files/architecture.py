"""Networks as JSON: which layers, of which sizes; the values are tensors beside it.

A layer is an object with its ``type`` and what else it takes, all of it required:

    {"type": "Linear", "in_features": 64, "out_features": 10, "bias": true}
    {"type": "ReLU"}
    {"type": "Sequential", "layers": [...]}
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from ..nn import FloatArray, Linear, Module, ReLU, Sequential
from .errors import ModelFileError

MOST_LAYERS = 10_000
DEEPEST_NESTING = 50
# Of in_features and out_features: with bytes for each, products stay below 2**63.
LARGEST_SIZE = 2**30

KEYS = {"Linear": {"type", "in_features", "out_features", "bias"}, "ReLU": {"type"}, "Sequential": {"type", "layers"}}


def describe(module: Module) -> dict[str, Any]:
    """The JSON of a network.

    Raises
    ------
    TypeError
        A subclass of one's own: a file cannot hold its code.
    """
    if type(module) is Linear:
        return {
            "type": "Linear",
            "in_features": module.in_features,
            "out_features": module.out_features,
            "bias": module.has_bias,
        }
    if type(module) is ReLU:
        return {"type": "ReLU"}
    if type(module) is Sequential:
        return {"type": "Sequential", "layers": [describe(layer) for layer in module]}
    raise TypeError(f"expected forwardpass's own layers, got {type(module).__name__}")


def tensor_shapes(spec: Any) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors that go with a description, which is checked.

    Raises
    ------
    ModelFileError
        No description of a network.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for count, (prefix, layer) in enumerate(_layers(spec, "", 0)):
        if count >= MOST_LAYERS:
            raise ModelFileError(f"architecture: expected at most {MOST_LAYERS} layers")
        if layer["type"] == "Linear":
            shapes[prefix + "weight"] = (layer["out_features"], layer["in_features"])
            if layer["bias"]:
                shapes[prefix + "bias"] = (layer["out_features"],)
    return shapes


def build(spec: Any, tensors: dict[str, FloatArray]) -> Module:
    """The network of a description that tensor_shapes() has checked."""

    def layer_of(spec: Any, prefix: str) -> Module:
        if spec["type"] == "ReLU":
            return ReLU()
        if spec["type"] == "Linear":
            return Linear(tensors[prefix + "weight"], tensors[prefix + "bias"] if spec["bias"] else None)
        return Sequential(*(layer_of(inner, f"{prefix}{i}.") for i, inner in enumerate(spec["layers"])))

    return layer_of(spec, "")


def parse(text: str) -> dict[str, Any]:
    """The description of ``64-128-10:relu``: widths, and the activation between them; without one, ReLU.

    Raises
    ------
    ValueError
        Not of that form.
    """
    widths, _, activation = text.partition(":")
    sizes = [int(part) if part.isascii() and part.isdigit() else 0 for part in widths.split("-")]
    if len(sizes) < 2 or min(sizes) < 1 or activation not in ("", "relu"):
        raise ValueError(f"architecture: expected widths like 64-128-10:relu, got {text!r}")
    layers: list[dict[str, Any]] = []
    for inputs, outputs in pairwise(sizes):
        linear = {"type": "Linear", "in_features": inputs, "out_features": outputs, "bias": True}
        layers += [{"type": "ReLU"}, linear] if layers else [linear]
    return {"type": "Sequential", "layers": layers}


def test_input(spec: Any, dtype: str) -> FloatArray:
    """One row that every machine makes alike: sixteenths from -2 to 2, exact in every dtype."""
    shapes = [shape for shape in tensor_shapes(spec).values() if len(shape) == 2]
    width = shapes[0][1] if shapes else 3
    # 40503 is odd, so that all 65 values come in turn.
    return ((np.arange(width, dtype=np.int64) * 40503 % 65 - 32) / 16).astype(dtype)


def _layers(spec: Any, prefix: str, nesting: int) -> Iterator[tuple[str, dict[str, Any]]]:
    where = f"architecture, layer {prefix.rstrip('.') or 'at the top'}"
    if not isinstance(spec, dict) or not isinstance(spec.get("type"), str) or spec["type"] not in KEYS:
        kind = spec.get("type") if isinstance(spec, dict) else spec
        raise ModelFileError(f"{where}: expected one of {', '.join(KEYS)}, got {repr(kind)[:100]}")
    if spec.keys() != KEYS[spec["type"]]:
        raise ModelFileError(f"{where}: expected {sorted(KEYS[spec['type']])}, got {repr(sorted(spec))[:200]}")
    yield prefix, spec
    if spec["type"] == "Linear":
        for name in ("in_features", "out_features"):
            size = spec[name]
            if type(size) is not int or not 0 <= size <= LARGEST_SIZE:
                raise ModelFileError(f"{where}: {name}: expected a size up to {LARGEST_SIZE}, got {repr(size)[:100]}")
        if type(spec["bias"]) is not bool:
            raise ModelFileError(f"{where}: bias: expected true or false, got {repr(spec['bias'])[:100]}")
    elif spec["type"] == "Sequential":
        if not isinstance(spec["layers"], list) or not spec["layers"]:
            raise ModelFileError(f"{where}: layers: expected a list of at least one layer")
        if nesting >= DEEPEST_NESTING:
            raise ModelFileError(f"{where}: expected at most {DEEPEST_NESTING} Sequentials inside each other")
        for position, inner in enumerate(spec["layers"]):
            yield from _layers(inner, f"{prefix}{position}.", nesting + 1)
