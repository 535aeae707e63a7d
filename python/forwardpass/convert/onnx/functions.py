"""Nodes that are an activation, a softmax or a LayerNorm."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ... import nn
from .affine import arithmetic, constant
from .layers import Builder, Emit, Handled
from .node import Node
from .patterns import NO_THRESHOLD, SIXTH, normalization, softplus_with_threshold, softsign
from .reading import DOUBLE, Graph

# ONNX's defaults: float32's nearest to the constants of the paper, which torch has as float64.
SELU_ALPHA, SELU_GAMMA = 1.67326319217681884765625, 1.05070102214813232421875


# Those without attributes.
ACTIVATIONS: dict[str, type[nn.Module]] = {
    "HardSwish": nn.Hardswish,
    "Mish": nn.Mish,
    "Relu": nn.ReLU,
    "Sigmoid": nn.Sigmoid,
    "Softsign": nn.Softsign,
    "Tanh": nn.Tanh,
}


def _adding(layer: type[nn.Module], *arguments: Any) -> Emit:
    return lambda builder: builder.add(layer, *arguments)


def scaled(layer: type[nn.Module], arguments: tuple[Any, ...], factor: float) -> Emit:
    """layer(factor * x) / factor, as x * sigmoid(1.702 x) is of SiLU."""

    def emit(builder: Builder) -> None:
        if factor == 1.0:
            builder.add(layer, *arguments)
            return
        zeros = builder.features(np.array(0.0))
        builder.affine(zeros + factor, zeros)
        builder.add(layer, *arguments)
        builder.affine(zeros + 1.0 / factor, zeros)

    return emit


def activation(graph: Graph, node: Node) -> Handled:
    """A node that is one activation, with its arguments as attributes."""
    base = node.inputs[0]
    match node.op:
        case "Relu" | "Sigmoid" | "Tanh" | "Mish" | "Softsign" | "HardSwish":
            node.attributes()
            return base, _adding(ACTIVATIONS[node.op])
        case "Softplus":
            node.attributes()
            return base, _adding(nn.Softplus, 1.0, NO_THRESHOLD)
        case "LeakyRelu":
            return base, _adding(nn.LeakyReLU, *node.attributes(alpha=0.01))
        case "Elu":
            return base, _adding(nn.ELU, *node.attributes(alpha=1.0))
        case "Celu":
            return base, _adding(nn.CELU, *node.attributes(alpha=1.0))
        case "Gelu":
            (approximate,) = node.attributes(approximate="none")
            return base, _adding(nn.GELU, approximate)
    (alpha,) = node.attributes(alpha=1.0)
    if alpha == 0.0:
        raise node.refusal("x * sigmoid(0 x), which is x / 2, is not supported")
    return base, scaled(nn.SiLU, (), alpha)


def selu(graph: Graph, node: Node) -> Handled:
    """SELU; or where the constants are not to the last digit torch's, gamma * ELU(x, alpha)."""
    alpha, gamma = node.attributes(alpha=SELU_ALPHA, gamma=SELU_GAMMA)
    base = node.inputs[0]
    if graph.types[base] != DOUBLE and (alpha, gamma) == (SELU_ALPHA, SELU_GAMMA):
        return base, _adding(nn.SELU)

    def emit(builder: Builder) -> None:
        builder.add(nn.ELU, alpha)
        scales = builder.features(np.array(gamma))
        builder.affine(scales, np.zeros_like(scales))

    return base, emit


def hard_sigmoid(graph: Graph, node: Node) -> Handled:
    """Clip(alpha x + beta, 0, 1): Hardsigmoid where alpha is 1/6 to the last digit, and beta 1/2."""
    alpha, beta = node.attributes(alpha=0.2, beta=0.5)
    if graph.types[node.inputs[0]] != DOUBLE and (alpha, beta) == (SIXTH, 0.5):
        return node.inputs[0], _adding(nn.Hardsigmoid)

    def emit(builder: Builder) -> None:
        builder.affine(builder.features(np.array(alpha)), builder.features(np.array(beta)))
        builder.add(nn.Hardtanh, 0.0, 1.0)

    return node.inputs[0], emit


def prelu(graph: Graph, node: Node) -> Handled:
    """One slope for all features, or one for each."""
    node.attributes()
    base = node.inputs[0]
    slope = constant(graph, node, node.inputs[1], base)

    def emit(builder: Builder) -> None:
        if slope.size > 1 and len(builder.dims) > 2 and not builder.whole:
            raise node.refusal(f"several slopes for data of {len(builder.dims)} dimensions are not supported")
        builder.add(nn.PReLU, slope.reshape(-1) if slope.size == 1 else builder.features(slope))

    return base, emit


def rms_normalization(graph: Graph, node: Node) -> Handled:
    """Over the last axis, with a weight."""
    axis, epsilon, stash = node.attributes(axis=-1, epsilon=1e-5, stash_type=1)
    base = node.inputs[0]
    weight = constant(graph, node, node.inputs[1], base)
    if weight.ndim != 1:
        raise node.refusal("expected a weight of shape (features,)")
    if stash != 1:
        raise node.refusal(f"its stash_type {stash} is not supported")

    def emit(builder: Builder) -> None:
        builder.last_axis(axis)
        builder.set_width(weight.size)
        builder.add(nn.RMSNorm, weight.size, weight, epsilon)
        _rows_alone(builder, axis)

    return base, emit


def dropout(graph: Graph, node: Node) -> Handled:
    """In inference it does nothing, and Graph has taken it out."""
    raise node.refusal("it is in training mode: export the model in eval mode")


def clip(graph: Graph, node: Node) -> Handled:
    """Limits as attributes before opset 11, as inputs from it on; either may be missing."""
    base = node.inputs[0]
    limits = node.attributes(min=-math.inf, max=math.inf)
    for index in (1, 2):
        if node.input(index):
            value = constant(graph, node, node.input(index), base)
            if value.size != 1 or value.ndim > 1:
                raise node.refusal(f"expected a single limit, got shape {value.shape}")
            limits[index - 1] = float(value.reshape(()))
    low, high = limits
    if not low <= high:
        raise node.refusal(f"expected limits in order, got {low} and {high}")
    return base, _adding(nn.Hardtanh, low, high)


def softmax(graph: Graph, node: Node) -> Handled:
    """Over the last axis. Before opset 13, over all axes from the one named on, by default from 1."""
    old = graph.opset < 13
    (axis,) = node.attributes(axis=1 if old else -1)
    layer = nn.Softmax if node.op == "Softmax" else nn.LogSoftmax

    def emit(builder: Builder) -> None:
        builder.last_axis(axis, to_the_end=old)
        builder.add(layer, 1 if axis == 1 and len(builder.dims) == 2 else -1)

    return node.inputs[0], emit


def _rows_alone(builder: Builder, axis: int) -> None:
    """Axis 1 is the last one of rows alone: a Flatten behind the layer refuses x of more axes."""
    if axis == 1 and len(builder.dims) == 2:
        builder.add(nn.Flatten)


def layer_normalization(graph: Graph, node: Node) -> Handled:
    """Over the last axis, with a weight, and with or without a bias."""
    axis, epsilon, stash = node.attributes(axis=-1, epsilon=1e-5, stash_type=1)
    base = node.inputs[0]
    weight = constant(graph, node, node.inputs[1], base)
    bias = constant(graph, node, node.input(2), base) if node.input(2) else None
    if weight.ndim != 1 or (bias is not None and bias.shape != weight.shape):
        raise node.refusal("expected a weight, and a bias if any, of shape (features,)")
    if stash != 1:
        raise node.refusal(f"its stash_type {stash} is not supported")

    def emit(builder: Builder) -> None:
        builder.last_axis(axis)
        builder.set_width(weight.size)
        builder.add(nn.LayerNorm, weight.size, weight, bias, epsilon)
        _rows_alone(builder, axis)

    return base, emit


def quotient(graph: Graph, node: Node) -> Handled:
    """A LayerNorm or a Softsign written out, or the division by a constant."""
    x = softsign(graph, node)
    if x is not None:
        return x, _adding(nn.Softsign)
    found = normalization(graph, node)
    if found is None:
        return arithmetic(graph, node)
    base, epsilon, axis = found

    def emit(builder: Builder) -> None:
        builder.last_axis(axis)
        builder.add(nn.LayerNorm, builder.known_width(), None, None, epsilon)
        _rows_alone(builder, axis)

    return base, emit


def where(graph: Graph, node: Node) -> Handled:
    """Softplus with a threshold, as torch has it."""
    found = softplus_with_threshold(graph, node)
    if found is None:
        raise node.refusal("only torch's Softplus is supported, Where(beta * x > threshold, x, Softplus(...))")
    base, beta, threshold = found
    return base, _adding(nn.Softplus, beta, threshold)
