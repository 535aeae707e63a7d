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

MODELS = ("Sequential", "Functional")


class Weights(Protocol):
    """Where the weights of a model or a layer are."""

    def child(self, key: str, name: str) -> Weights:
        """Those of a layer inside: what weight files call it, and its own name."""
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


def network_of(spec: Any, weights: Weights, context: Context) -> tuple[Callable[[], Sequential], Shape]:
    """What makes the network of a model's configuration, and the shape of a row that the model takes.

    The context then has what the network is going to take; no weights are asked for before it is made.

    Raises
    ------
    ConversionError
        A part that is not supported, or no configuration of a model; once it is made, weights that do not fit.
    """
    if class_of(spec) not in MODELS:
        raise ConversionError(f"the model: {_class(spec)} is not supported: expected Sequential or a functional model")
    _check_dtype(spec, "the model", context)
    nodes, steps = _way(spec, weights, "")
    row = _row(nodes[0], context)
    layers, result = _layers(steps, row, context, "", 0)
    # What comes before the layer that flattens is the same for all features, so that x may be flattened before it.
    flat: list[Make] = [Flatten] if len(row) > len(result) else []
    return partial(_sequential, [*flat, *layers]), row


def _sequential(makes: list[Make]) -> Sequential:
    return Sequential(*(make() for make in makes or [Identity]))


def _class(spec: Any) -> str:
    return str(spec.get("class_name") if isinstance(spec, dict) else spec)[:100]


# ---- the layers of a model, and the way through them ----


def _way(spec: dict[str, Any], weights: Weights, prefix: str) -> tuple[list[_Node], list[_Step]]:
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
        if kind not in (OPERATIONS if operation else LAYERS) and kind not in ("InputLayer", "Add", *MODELS):
            raise ConversionError(f"{at}: not supported")
        if not isinstance(name, str) or name in nodes:
            raise ConversionError(f"{at}: expected a name of its own")
        if (kind == "InputLayer") != (position == 0):
            raise ConversionError(
                f"{at}: expected one InputLayer, before all else: a model that is built, with one input"
            )
        inputs = list(nodes)[-1:] if sequential or position == 0 else _inputs(layer, at)
        if any(before not in nodes for before in inputs):
            raise ConversionError(f"{at}: expected the outputs of layers before it, got {repr(inputs)[:100]}")
        child = None if operation else weights.child(_key(kind, counts), name)
        nodes[name] = _Node(position, kind, at, layer, child, [nodes[before] for before in inputs])
    ordered = list(nodes.values())
    if sequential:
        return ordered, [_Step(node) for node in ordered[1:]]
    first, last = (_end(config, key, where) for key in ("input_layers", "output_layers"))
    if first != next(iter(nodes)) or last not in nodes:
        raise ConversionError(f"{where}: expected the first layer as its input and another as its output")
    return ordered, _steps(ordered[0], nodes[last], where, 0)


def _key(kind: str, counts: Counter[str]) -> str:
    """What weight files call the next layer of a class: dense, dense_1, ..."""
    words = re.sub("([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z]+)", r"\1_\2", kind)).lower()
    counts[words] += 1
    return words if counts[words] == 1 else f"{words}_{counts[words] - 1}"


def _end(config: dict[str, Any], key: str, where: str) -> str:
    value = config.get(key)
    if isinstance(value, list) and len(value) == 1:  # as Model([x], [y]) has it
        value = value[0]
    if not isinstance(value, list) or len(value) != 3 or not isinstance(value[0], str) or value[1:] != [0, 0]:
        raise ConversionError(f"{where}: expected a single tensor as {key}, got {repr(value)[:100]}")
    return value[0]


def _inputs(layer: dict[str, Any], at: str) -> list[str]:
    """The names of the layers whose outputs a layer of a functional model takes."""
    calls = layer.get("inbound_nodes")
    if not isinstance(calls, list) or len(calls) != 1 or not isinstance(calls[0], dict):
        raise ConversionError(f"{at}: expected to be called once, in the format of Keras 3")
    args, options = calls[0].get("args"), calls[0].get("kwargs")
    if not isinstance(options, dict) or not options.keys() <= {"training", "mask"} or any(options.values()):
        raise ConversionError(f"{at}: called with {repr(options)[:100]}, which is not supported")
    if isinstance(args, list) and len(args) == 1 and isinstance(args[0], list):
        args = args[0]
    expected = 2 if layer["class_name"] == "Add" else 1
    if not isinstance(args, list) or len(args) != expected:
        raise ConversionError(f"{at}: expected {expected} inputs, got {repr(args)[:100]}")
    return [_producer(tensor, at) for tensor in args]


def _producer(tensor: Any, at: str) -> str:
    config = tensor.get("config") if isinstance(tensor, dict) else None
    history = config.get("keras_history") if isinstance(config, dict) else None
    if not isinstance(history, list) or len(history) != 3 or not isinstance(history[0], str) or history[1:] != [0, 0]:
        raise ConversionError(f"{at}: expected the output of a layer, got {repr(tensor)[:100]}")
    return history[0]


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
            if _row(nodes[0], context) != shape:
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
    if not sizes or not all(type(size) is int and 1 <= size <= LARGEST_SIZE for size in sizes):
        raise ConversionError(f"{node.at}: batch_shape: expected (None, features), got {repr(shape)[:100]}")
    if node.spec["config"].get("sparse"):
        raise ConversionError(f"{node.at}: sparse inputs are not supported")
    return tuple(sizes)


def _check_dtype(spec: dict[str, Any], at: str, context: Context) -> None:
    """All layers must compute in one dtype, float32 or float64; a functional model does not say its own."""
    dtype = spec["config"].get("dtype")
    if dtype is None and spec["class_name"] == "Functional":
        return
    if isinstance(dtype, dict) and dtype.get("class_name") == "DTypePolicy" and isinstance(dtype.get("config"), dict):
        dtype = dtype["config"].get("name")
    if dtype not in ("float32", "float64") or context.dtype not in (None, np.dtype(dtype)):
        expected = "float32 or float64" if context.dtype is None else context.dtype
        raise ConversionError(f"{at}: dtype: expected {expected}, got {repr(dtype)[:100]}")
    context.dtype = np.dtype(dtype)
