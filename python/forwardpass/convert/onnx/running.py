"""The source's own answers, by the evaluator in the onnx package that defines what operators mean."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import nn
from .constants import Array, widened
from .content import library
from .evaluator import evaluator
from .layers import Builder
from .reading import DOUBLE, FLOAT, HALVES, Graph


def runner(graph: Graph, builder: Builder, flattened: bool) -> Callable[[nn.FloatArray], NDArray[Any]]:
    """What was read of a model as a function of rows of features, (rows, width), with answers (rows, outputs).

    Models in float16 and bfloat16 run in float32, as their networks do. ``builder`` is what has made the network.
    """
    rank, dtype = len(graph.dims), np.float64 if graph.input_type == DOUBLE else np.float32
    shapes, alone = dict(builder.shapes), builder.alone or rank == 1
    constants: dict[str, Array] = {}

    @functools.cache
    def source() -> Any:
        return evaluator(_read_part(graph, shapes, constants))

    def run(rows: nn.FloatArray) -> NDArray[Any]:
        # A value of one dimension is one row, and so is one whose rows a node takes away.
        answers = []
        for x in rows.astype(dtype)[:, np.newaxis] if alone else [rows.astype(dtype)]:
            features = list(graph.dims[1:]) if flattened else [x.shape[-1]]
            lead = [] if rank == 1 else [len(x), *[1] * (rank - 1 - len(features))]
            (answer,) = source().run(None, {graph.input: x.reshape(*lead, *features), **constants})
            answers.append(np.asarray(answer).reshape(len(x), -1))
        return np.concatenate(answers)

    return run


def _read_part(graph: Graph, shapes: dict[str, list[int]], constants: dict[str, Array]) -> Any:
    """A model of just the nodes that the network was made of; its constants are further inputs of it.

    An operand that nobody has read is left out: a file may have any program there.
    """
    onnx = library()
    nodes: dict[str, Any] = {}
    todo = [graph.output]
    while todo:
        name = todo.pop()
        node = graph.producers.get(name)
        if node is None or name in nodes:
            continue
        if name in shapes:  # for as many rows as there are
            shape = f"{name} shape"
            nodes[name] = onnx.NodeProto(op_type="Reshape", input=[node.inputs[0], shape], output=[name])
            constants[shape] = np.array(shapes[name], np.int64)
            todo.append(node.inputs[0])
            continue
        inputs = [operand if _is_read(graph, operand) else "" for operand in node.inputs]
        made = nodes[name] = onnx.NodeProto(op_type=node.op, domain=node.domain, input=inputs, output=[name])
        made.attribute.extend(_promoted(node.proto.attribute) if node.op == "Cast" else node.proto.attribute)
        for operand in inputs:
            array = graph.constants.known(operand)
            if array is None:
                todo.append(operand)
            else:
                constants[operand] = widened(array)
    part = onnx.ModelProto(ir_version=graph.proto.ir_version, opset_import=graph.proto.opset_import)
    part.graph.name = "source"
    part.graph.node.extend(nodes[name] for name in sorted(nodes, key=graph.position))
    part.graph.input.extend(onnx.ValueInfoProto(name=name) for name in (graph.input, *constants))
    part.graph.output.append(onnx.ValueInfoProto(name=graph.output))
    return part


def _is_read(graph: Graph, name: str) -> bool:
    return name == graph.input or graph.constants.known(name) is not None or graph.producers.get(name) in graph.read


def _promoted(attributes: Any) -> Any:
    """Of a Cast: to float32 instead of float16 and bfloat16."""
    copies = [type(attribute).FromString(attribute.SerializeToString()) for attribute in attributes]
    for attribute in copies:
        if attribute.name == "to" and attribute.i in HALVES:
            attribute.i = FLOAT
    return copies
