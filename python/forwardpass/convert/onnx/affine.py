"""Nodes that scale, shift and weigh features: matrix products, and what meets one constant for each feature."""

from __future__ import annotations

import math

import numpy as np

from ... import nn
from .constants import Array, widened
from .layers import Builder, Handled
from .node import Node
from .reading import FLOAT, FLOATS, Graph


def gemm(graph: Graph, node: Node) -> Handled:
    """A sum alpha * A @ B + beta * C, A and B transposed if so told. The constant one of A and B is the weight.

    A weight on the left takes columns, (features, rows), and gives columns.
    """
    return product(graph, node, *node.attributes(alpha=1.0, beta=1.0, transA=0, transB=0))


def product(graph: Graph, node: Node, alpha: float, beta: float, trans_a: int, trans_b: int) -> Handled:
    """What gemm() says, with its attributes."""
    base, weight, left = _weight(graph, node)
    if left:
        weight, takes_columns = weight.T if trans_a else weight, not trans_b
    else:
        weight, takes_columns = weight if trans_b else weight.T, bool(trans_a)
    if alpha != 1.0:
        weight = weight * weight.dtype.type(alpha)
    bias = None
    if node.input(2) and beta != 0.0:
        bias = constant(graph, node, node.input(2), base)
        bias = bias if beta == 1.0 else bias * bias.dtype.type(beta)

    def emit(builder: Builder) -> None:
        if len(builder.dims) != 2:
            raise node.refusal(f"expected data of 2 dimensions, got {len(builder.dims)}")
        if builder.columns != takes_columns:
            raise node.refusal("it takes its data transposed: the features are not where its weight needs them")
        builder.columns = left
        builder.linear(weight, bias)

    return base, emit


def matmul(graph: Graph, node: Node) -> Handled:
    """Either x @ W, or W @ x for x that is the features of one row or has rows in its columns."""
    node.attributes()
    base, weight, left = _weight(graph, node)

    def emit(builder: Builder) -> None:
        if builder.columns != (left and len(builder.dims) > 1):
            raise node.refusal("it takes its data transposed: the features are not where its weight needs them")
        builder.linear(weight if left else weight.T, None)

    return base, emit


def _weight(graph: Graph, node: Node) -> tuple[str, Array, bool]:
    """The name of the data, the weight, and whether that is on the left."""
    for index, other in ((1, 0), (0, 1)):
        if graph.constants.get(node.inputs[index]) is not None:
            base = node.inputs[other]
            weight = constant(graph, node, node.inputs[index], base)
            if weight.ndim != 2:
                raise node.refusal(f"expected a weight of 2 dimensions, got shape {weight.shape}")
            return base, weight, index == 0
    raise node.refusal("neither of the two values that it multiplies is a constant")


def constant(graph: Graph, node: Node, name: str, base: str) -> Array:
    """A constant of the element type of the data."""
    array, kind = graph.constants.get(name), FLOATS.get(graph.types[base])
    if array is None:
        raise node.refusal(f"its input {name[:100]!r} is no constant")
    array = widened(array)
    if array.dtype.name != kind:
        raise node.refusal(f"its constant {name[:100]!r} is {array.dtype.name}, its data {kind}")
    return array


def arithmetic(graph: Graph, node: Node) -> Handled:
    """Add, Sub, Mul or Div of the data and a constant."""
    node.attributes()
    first = graph.constants.get(node.inputs[0]) is None
    base, other = (node.inputs[0], node.inputs[1]) if first else (node.inputs[1], node.inputs[0])
    if graph.constants.get(other) is None:
        raise node.refusal("both of its inputs depend on the model's input: this is no chain")
    value = constant(graph, node, other, base)
    if node.op == "Div" and not first:
        raise node.refusal("a constant divided by the data is not supported")

    def emit(builder: Builder) -> None:
        if node.op == "Div":
            builder.divide(value)
            return
        values = builder.features(value)
        ones = np.ones_like(values)
        match node.op:
            case "Mul":
                builder.affine(values, 0.0 * ones)
            case "Add":
                builder.affine(ones, values)
            case _:
                builder.affine(ones if first else -ones, -values if first else values)

    return base, emit


def scaler(graph: Graph, node: Node) -> Handled:
    """skl2onnx's (x - offset) * scale."""
    offset, scale = (np.array(values, np.float32) for values in node.attributes(offset=[0.0], scale=[0.0]))
    base = node.inputs[0]
    if graph.types[base] != FLOAT or not offset.size or not scale.size:
        raise node.refusal("expected float32 data, an offset and a scale")

    def emit(builder: Builder) -> None:
        if builder.columns:
            raise node.refusal("the features are not in the last dimension")
        offsets, scales = builder.features(offset), builder.features(scale)
        builder.affine(scales, -offsets * scales)

    return base, emit


def limit(graph: Graph, node: Node) -> Handled:
    """Max or Min of the data and a constant."""
    node.attributes()
    if len(node.inputs) != 2:
        raise node.refusal(f"expected 2 inputs, got {len(node.inputs)}")
    first = graph.constants.get(node.inputs[0]) is None
    base, other = (node.inputs[0], node.inputs[1]) if first else (node.inputs[1], node.inputs[0])
    value = constant(graph, node, other, base)
    if np.isnan(value).any():
        raise node.refusal("its constant is NaN")

    def emit(builder: Builder) -> None:
        if value.size == 1 and value.ndim <= len(builder.dims) - builder.squeezed:
            bound = float(value.reshape(()))
            builder.add(nn.Hardtanh, *((bound, math.inf) if node.op == "Max" else (-math.inf, bound)))
            return
        bounds = builder.features(value)
        none = np.full_like(bounds, math.inf)
        builder.add(nn.Clip, *((bounds, none) if node.op == "Max" else (-none, bounds)))

    return base, emit


def batch_normalization(graph: Graph, node: Node) -> Handled:
    """The inference formula, over axis 1."""
    epsilon, _, training, _ = node.attributes(epsilon=1e-5, momentum=0.9, training_mode=0, spatial=1)
    if training:
        raise node.refusal("it is in training mode: export the model in eval mode")
    base = node.inputs[0]
    values = [graph.constants.get(node.inputs[index]) for index in range(1, 5)]
    arrays = [value for value in values if value is not None]
    if len(arrays) < 4 or len({value.shape for value in arrays}) != 1 or arrays[0].ndim != 1:
        raise node.refusal("expected a constant scale, bias, mean and variance of one shape (features,)")
    if any(widened(value).dtype.name not in FLOATS.values() for value in arrays):
        raise node.refusal("expected a scale, bias, mean and variance of floats")

    def emit(builder: Builder) -> None:
        if not builder.whole:
            builder.last_axis(1)
            builder.set_width(arrays[0].size)
        # One for each channel, in axis 1, which a node later on may flatten with all that it has.
        channels = (-1, *[1] * (len(builder.dims) - 2))
        weight, bias, mean, variance = (builder.features(value.reshape(channels)) for value in arrays)
        builder.add(nn.BatchNorm1d, mean, variance, weight, bias, epsilon)

    return base, emit


def both_classes(graph: Graph, node: Node) -> Handled:
    """skl2onnx's probabilities [1 - p, p] of two classes: a Linear with the weight [[-1], [1]] and the bias [1, 0]."""
    (axis,) = node.attributes(axis=1)
    if len(node.inputs) == 2:
        other, base = node.inputs
        made_by = graph.producer(other)
        rest = made_by is not None and made_by.operator == "Sub" and made_by.inputs[1:] == (base,)
        if rest and made_by is not None and graph.constants.scalar(made_by.inputs[0]) == 1.0:

            def emit(builder: Builder) -> None:
                builder.last_axis(axis)
                builder.set_width(1)
                builder.linear(np.array([[-1.0], [1.0]]), np.array([1.0, 0.0]))

            return base, emit
    raise node.refusal("only [1 - p, p], the probabilities of two classes, is supported")
