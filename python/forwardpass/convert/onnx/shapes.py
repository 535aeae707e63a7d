"""Nodes that change shape or type, where what they change does not matter: flattened inputs, transposes, casts."""

from __future__ import annotations

from .layers import Builder, Handled
from .node import Node
from .reading import DOUBLE, FLOAT, Graph


def flatten(graph: Graph, node: Node) -> Handled:
    """All axes but the first become one."""
    (axis,) = node.attributes(axis=1)

    def emit(builder: Builder) -> None:
        rank = len(builder.dims)
        if rank < 2 or axis not in (1, 1 - rank):
            raise node.refusal(f"its axis {axis}, for {rank} dimensions, is not supported: only from axis 1 on")
        builder.flatten("a Flatten")

    return node.inputs[0], emit


def reshape(graph: Graph, node: Node) -> Handled:
    """To (rows, features), however the shape says it."""
    (allow_zero,) = node.attributes(allowzero=0)
    base = node.inputs[0]
    shape = _shape(graph, node.inputs[1], base)
    if shape is None:
        raise node.refusal("its shape is neither a constant nor the number of rows with a constant")

    def emit(builder: Builder) -> None:
        rows, width = builder.dims[0], builder.known_width()
        first, second = shape if len(shape) == 2 else (0, 0)
        copied = 0 if not allow_zero else None  # a 0 stands for the size that was there
        keeps_rows = first is None or first in (copied, rows, -1)
        keeps_width = second == width or (second == copied and len(builder.dims) == 2) or (second == -1 and first != -1)
        if len(shape) != 2 or not keeps_rows or not keeps_width:
            named = ["rows" if size is None else size for size in shape]
            raise node.refusal(f"from {builder.dims} to {named}: only what flattens to (rows, features) is supported")
        builder.flatten("a Reshape")

    return base, emit


def _shape(graph: Graph, name: str, data: str, way: int = 0) -> list[int | None] | None:
    """The sizes of a shape that is computed; None in it stands for the number of rows of the data."""
    array = graph.constants.get(name)
    if array is not None:
        return [int(size) for size in array.reshape(-1)] if array.dtype.kind == "i" and array.size <= 8 else None
    node = graph.producer(name)
    if node is None or way > 4 or len(node.inputs) > 8:
        return None
    match node.operator:
        case "Concat":
            parts = [_shape(graph, part, data, way + 1) for part in node.inputs]
            sizes = [size for part in parts if part is not None for size in part]
            return None if None in parts else sizes
        case "Unsqueeze" if not node.input(1) or graph.constants.get(node.input(1)) is not None:
            return _shape(graph, node.input(0), data, way + 1)
        case "Gather":
            made_by, index = graph.producer(node.input(0)), graph.constants.get(node.input(1))
            whole = made_by is not None and made_by.operator == "Shape" and not made_by.proto.attribute
            if whole and made_by is not None and made_by.input(0) == data and index is not None:
                return [None] if index.size == 1 and not index.any() else None
        case "Shape":
            start, end = node.attributes(start=0, end=-1)
            return [None] if node.input(0) == data and (start, end) == (0, 1) else None
    return None


def transpose(graph: Graph, node: Node) -> Handled:
    """Of two dimensions, or none at all."""
    (axes,) = node.attributes(perm=[0])

    def emit(builder: Builder) -> None:
        rank = len(builder.dims)
        order = axes or list(range(rank))[::-1]
        if order == list(range(rank)):
            return
        if rank != 2 or order != [1, 0]:
            raise node.refusal(f"a transpose of {rank} dimensions to the order {order} is not supported")
        builder.columns = not builder.columns

    return node.inputs[0], emit


def cast(graph: Graph, node: Node) -> Handled:
    """Of the input to the type of the weights, which is what the network does itself."""
    base, to = node.inputs[0], graph.types[node.outputs[0]]
    if base != graph.input or to not in (FLOAT, DOUBLE):
        raise node.refusal("a cast to another type than the network's is not supported")

    def emit(builder: Builder) -> None:
        builder.cast = node

    return base, emit
