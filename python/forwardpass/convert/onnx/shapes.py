"""Nodes that change shape or type, where what they change does not matter to a row of features."""

from __future__ import annotations

import math

from .layers import Builder, Handled
from .node import Node
from .reading import DOUBLE, FLOAT, Graph
from .sizes import Sizes, axes_of, sizes_of


def flatten(graph: Graph, node: Node) -> Handled:
    """All axes but the first become one; or all but the last, which gathers rows."""
    (axis,) = node.attributes(axis=1)

    def emit(builder: Builder) -> None:
        rank = len(builder.dims)
        if rank > 2 and not builder.whole and axis in (-1, rank - 1):
            _gather(builder, [None])
        elif rank >= 2 and axis in (1, 1 - rank):
            builder.flatten("a Flatten")
        else:
            raise node.refusal(f"its axis {axis}, for {rank} dimensions, is not supported: only from axis 1 on")
        _keep_shape(builder, node)

    return node.inputs[0], emit


def reshape(graph: Graph, node: Node) -> Handled:
    """To (rows, features), however the shape says it; to other dimensions of rows; or to rows of one number each."""
    (allow_zero,) = node.attributes(allowzero=0)
    base = node.inputs[0]
    shape = sizes_of(graph, node.inputs[1], base)
    if shape is None:
        raise node.refusal("its shape is neither a constant nor the number of rows with a constant")

    def emit(builder: Builder) -> None:
        sizes = _copied(shape, builder, not allow_zero)
        rows_of_features = not builder.squeezed and (builder.whole or len(builder.dims) == 2)
        if rows_of_features and _flattens(sizes, builder.dims, builder.known_width()):
            builder.flatten("a Reshape")
        elif not _regrouped(builder, sizes):
            named = ["rows" if size is None else size for size in shape]
            raise node.refusal(
                f"from {builder.dims} to {named}: only what flattens to (rows, features) is supported; "
                f"output={base[:100]!r} gives the network before it"
            )
        _keep_shape(builder, node)

    return base, emit


def _copied(shape: Sizes, builder: Builder, copies: bool) -> Sizes:
    """A 0 stands for the size that was there."""
    there = builder.dims[:-1] if builder.squeezed else builder.dims
    return [there[index] if copies and size == 0 and index < len(there) else size for index, size in enumerate(shape)]


def _flattens(sizes: Sizes, dims: Sizes, width: int) -> bool:
    """Whether it is (rows, features), by two sizes of which one at most says that it is the rest."""
    if len(sizes) != 2 or len(dims) < 2:
        return False
    first, second = sizes
    return first in (None, dims[0], -1) and (second == width or (second == -1 and first != -1))


def _regrouped(builder: Builder, sizes: Sizes) -> bool:
    """Where features stay the last dimension, or are one that goes or comes back: rows may be anything."""
    dims, width = builder.dims, builder.width
    if builder.columns or not sizes:
        return False
    if width == 1 and len(dims) > 1 and len(sizes) == 1:
        builder.squeezed = True
        _gather(builder, [None])
        return sizes[0] in (-1, None, dims[0])
    if builder.squeezed or (len(dims) == 1 and len(sizes) == 2 and sizes[1] == 1 and not builder.parts):
        builder.squeezed = False
        if len(dims) == 1:
            builder.dims = [dims[0], 1]
        _gather(builder, sizes[:-1])
        return sizes[-1] == 1
    if builder.whole and any(size != 1 for size in dims[1:-1]):
        return False
    rows, there = sizes[:-1], dims[:-1]
    same_rows = rows == there or (None not in {*rows, *there} and math.prod(rows) == math.prod(there))  # type: ignore[arg-type]  # no None
    if sizes[-1] != width and not (sizes[-1] == -1 and same_rows):
        return False
    _gather(builder, sizes[:-1])
    return True


def _gather(builder: Builder, rows: Sizes) -> None:
    """The same rows in other dimensions."""
    known = [None if size == -1 else size for size in rows]
    builder.alone = builder.alone or not rows
    builder.dims = [*known, builder.dims[-1]]
    builder.whole = builder.whole and len(builder.dims) > 2


def squeeze(graph: Graph, node: Node) -> Handled:
    """Of dimensions of size 1: among the rows, or a single feature."""
    given = axes_of(graph, node)

    def emit(builder: Builder) -> None:
        there = builder.dims[:-1] if builder.squeezed else builder.dims
        rank = len(there)
        axes = {axis % rank for axis in given} if given else {at for at, size in enumerate(there) if size == 1}
        if any(
            not -rank <= axis < rank or there[axis % rank] not in (1, *[None] * (axis % rank > 0)) for axis in given
        ):
            raise node.refusal(f"its axes {given} of {there} are not known to be of size 1")
        if builder.columns:
            raise node.refusal("its data are transposed")
        if not builder.squeezed and rank - 1 in axes and rank > 1:
            if builder.known_width() != 1:
                raise node.refusal(f"its axes {given} of {there} are not known to be of size 1")
            builder.squeezed = True
        _gather(builder, [size for at, size in enumerate(builder.dims[:-1]) if at not in axes])
        _keep_shape(builder, node)

    return node.inputs[0], emit


def unsqueeze(graph: Graph, node: Node) -> Handled:
    """By dimensions of size 1: among the rows, or the one of a single feature."""
    given = axes_of(graph, node)

    def emit(builder: Builder) -> None:
        there = list(builder.dims[:-1] if builder.squeezed else builder.dims)
        rank = len(there) + len(given)
        axes = sorted(axis % rank for axis in given)
        if builder.columns or not axes or any(not -rank <= axis < rank for axis in given) or len({*axes}) < len(axes):
            raise node.refusal(f"its axes {given} for {len(there)} dimensions are not supported")
        for axis in axes:
            there.insert(axis, 1)
        if rank - 1 in axes:
            starts = len(builder.dims) == 1 and not builder.parts
            if not builder.squeezed and not starts:
                raise node.refusal("a dimension of size 1 behind the features is not supported: it makes rows of them")
            builder.squeezed = False
            builder.dims = [None, 1]
        if builder.squeezed:
            there.append(1)
        _gather(builder, there[:-1])
        _keep_shape(builder, node)

    return node.inputs[0], emit


def _keep_shape(builder: Builder, node: Node) -> None:
    """What the source is told to give for as many rows as there are, of those that it was exported for."""
    rows = len(builder.dims) - 1
    features = [] if builder.squeezed else [builder.known_width()]
    builder.shapes[node.outputs[0]] = [*[-1][:rows], *[1] * (rows - 1), *features]


def flattens(graph: Graph, node: Node, dims: Sizes) -> bool:
    """Whether a node makes rows of data of these dimensions: (rows, ...) becomes (rows, features)."""
    if node.operator == "Flatten":
        return node.attributes(axis=1)[0] in (1, 1 - len(dims))
    if node.operator == "Squeeze":
        return all(size == 1 for size in dims[1:-1])
    shape = sizes_of(graph, node.inputs[1], node.inputs[0]) if node.operator == "Reshape" else None
    if shape is None or None in dims[1:]:
        return False
    copied = [dims[at] if size == 0 and at < len(dims) else size for at, size in enumerate(shape)]
    return _flattens(copied, dims, math.prod(size or 1 for size in dims[1:]))


def transpose(graph: Graph, node: Node) -> Handled:
    """Of two dimensions, or none at all."""
    (axes,) = node.attributes(perm=[0])

    def emit(builder: Builder) -> None:
        rank = len(builder.dims) - builder.squeezed
        order = axes or list(range(rank))[::-1]
        if order == list(range(rank)):
            return
        if rank != 2 or order != [1, 0]:
            raise node.refusal(f"a transpose of {rank} dimensions to the order {order} is not supported")
        builder.columns = not builder.columns

    return node.inputs[0], emit


def cast(graph: Graph, node: Node) -> Handled:
    """Of the input to the type of the weights, which is what the network does itself; of the output to a wider one."""
    base, to = node.inputs[0], graph.types[node.outputs[0]]
    if (base != graph.input and node.outputs[0] != graph.output) or to not in (FLOAT, DOUBLE):
        raise node.refusal("a cast to another type than the network's is not supported")

    def emit(builder: Builder) -> None:
        builder.cast = node

    return base, emit
