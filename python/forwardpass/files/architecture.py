"""Networks as JSON: which layers they have, and of which sizes. The values are tensors beside it in the file.

A layer is an object with its ``type`` and these keys, all of which are required:

    {"type": "Linear", "in_features": 64, "out_features": 10, "bias": true}
    {"type": "LeakyReLU", "negative_slope": 0.01}         functions: the arguments of the class
    {"type": "LayerNorm", "features": 10, "eps": 1e-05, "weight": true, "bias": true}
    {"type": "Normalize", "features": 64, "clip": null}   JSON has no infinity: the texts "inf" and "-inf"
    {"type": "Residual", "inner": {...}}
    {"type": "Sequential", "layers": [...]}
    {"type": "Classifier", "layers": [...], "classes": {"dtype": "U3", "values": ["no", "yes"]}, "feature_names": null}
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from inspect import signature
from typing import Any, Protocol

import numpy as np

from ..limits import DEEPEST_NESTING, LARGEST_SIZE, MOST_LAYERS
from ..nn import LAYERS, FloatArray, Module
from ..nn.declared import Argument, Array
from .errors import ModelFileError, shown

INFINITIES = ("inf", "-inf")


@dataclass(frozen=True)
class Expected:
    """What a file must have for one array of a layer."""

    shape: tuple[int, ...]
    float64: bool  # float64 in every network; if not, of the network's dtype


class Arrays(Protocol):
    """Where build() finds an array by its name: a dict, or the tensors of a file."""

    def __getitem__(self, name: str, /) -> FloatArray: ...


def describe(module: Module) -> dict[str, Any]:
    """The JSON of a network.

    Raises
    ------
    TypeError
        A subclass of one's own: a file cannot hold its code.
    """
    kind = type(module)
    if LAYERS.get(kind.__name__) is not kind:
        raise TypeError(f"network: expected forwardpass's own layers, got {kind.__name__}")
    there = {name: name in module.array_names for name, array in kind.arrays.items() if array.optional}
    spec: dict[str, Any] = {"type": kind.__name__, **module.sizes, **there}
    spec |= {name: _as_json(getattr(module, name)) for name in kind.arguments}
    spec |= {name: labels.written(getattr(module, name)) for name, labels in kind.labels.items()}
    return spec | kind.spec_of([describe(child) for _, child in module.named_children()])


def of_class(kind: type[Module], **sizes: int) -> dict[str, Any]:
    """The JSON of a layer with these sizes, all of its arrays, and its default arguments."""
    there = {name: True for name, array in kind.arrays.items() if array.optional}
    parameters = signature(kind).parameters
    return {"type": kind.__name__, **sizes, **there, **{name: parameters[name].default for name in kind.arguments}}


def tensors(spec: Any) -> dict[str, Expected]:
    """Check a description, and return the tensors that a file must have for it.

    Raises
    ------
    ModelFileError
        It does not describe a network.
    """
    expected: dict[str, Expected] = {}
    for count, (prefix, layer) in enumerate(layers(spec)):
        if count >= MOST_LAYERS:
            raise ModelFileError(f"architecture: expected at most {MOST_LAYERS} layers")
        for name, array in _arrays_there(layer).items():
            expected[prefix + name] = Expected(tuple(layer[size] for size in array.shape), array.double)
    return expected


def build(spec: Any, arrays: Arrays) -> Module:
    """The network of a description that tensors() has checked.

    It takes each array when it makes the layer, in the order of tensors(), and keeps none. So only one lies in memory.
    """

    def layer_of(spec: Any, prefix: str) -> Module:
        kind = LAYERS[spec["type"]]
        children = [layer_of(inner, f"{prefix}{name}.") for name, inner in kind.children_in(spec)]
        own: dict[str, Any] = {name: arrays[prefix + name] for name in _arrays_there(spec)}
        own |= {name: labels.read(spec[name]) for name, labels in kind.labels.items()}
        return kind.built(sizes_of(spec), own | _arguments(spec), children)

    return layer_of(spec, "")


def sizes_of(spec: Any) -> dict[str, int]:
    """The sizes in the description of a layer."""
    return {name: spec[name] for name in LAYERS[spec["type"]].size_names}


def _arrays_there(spec: Any) -> dict[str, Array]:
    """The arrays of a layer, in the order of its state_dict()."""
    declared = LAYERS[spec["type"]].arrays.items()
    return {name: array for name, array in declared if not array.optional or spec[name]}


def _arguments(spec: Any) -> dict[str, Any]:
    return {name: _value(spec[name]) for name in LAYERS[spec["type"]].arguments}


def _as_json(value: Any) -> Any:
    """A layer's argument for JSON, which has neither infinity nor NumPy's types."""
    if isinstance(value, np.generic):
        value = value.item()
    return str(value) if isinstance(value, float) and math.isinf(value) else value


def _value(value: Any) -> Any:
    """The inverse of _as_json()."""
    return float(value) if value in INFINITIES else value


def width(spec: Any) -> int:
    """How many features the test input has."""
    widths = (LAYERS[layer["type"]].widths(sizes_of(layer)) for _, layer in layers(spec))
    return next((found[0] for found in widths if found is not None), 3)


def test_input(spec: Any, dtype: str) -> FloatArray:
    """One row that every machine makes alike: sixteenths from -2 to 2, exact in every dtype."""
    # 40503 and 65 share no divisor, so all 65 values appear before the first one comes again.
    values = (np.arange(65) * 40503 % 65 - 32) / 16
    return np.resize(values.astype(dtype), width(spec))


def layers(spec: Any, prefix: str = "", nesting: int = 0) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every layer with the prefix of its tensors' names, a network before its layers. Each is checked first.

    Raises
    ------
    ModelFileError
        Something that does not describe a layer.
    """
    where = f"architecture, layer {prefix.rstrip('.') or 'at the top'}"
    if not isinstance(spec, dict) or not isinstance(spec.get("type"), str) or spec["type"] not in LAYERS:
        kind = spec.get("type") if isinstance(spec, dict) else spec
        raise ModelFileError(f"{where}: expected one of {', '.join(LAYERS)}, got {shown(kind)}")
    _check(LAYERS[spec["type"]], spec, where)
    yield prefix, spec
    try:
        children = LAYERS[spec["type"]].children_in(spec)
    except ValueError as error:
        raise ModelFileError(f"{where}: {error}") from error
    if children and nesting >= DEEPEST_NESTING:
        raise ModelFileError(f"{where}: expected at most {DEEPEST_NESTING} networks inside each other")
    for name, inner in children:
        yield from layers(inner, f"{prefix}{name}.", nesting + 1)


def _check(kind: type[Module], spec: Any, where: str) -> None:
    """Raises ModelFileError unless the keys are those of the class and the class takes their values."""
    flags = [name for name, array in kind.arrays.items() if array.optional]
    holds = [kind.holds] if kind.holds else []
    keys = {"type", *kind.size_names, *flags, *kind.arguments, *kind.labels, *holds}
    if spec.keys() != keys:
        raise ModelFileError(f"{where}: expected {sorted(keys)}, got {shown(sorted(spec))}")
    for name in kind.size_names:
        if type(spec[name]) is not int or not 0 <= spec[name] <= LARGEST_SIZE:
            raise ModelFileError(f"{where}: {name}: expected a size up to {LARGEST_SIZE}, got {shown(spec[name])}")
    for name in flags:
        if type(spec[name]) is not bool:
            raise ModelFileError(f"{where}: {name}: expected true or false, got {shown(spec[name])}")
    for name, argument in kind.arguments.items():
        if not _is_of(argument, spec[name]):
            raise ModelFileError(f"{where}: {name}: expected a {argument.kind.__name__}, got {shown(spec[name])}")
    try:
        for name, labels in kind.labels.items():
            labels.check_written(spec[name])
        kind.check_arguments(_arguments(spec))
    except ValueError as error:
        raise ModelFileError(f"{where}: {str(error)[:200]}") from error


def _is_of(argument: Argument[Any], value: Any) -> bool:
    """Whether a value has the argument's type. json.loads() also gives NaN, Infinity, and integers beyond float64."""
    if value is None:
        return argument.optional
    if argument.kind is not float:
        return type(value) is argument.kind
    if isinstance(value, str):
        return value in INFINITIES
    return type(value) in (int, float) and abs(value) <= sys.float_info.max
