"""Networks as JSON: which layers, of which sizes; the values are tensors beside it.

A layer is an object with its ``type`` and what else it takes, all of it required:

    {"type": "Linear", "in_features": 64, "out_features": 10, "bias": true}
    {"type": "LeakyReLU", "negative_slope": 0.01}         functions: the arguments of the class
    {"type": "LayerNorm", "features": 10, "eps": 1e-05, "weight": true, "bias": true}
    {"type": "Normalize", "features": 64, "clip": null}   JSON has no infinity: the texts "inf" and "-inf"
    {"type": "Residual", "inner": {...}}
    {"type": "Sequential", "layers": [...]}
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .. import nn
from ..limits import DEEPEST_NESTING, LARGEST_SIZE
from ..nn import FloatArray, Linear, Module, Residual, Sequential
from .errors import ModelFileError, shown

MOST_LAYERS = 10_000

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


@dataclass(frozen=True)
class Expected:
    """A tensor that must be in the file."""

    shape: tuple[int, ...]
    float64: bool  # whatever the network's dtype


class Arrays(Protocol):
    """What build() asks for a tensor: a dict, or the tensors of a file."""

    def __getitem__(self, name: str, /) -> FloatArray: ...


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
            numbers = {key: _as_json(config[key]) for key in more}
            return {"type": name, "features": module.num_features, **there, **numbers}
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
    for count, (prefix, layer) in enumerate(layers(spec)):
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


def build(spec: Any, arrays: Arrays) -> Module:
    """The network of a description that tensors() has checked.

    Each array is asked for when its layer is made, in the order of tensors(), and is not kept.
    """

    def layer_of(spec: Any, prefix: str) -> Module:
        kind = spec["type"]
        if kind == "Sequential":
            return Sequential(*(layer_of(inner, f"{prefix}{i}.") for i, inner in enumerate(spec["layers"])))
        if kind == "Residual":
            return Residual(layer_of(spec["inner"], f"{prefix}inner."))
        if kind == "Linear":
            return Linear(arrays[prefix + "weight"], arrays[prefix + "bias"] if spec["bias"] else None)
        if kind in FUNCTIONS:
            return FUNCTIONS[kind][0](**{name: _value(spec[name]) for name in FUNCTIONS[kind][1]})
        own = {name: arrays[prefix + name] for name in _columns_there(spec)}
        more: dict[str, Any] = {name: _value(spec[name]) for name in COLUMNS[kind][2]}
        if kind == "LayerNorm":
            more["normalized_shape"] = spec["features"]
        made: Module = getattr(nn, kind)(**own, **more)
        return made

    return layer_of(spec, "")


def _as_json(value: Any) -> Any:
    """A parameter as JSON has it, which knows neither infinity nor NumPy's types."""
    if isinstance(value, np.generic):
        value = value.item()
    return str(value) if isinstance(value, float) and math.isinf(value) else value


def _value(value: Any) -> Any:
    """What _as_json() was given."""
    return float(value) if value in INFINITIES else value


def _columns_there(spec: Any) -> list[str]:
    """The arrays of a layer, in the order of its state_dict()."""
    always, maybe, _ = COLUMNS[spec["type"]]
    return [*(name for name in maybe if spec[name]), *always]


def width(spec: Any) -> int:
    """How many features the test input has."""
    widths = (layer.get("in_features", layer.get("features")) for _, layer in layers(spec))
    return next((found for found in widths if found is not None), 3)


def test_input(spec: Any, dtype: str) -> FloatArray:
    """One row that every machine makes alike: sixteenths from -2 to 2, exact in every dtype."""
    # 40503 is odd, so that all 65 values come one after another, and then again.
    values = (np.arange(65) * 40503 % 65 - 32) / 16
    return np.resize(values.astype(dtype), width(spec))


def layers(spec: Any, prefix: str = "", nesting: int = 0) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every layer with the prefix of its tensors' names, networks before what is in them. Each is checked first.

    Raises
    ------
    ModelFileError
        No description of a layer.
    """
    where = f"architecture, layer {prefix.rstrip('.') or 'at the top'}"
    if not isinstance(spec, dict) or not isinstance(spec.get("type"), str) or spec["type"] not in KEYS:
        kind = spec.get("type") if isinstance(spec, dict) else spec
        raise ModelFileError(f"{where}: expected one of {', '.join(KEYS)}, got {shown(kind)}")
    if spec.keys() != KEYS[spec["type"]]:
        raise ModelFileError(f"{where}: expected {sorted(KEYS[spec['type']])}, got {shown(sorted(spec))}")
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
            if not (_is_float(spec[name]) or (name == "clip" and spec[name] is None)):
                raise ModelFileError(f"{where}: {name}: expected a number, got {shown(spec[name])}")
    elif nesting >= DEEPEST_NESTING:
        raise ModelFileError(f"{where}: expected at most {DEEPEST_NESTING} networks inside each other")
    elif kind == "Residual":
        yield from layers(spec["inner"], f"{prefix}inner.", nesting + 1)
    else:
        if not isinstance(spec["layers"], list) or not spec["layers"]:
            raise ModelFileError(f"{where}: layers: expected a list of at least one layer")
        for position, inner in enumerate(spec["layers"]):
            yield from layers(inner, f"{prefix}{position}.", nesting + 1)


def _check_sizes(spec: Any, names: tuple[str, ...], where: str) -> None:
    for name in names:
        size = spec[name]
        if type(size) is not int or not 0 <= size <= LARGEST_SIZE:
            raise ModelFileError(f"{where}: {name}: expected a size up to {LARGEST_SIZE}, got {shown(size)}")


def _check_flags(spec: Any, names: tuple[str, ...], where: str) -> None:
    for name in names:
        if type(spec[name]) is not bool:
            raise ModelFileError(f"{where}: {name}: expected true or false, got {shown(spec[name])}")


def _check_arguments(spec: Any, where: str) -> None:
    kind, arguments = FUNCTIONS[spec["type"]]
    for name, example in arguments.items():
        value = spec[name]
        if _is_float(value) if isinstance(example, float) else type(value) is type(example):
            continue
        raise ModelFileError(f"{where}: {name}: expected a {type(example).__name__}, got {shown(value)}")
    try:
        kind(**{name: _value(spec[name]) for name in arguments})
    except ValueError as error:
        raise ModelFileError(f"{where}: {str(error)[:200]}") from error


def _is_float(value: Any) -> bool:
    """Of JSON. json.loads() takes NaN and Infinity too, and integers that no float holds."""
    if isinstance(value, str):
        return value in INFINITIES
    return type(value) in (int, float) and abs(value) <= sys.float_info.max
