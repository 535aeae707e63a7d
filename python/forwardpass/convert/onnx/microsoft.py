"""Operators of com.microsoft, as ONNX Runtime's optimiser writes them in the place of several of ONNX's own."""

from __future__ import annotations

import math

import numpy as np

from ... import nn
from .affine import constant, product
from .functions import scaled
from .layers import Builder, Handled
from .node import Node
from .reading import Graph

# What FusedGemm has behind its product, by name, with the defaults of ONNX's operator for what it leaves out.
FUSED: dict[str, tuple[type[nn.Module], tuple[float, ...]]] = {
    "Relu": (nn.ReLU, ()),
    "Sigmoid": (nn.Sigmoid, ()),
    "Tanh": (nn.Tanh, ()),
    "Softsign": (nn.Softsign, ()),
    "Softplus": (nn.Softplus, (1.0, 40.0)),
    "LeakyRelu": (nn.LeakyReLU, (0.01,)),
    "Elu": (nn.ELU, (1.0,)),
}


def fused_gemm(graph: Graph, node: Node) -> Handled:
    """Gemm and an activation."""
    *own, activation, alpha, beta, gamma = node.attributes(
        alpha=1.0, beta=1.0, transA=0, transB=0,
        activation="", activation_alpha=math.nan, activation_beta=math.nan, activation_gamma=math.nan,
    )  # fmt: skip
    base, emit_product = product(graph, node, *own)
    if activation not in FUSED or not math.isnan(beta) or not math.isnan(gamma):
        raise node.refusal(f"its activation {activation[:100]!r} is not supported")
    layer, defaults = FUSED[activation]
    arguments = (alpha,) if len(defaults) == 1 and not math.isnan(alpha) else defaults

    def emit(builder: Builder) -> None:
        emit_product(builder)
        builder.add(layer, *arguments)

    return base, emit


def fused_matmul(graph: Graph, node: Node) -> Handled:
    """Either factor transposed, and the product times a number."""
    alpha, trans_a, trans_b, batch_a, batch_b = node.attributes(
        alpha=1.0, transA=0, transB=0, transBatchA=0, transBatchB=0
    )
    if batch_a or batch_b:
        raise node.refusal("transposed batches are not supported")
    return product(graph, node, alpha, 1.0, trans_a, trans_b)


def gelu(graph: Graph, node: Node) -> Handled:
    """GELU by erf or by tanh, of x or of x and a bias."""
    node.attributes()
    base, kind = node.inputs[0], "tanh" if node.op == "FastGelu" else "none"
    bias = constant(graph, node, node.input(1), base) if node.input(1) else None

    def emit(builder: Builder) -> None:
        if bias is not None:
            offsets = builder.features(bias)
            builder.affine(np.ones_like(offsets), offsets)
        builder.add(nn.GELU, kind)

    return base, emit


def quick_gelu(graph: Graph, node: Node) -> Handled:
    """X * sigmoid(alpha x)."""
    (alpha,) = node.attributes(alpha=1.702)
    if alpha == 0.0:
        raise node.refusal("x * sigmoid(0 x), which is x / 2, is not supported")
    return node.inputs[0], scaled(nn.SiLU, (), alpha)
