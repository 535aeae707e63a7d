"""Constants that are computed from constants: what the operators of such nodes give."""

from __future__ import annotations

import numpy as np

from .constants import TYPES, Array
from .node import Node


def cast(node: Node, x: Array) -> Array:
    """Floats, integers and bool of another type."""
    (to, _, _) = node.attributes(to=0, saturate=1, round_mode="")
    if to not in TYPES:
        raise node.refusal(f"ONNX's element type {to} is not supported")
    if TYPES[to] == "bfloat16":
        raise node.refusal("a cast to bfloat16 is not supported")
    return x.astype(TYPES[to])


def transpose(node: Node, x: Array) -> Array:
    """Of all axes."""
    (axes,) = node.attributes(perm=[0])
    return x.transpose(axes or None)


def reshape(node: Node, x: Array, shape: Array) -> Array:
    """To a constant shape."""
    (allow_zero,) = node.attributes(allowzero=0)
    sizes = [int(size) for size in shape.reshape(-1)]
    if not allow_zero:
        sizes = [x.shape[axis] if size == 0 else size for axis, size in enumerate(sizes)]
    return x.reshape(sizes)


def _axes(node: Node, rest: tuple[Array, ...]) -> tuple[int, ...]:
    """An attribute before opset 13, an input from it on."""
    (axes,) = node.attributes(axes=[0])
    return tuple(int(axis) for axis in (rest[0].reshape(-1) if rest else axes))


def unsqueeze(node: Node, x: Array, *rest: Array) -> Array:
    """With axes of one element more."""
    return np.expand_dims(x, _axes(node, rest))


def squeeze(node: Node, x: Array, *rest: Array) -> Array:
    """With axes of one element less."""
    return np.squeeze(x, _axes(node, rest) or None)
