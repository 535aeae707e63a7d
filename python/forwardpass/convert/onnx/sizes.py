"""Shapes and axes that nodes are told: as constants, as attributes, or computed from the shape of their data."""

from __future__ import annotations

from typing import TypeAlias

from .node import Node
from .reading import Graph

# None stands for the number of rows, or for any number.
Sizes: TypeAlias = "list[int | None]"


def sizes_of(graph: Graph, name: str, data: str, way: int = 0) -> Sizes | None:
    """The sizes of a shape that is computed; None in it stands for the number of rows of the data."""
    array = graph.constants.get(name)
    if array is not None:
        return [int(size) for size in array.reshape(-1)] if array.dtype.kind == "i" and array.size <= 8 else None
    node = graph.producer(name)
    if node is None or way > 4 or len(node.inputs) > 8:
        return None
    match node.operator:
        case "Concat":
            parts = [sizes_of(graph, part, data, way + 1) for part in node.inputs]
            sizes = [size for part in parts if part is not None for size in part]
            return None if None in parts else sizes
        case "Unsqueeze" if not node.input(1) or graph.constants.get(node.input(1)) is not None:
            return sizes_of(graph, node.input(0), data, way + 1)
        case "Gather":
            made_by, index = graph.producer(node.input(0)), graph.constants.get(node.input(1))
            whole = made_by is not None and made_by.operator == "Shape" and not made_by.proto.attribute
            if whole and made_by is not None and made_by.input(0) == data and index is not None:
                return [None] if index.size == 1 and not index.any() else None
        case "Shape":
            start, end = node.attributes(start=0, end=-1)
            return [None] if node.input(0) == data and (start, end) == (0, 1) else None
    return None


def axes_of(graph: Graph, node: Node) -> list[int]:
    """The axes of a Squeeze or Unsqueeze: an attribute before opset 13, an input from it on. Empty where not given."""
    (axes,) = node.attributes(axes=[0])
    if node.input(1):
        array = graph.constants.get(node.input(1))
        if array is None or array.dtype.kind != "i" or array.size > 8:
            raise node.refusal("its axes are no constant")
        return [int(axis) for axis in array.reshape(-1)]
    return [int(axis) for axis in axes[:8]]
