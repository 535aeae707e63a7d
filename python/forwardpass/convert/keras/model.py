"""A Keras model, from its configuration and its weights: Sequential, or functional and a chain with residual blocks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from collections.abc import Sequence as Values
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np

from ...limits import DEEPEST_NESTING, LARGEST_SIZE
from ...nn import Flatten, Identity, Module, Residual, Sequential
from ..errors import ConversionError
from .activations import OPERATIONS, Converted, Make, class_of, converted
from .layer import Context, Layer, Shape
from .layers import LAYERS
from .tensors import end_layer, inputs_of, output_layer

MODELS = ("Sequential", "Functional")
# Layers that make one axis of all of a row, and those that may be inside a TimeDistributed: what takes the last axis.
FLATTENING = ("Flatten", "Reshape")
DISTRIBUTED = ("Dense", "Activation", "LayerNormalization", "RMSNormalization", "Dropout", "ReLU", "LeakyReLU", "ELU")
HALVES = ("float16", "bfloat16", "mixed_float16", "mixed_bfloat16")


class Weights(Protocol):
    """Where the weights of a model or a layer are."""

    def child(self, key: str, name: str) -> Weights:
        """Those of a layer inside: what weight files call it, and its own name."""
        ...

    def wrapped(self, name: str) -> Weights:
        """Those of the layer that this one wraps, of a name."""
        ...

    def values(self) -> Values[Any]:
        """The arrays of this layer, in Keras's order."""
        ...


@dataclass(frozen=True)
class _Node:
    """A layer at its place; those whose outputs it takes have lower positions."""

    position: int
    kind: str
    at: str
    spec: dict[str, Any]
    weights: Weights | None  # None of keras.ops, a function rather than a layer
    inputs: list[_Node]


@dataclass(frozen=True)
class _Step:
    """A layer on the way from input to output; of an Add, also the branch whose result is added to its input."""

    node: _Node
    branch: list[_Step] | None = None


def network_of(
    spec: Any, weights: Weights, context: Context, output: str | None = None
) -> tuple[Callable[[], Sequential], Shape, Shape]:
    """What makes the network of a model's configuration, the shape of a row that it takes, and axes before it.

    The context then has what the network is going to take; no weights are asked for before it is made. ``output`` is
    the one of several that is wanted. Where no layer flattens them, all axes but the last hold rows.

    Raises
    ------
    ConversionError
        A part that is not supported, or no configuration of a model; once it is made, weights that do not fit.
    """
    if class_of(spec) not in MODELS:
        raise ConversionError(f"the model: {_class(spec)} is not supported: expected Sequential or a functional model")
    _check_dtype(spec, "the model", context)
    nodes, steps = _way(spec, weights, "", output)
    row = _row(nodes[0], context)
    context.steps = len(row) > 1 and not any(
        node.kind in MODELS + FLATTENING and _flattens(node.spec) for node in nodes
    )
    if not context.steps and 0 in row:
        raise ConversionError(f"{nodes[0].at}: batch_shape: expected a size of every axis that a layer flattens")
    lead, row = (row[:-1], row[-1:]) if context.steps else ((), row)
    layers, result = _layers(steps, row, context, "", 0)
    # What comes before the layer that flattens is the same for all features, so that x may be flattened before it.
    flat: list[Make] = [Flatten] if len(row) > len(result) else []
    return partial(_sequential, [*flat, *layers]), row, tuple(size or 1 for size in lead)


def _flattens(spec: Any) -> bool:
    """Whether a layer makes one axis of all of a row, or one inside of it does."""
    inside = spec["config"].get("layers") if class_of(spec) in MODELS else None
    return class_of(spec) in FLATTENING or (isinstance(inside, list) and any(map(_flattens, filter(class_of, inside))))


def _sequential(makes: list[Make]) -> Sequential:
    return Sequential(*(make() for make in makes or [Identity]))


def _class(spec: Any) -> str:
    return str(spec.get("class_name") if isinstance(spec, dict) else spec)[:100]


# ---- the layers of a model, and the way through them ----


def _way(
    spec: dict[str, Any], weights: Weights, prefix: str, output: str | None = None
) -> tuple[list[_Node], list[_Step]]:
    config, where = spec["config"], f"layer {prefix.rstrip('.')}" if prefix else "the model"
    layers, sequential = config.get("layers"), spec["class_name"] == "Sequential"
    if not isinstance(layers, list) or not layers:
        raise ConversionError(f"{where}: expected a list of layers")
    nodes: dict[str, _Node] = {}
    counts: Counter[str] = Counter()
    for position, layer in enumerate(layers):
        kind = class_of(layer)
        # As in model.layers, where that of a Sequential begins after its input.
        at = f"layer {prefix}{position - 1 if sequential and position else position}"
        if kind is None:
            raise ConversionError(f"{at}: {_class(layer)} is not supported")
        name = (layer["config"] if sequential else layer).get("name")
        at = f"{at} {repr(name)[:100]} ({kind[:100]})"
        operation = f"{layer['module']}.".startswith(("keras.src.ops.", "keras.src.activations."))
        if kind not in (OPERATIONS if operation else LAYERS) and kind not in (
            "InputLayer",
            "Add",
            "TimeDistributed",
            *MODELS,
        ):
            raise ConversionError(f"{at}: not supported")
        if not isinstance(name, str) or name in nodes:
            raise ConversionError(f"{at}: expected a name of its own")
        if (kind == "InputLayer") != (position == 0):
            raise ConversionError(
                f"{at}: expected one InputLayer, before all else: a model that is built, with one input"
            )
        inputs = list(nodes)[-1:] if sequential or position == 0 else inputs_of(layer, at)
        if any(before not in nodes for before in inputs):
            raise ConversionError(f"{at}: expected the outputs of layers before it, got {repr(inputs)[:100]}")
        child = None if operation else weights.child(_key(kind, counts), name)
        if kind == "TimeDistributed" and child is not None:
            kind, layer, child = _distributed(layer, child, at)
        nodes[name] = _Node(position, kind, at, layer, child, [nodes[before] for before in inputs])
    ordered = list(nodes.values())
    if sequential:
        if output is not None:
            raise ConversionError(f"output: a Sequential has one output, got {output[:100]!r}")
        return ordered, [_Step(node) for node in ordered[1:]]
    first, last = end_layer(config, "input_layers", where), output_layer(config, output, where)
    if first != next(iter(nodes)) or last not in nodes:
        raise ConversionError(f"{where}: expected the first layer as its input and another as its output")
    return ordered, _steps(ordered[0], nodes[last], where, 0)


def _distributed(spec: Any, weights: Weights, at: str) -> tuple[str, Any, Weights]:
    """The layer inside a TimeDistributed, which it calls for each step: what takes the last axis does so anyway."""
    inner = spec["config"].get("layer")
    kind = class_of(inner)
    if kind not in DISTRIBUTED:
        raise ConversionError(f"{at}: {_class(inner)} inside of it is not supported, only {', '.join(DISTRIBUTED)}")
    return kind, inner, weights.wrapped(str(inner["config"].get("name")))


def _key(kind: str, counts: Counter[str]) -> str:
    """What weight files call the next layer of a class: dense, dense_1, ..."""
    words = re.sub("([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z]+)", r"\1_\2", kind)).lower()
    counts[words] += 1
    return words if counts[words] == 1 else f"{words}_{counts[words] - 1}"


def _steps(start: _Node, end: _Node, at: str, nesting: int) -> list[_Step]:
    """The way from the output of one layer to that of another, found from its end; ``at`` is where they meet."""
    if nesting > DEEPEST_NESTING:
        raise ConversionError(f"{at}: expected at most {DEEPEST_NESTING} residual blocks inside each other")
    steps = []
    while end is not start:
        if end.position <= start.position:
            raise ConversionError(
                f"{at}: expected a residual block, x + f(x): neither of its inputs leads to the other"
            )
        before, *other = sorted(end.inputs, key=lambda node: node.position)
        steps.append(_Step(end, _steps(before, other[0], end.at, nesting + 1) if other else None))
        end = before
    return steps[::-1]


# ---- their conversion ----


def _layers(steps: list[_Step], shape: Shape, context: Context, prefix: str, nesting: int) -> Converted:
    """What makes the layers on a way, for rows of a shape, and the shape that they give."""
    if nesting > DEEPEST_NESTING:
        raise ConversionError(
            f"layer {prefix.rstrip('.')}: expected at most {DEEPEST_NESTING} models inside each other"
        )
    made: list[Make] = []
    for step in steps:
        node = step.node
        if node.weights is not None:
            _check_dtype(node.spec, node.at, context)
        if step.branch is not None:
            inner, result = _layers(step.branch, shape, context, prefix, nesting + 1)
            if result != shape:
                raise ConversionError(f"{node.at}: expected two tensors of one shape, got {shape} and {result}")
            made.append(partial(_residual, inner, node.at))
        elif node.kind in MODELS and node.weights is not None:
            inside = f"{node.at.split()[1]}."
            nodes, way = _way(node.spec, node.weights, inside)
            row = _row(nodes[0], context)
            if (row[-1:] if context.steps else row) != shape:
                raise ConversionError(f"{nodes[0].at}: expected rows of shape {shape}")
            layers, shape = _layers(way, shape, context, inside, nesting + 1)
            made += layers
        else:
            values = list if node.weights is None else node.weights.values
            layer = Layer(node.kind, node.spec["config"], values, node.at, context)
            layers, shape = converted(OPERATIONS if node.weights is None else LAYERS, layer, shape)
            made += layers
    return made, shape


def _residual(inner: list[Make], at: str) -> Module:
    network = _sequential(inner)
    try:
        return Residual(network)
    except (ValueError, TypeError) as error:
        raise ConversionError(f"{at}: {error}") from error


def _row(node: _Node, context: Context) -> Shape:
    """The shape of a row, from a model's InputLayer."""
    _check_dtype(node.spec, node.at, context)
    shape = node.spec["config"].get("batch_shape")
    sizes = shape[1:] if isinstance(shape, list) else []
    lead = [1 if size is None else size for size in sizes[:-1]]  # of a length that is free
    if not sizes or not all(type(size) is int and 1 <= size <= LARGEST_SIZE for size in [*lead, sizes[-1]]):
        raise ConversionError(f"{node.at}: batch_shape: expected (None, features), got {repr(shape)[:100]}")
    if node.spec["config"].get("sparse"):
        raise ConversionError(f"{node.at}: sparse inputs are not supported")
    return tuple(size or 0 for size in sizes)


def _check_dtype(spec: dict[str, Any], at: str, context: Context) -> None:
    """All layers must have one dtype; half precision becomes float32. A functional model does not say its own."""
    dtype = spec["config"].get("dtype")
    if dtype is None and spec["class_name"] == "Functional":
        return
    if isinstance(dtype, dict) and dtype.get("class_name") == "DTypePolicy" and isinstance(dtype.get("config"), dict):
        dtype = dtype["config"].get("name")
    if dtype in HALVES:
        context.half, dtype = True, "float32"
    if dtype not in ("float32", "float64") or context.dtype not in (None, np.dtype(dtype)):
        expected = "float32 or float64" if context.dtype is None else context.dtype
        raise ConversionError(f"{at}: dtype: expected {expected}, got {repr(dtype)[:100]}")
    context.dtype = np.dtype(dtype)
