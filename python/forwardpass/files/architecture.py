"""Networks as JSON: which layers, of which sizes; the values are tensors beside it.

A layer is an object with its ``type`` and what else it takes, all of it required:

    {"type": "Linear", "in_features": 64, "out_features": 10, "bias": true}
    {"type": "LeakyReLU", "negative_slope": 0.01}         functions: the arguments of the class
    {"type": "LayerNorm", "features": 10, "eps": 1e-05, "weight": true, "bias": true}
    {"type": "Normalize", "features": 64, "clip": null}
    {"type": "Residual", "inner": {...}}
    {"type": "Sequential", "layers": [...]}
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from .. import nn
from ..nn import FloatArray, Linear, Module, Residual, Sequential
from .errors import ModelFileError

MOST_LAYERS = 10_000
DEEPEST_NESTING = 50
# Of in_features, out_features and features: with bytes for each, products stay below 2**63.
LARGEST_SIZE = 2**30

# Their arguments, with a value of the type that each must have.
FUNCTIONS: dict[str, tuple[type[nn.Function], dict[str, Any]]] = {
    kind.__name__: (kind, kind()._config())
    for kind in (
        nn.Dropout, nn.ELU, nn.Flatten, nn.GELU, nn.Hardtanh, nn.Identity, nn.LeakyReLU, nn.LogSoftmax, nn.ReLU,
        nn.SELU, nn.Sigmoid, nn.SiLU, nn.Softmax, nn.Softplus, nn.Tanh,
    )
}  # fmt: skip
# Arrays that are always there, those that may be (a key says whether), and other keys.
COLUMNS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "Affine": (("scale", "offset"), (), ()),
    "BatchNorm1d": (("running_mean", "running_var"), ("weight", "bias"), ("eps",)),
    "Clip": (("low", "high"), (), ()),
    "LayerNorm": ((), ("weight", "bias"), ("eps",)),
    "Normalize": (("mean", "std"), (), ("clip",)),
}
KEYS: dict[str, set[str]] = {
    "Linear": {"type", "in_features", "out_features", "bias"},
    "Sequential": {"type", "layers"},
    "Residual": {"type", "inner"},
    **{name: {"type", *config} for name, (_, config) in FUNCTIONS.items()},
    **{name: {"type", "features", *maybe, *more} for name, (_, maybe, more) in COLUMNS.items()},
}
INFINITIES = ("inf", "-inf")
# What parse() calls them.
ACTIVATIONS = {
    "elu": "ELU",
    "gelu": "GELU",
    "identity": "Identity",
    "leaky_relu": "LeakyReLU",
    "relu": "ReLU",
    "selu": "SELU",
    "sigmoid": "Sigmoid",
    "silu": "SiLU",
    "softplus": "Softplus",
    "tanh": "Tanh",
}


@dataclass(frozen=True)
class Expected:
    """A tensor that must be in the file."""

    shape: tuple[int, ...]
    float64: bool  # whatever the network's dtype


def describe(module: Module) -> dict[str, Any]:
    """The JSON of a network.

    Raises
    ------
    TypeError
        A subclass of one's own: a file cannot hold its code.
    """
    name = type(module).__name__
    if KEYS.keys() >= {name} and type(module) is getattr(nn, name):
        if isinstance(module, Sequential):
            return {"type": name, "layers": [describe(layer) for layer in module]}
        if isinstance(module, Residual):
            return {"type": name, "inner": describe(module.inner)}
        if isinstance(module, nn.Columns):
            arrays = module._own_names()
            _, maybe, more = COLUMNS[name]
            config = module._config()
            there = {array: array in arrays for array in maybe}
            return {"type": name, "features": module.num_features, **there, **{key: config[key] for key in more}}
        return {"type": name, **{key: _as_json(value) for key, value in module._config().items()}}
    raise TypeError(f"network: expected forwardpass's own layers, got {name}")


def tensors(spec: Any) -> dict[str, Expected]:
    """The tensors that go with a description, which is checked.

    Raises
    ------
    ModelFileError
        No description of a network.
    """
    expected: dict[str, Expected] = {}
    for count, (prefix, layer) in enumerate(_layers(spec, "", 0)):
        if count >= MOST_LAYERS:
            raise ModelFileError(f"architecture: expected at most {MOST_LAYERS} layers")
        if layer["type"] == "Linear":
            expected[prefix + "weight"] = Expected((layer["out_features"], layer["in_features"]), False)
            if layer["bias"]:
                expected[prefix + "bias"] = Expected((layer["out_features"],), False)
        elif layer["type"] in COLUMNS:
            for name in _columns_there(layer):
                expected[prefix + name] = Expected((layer["features"],), True)
    return expected


def build(spec: Any, arrays: dict[str, FloatArray]) -> Module:
    """The network of a description that tensors() has checked."""

    def layer_of(spec: Any, prefix: str) -> Module:
        kind = spec["type"]
        if kind == "Sequential":
            return Sequential(*(layer_of(inner, f"{prefix}{i}.") for i, inner in enumerate(spec["layers"])))
        if kind == "Residual":
            return Residual(layer_of(spec["inner"], f"{prefix}inner."))
        if kind == "Linear":
            return Linear(arrays[prefix + "weight"], arrays[prefix + "bias"] if spec["bias"] else None)
        if kind in FUNCTIONS:
            return FUNCTIONS[kind][0](**{name: spec[name] for name in FUNCTIONS[kind][1]})
        own = {name: arrays[prefix + name] for name in _columns_there(spec)}
        more: dict[str, Any] = {name: spec[name] for name in COLUMNS[kind][2]}
        if kind == "LayerNorm":
            more["normalized_shape"] = spec["features"]
        made: Module = getattr(nn, kind)(**own, **more)
        return made

    return layer_of(spec, "")


def _as_json(value: Any) -> Any:
    """JSON has no infinity, which Hardtanh may have for a limit."""
    return str(value) if isinstance(value, float) and math.isinf(value) else value


def _columns_there(spec: Any) -> list[str]:
    """The arrays of a layer, in the order of its state_dict()."""
    always, maybe, _ = COLUMNS[spec["type"]]
    return [*(name for name in maybe if spec[name]), *always]


def parse(text: str) -> dict[str, Any]:
    """The description of ``64-128-10:tanh``: widths, and the activation between them; without one, ReLU.

    Raises
    ------
    ValueError
        Not of that form.
    TypeError
        No string.
    """
    if not isinstance(text, str):
        raise TypeError(f"architecture: expected a string like '64-128-10:relu', got {type(text).__name__}")
    widths, _, activation = text.partition(":")
    sizes = [int(part) if part.isascii() and part.isdigit() else 0 for part in widths.split("-")]
    activation = activation or "relu"
    if len(sizes) < 2 or min(sizes) < 1 or activation not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        raise ValueError(f"architecture: expected widths like 64-128-10:relu, with one of {known}; got {text!r}")
    kind = ACTIVATIONS[activation]
    between = {"type": kind, **FUNCTIONS[kind][1]}
    layers: list[dict[str, Any]] = []
    for inputs, outputs in pairwise(sizes):
        linear = {"type": "Linear", "in_features": inputs, "out_features": outputs, "bias": True}
        layers += [dict(between), linear] if layers else [linear]
    return {"type": "Sequential", "layers": layers}


def test_input(spec: Any, dtype: str) -> FloatArray:
    """One row that every machine makes alike: sixteenths from -2 to 2, exact in every dtype."""
    width = next((tensor.shape[-1] for tensor in tensors(spec).values()), None)
    if width is None:
        widths = (layer["features"] for _, layer in _layers(spec, "", 0) if "features" in layer)
        width = next(widths, 3)
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
    kind = spec["type"]
    if kind == "Linear":
        _check_sizes(spec, ("in_features", "out_features"), where)
        _check_flags(spec, ("bias",), where)
    elif kind in FUNCTIONS:
        _check_arguments(spec, where)
    elif kind in COLUMNS:
        _, maybe, more = COLUMNS[kind]
        _check_sizes(spec, ("features",), where)
        _check_flags(spec, maybe, where)
        for name in more:
            if not (_is_number(spec[name]) or (name == "clip" and spec[name] is None)):
                raise ModelFileError(f"{where}: {name}: expected a number, got {repr(spec[name])[:100]}")
    elif nesting >= DEEPEST_NESTING:
        raise ModelFileError(f"{where}: expected at most {DEEPEST_NESTING} networks inside each other")
    elif kind == "Residual":
        yield from _layers(spec["inner"], f"{prefix}inner.", nesting + 1)
    else:
        if not isinstance(spec["layers"], list) or not spec["layers"]:
            raise ModelFileError(f"{where}: layers: expected a list of at least one layer")
        for position, inner in enumerate(spec["layers"]):
            yield from _layers(inner, f"{prefix}{position}.", nesting + 1)


def _check_sizes(spec: Any, names: tuple[str, ...], where: str) -> None:
    for name in names:
        size = spec[name]
        if type(size) is not int or not 0 <= size <= LARGEST_SIZE:
            raise ModelFileError(f"{where}: {name}: expected a size up to {LARGEST_SIZE}, got {repr(size)[:100]}")


def _check_flags(spec: Any, names: tuple[str, ...], where: str) -> None:
    for name in names:
        if type(spec[name]) is not bool:
            raise ModelFileError(f"{where}: {name}: expected true or false, got {repr(spec[name])[:100]}")


def _check_arguments(spec: Any, where: str) -> None:
    kind, arguments = FUNCTIONS[spec["type"]]
    for name, example in arguments.items():
        value = spec[name]
        if isinstance(example, float):
            right = _is_number(value) or (kind is nn.Hardtanh and value in INFINITIES)
        else:
            right = type(value) is type(example)
        if right:
            continue
        raise ModelFileError(f"{where}: {name}: expected a {type(example).__name__}, got {repr(value)[:100]}")
    try:
        kind(**{name: spec[name] for name in arguments})
    except ValueError as error:
        raise ModelFileError(f"{where}: {str(error)[:200]}") from error


def _is_number(value: Any) -> bool:
    """Of JSON; json.loads() takes NaN and Infinity too. Integers may be too large for a float."""
    return type(value) in (int, float) and -1e308 <= value <= 1e308 and not math.isnan(value)
