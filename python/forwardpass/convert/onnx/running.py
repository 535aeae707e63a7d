"""The source's own answers, by the evaluator in the onnx package that defines what operators mean."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import nn
from .constants import Array
from .reading import BFLOAT16, DOUBLE, FLOAT, FLOAT16, Graph, library

HALVES, NARROW = (FLOAT16, BFLOAT16), ("float16", "bfloat16")


def runner(graph: Graph, width: int, flattened: bool) -> Callable[[nn.FloatArray], NDArray[Any]]:
    """What was read of a model as a function of rows of features, (rows, width), with answers (rows, outputs).

    Models in float16 and bfloat16 run in float32, as their networks do.
    """
    rank, dtype = len(graph.dims), np.float64 if graph.input_type == DOUBLE else np.float32
    features = list(graph.dims[1:]) if flattened else [width]
    constants: dict[str, Array] = {}

    @functools.cache
    def source() -> Any:
        return library().reference.ReferenceEvaluator(_read_part(graph, constants), new_ops=_corrected())

    def run(rows: nn.FloatArray) -> NDArray[Any]:
        # A value of one dimension is one row.
        lead = [] if rank == 1 else [len(rows), *[1] * (rank - 1 - len(features))]
        answers = []
        for x in rows.astype(dtype) if rank == 1 else [rows.astype(dtype)]:
            (answer,) = source().run(None, {graph.input: x.reshape(*lead, *features), **constants})
            answers.append(np.asarray(answer))
        return np.concatenate([answer.reshape(1 if rank == 1 else len(rows), -1) for answer in answers])

    return run


def _read_part(graph: Graph, constants: dict[str, Array]) -> Any:
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
        inputs = [operand if _is_read(graph, operand) else "" for operand in node.inputs]
        made = nodes[name] = onnx.NodeProto(op_type=node.op, domain=node.domain, input=inputs, output=[name])
        made.attribute.extend(_promoted(node.proto.attribute) if node.op == "Cast" else node.proto.attribute)
        for index, operand in enumerate(inputs):
            array = graph.constants.known(operand)
            if array is None:
                todo.append(operand)
            elif node.op == "Reshape" and index == 1:
                made.input[1] = f"{name} shape"
                constants[made.input[1]] = _for_any_rows(array)
                del made.attribute[:]
            else:
                constants[operand] = array.astype(np.float32) if array.dtype.name in NARROW else array
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


def _for_any_rows(shape: Array) -> Array:
    """The shape (rows, features) that a Reshape was read as, for as many rows as there are."""
    _, features = shape.reshape(-1)
    return np.array([0 if features == -1 else -1, features], np.int64)


def _corrected() -> list[type[Any]]:
    """Operators that onnx's evaluator gets wrong, in 1.23 or some version since 1.19, by their definitions.

    Its Softplus overflowed; its Erf is float32 whatever the input, and with it Gelu; its HardSwish has 1/6 in float32.
    Its LogSoftmax is log(0) where Softmax underflows. Its BatchNormalization of opsets 9 to 13 mixes the batch's own
    mean into the running one.
    """
    op_run: Any = library().reference.op_run.OpRun
    erf = np.vectorize(math.erf, otypes=[np.float64])

    # Here and below: onnx has no types.
    class Erf(op_run):  # type: ignore[misc]
        def _run(self, x: Array) -> tuple[Array]:
            return (erf(x).astype(x.dtype),)

    class Gelu(op_run):  # type: ignore[misc]
        def _run(self, x: Array, approximate: str = "none") -> tuple[Array]:
            if approximate == "tanh":
                factor = np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))
            else:
                factor = erf(x / math.sqrt(2)).astype(x.dtype)
            return (0.5 * x * (1 + factor),)

    class LogSoftmax(op_run):  # type: ignore[misc]
        def _run(self, x: Array, axis: int = -1) -> tuple[Array]:
            shifted = x - x.max(axis=axis, keepdims=True)
            return (shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True)),)

    class BatchNormalization(op_run):  # type: ignore[misc]
        def _run(
            self, x: Array, scale: Array, bias: Array, mean: Array, variance: Array, epsilon: float = 1e-5, **_: Any
        ) -> tuple[Array]:
            return (((x - mean) / np.sqrt(variance + epsilon) * scale + bias).astype(x.dtype),)

    class Softplus(op_run):  # type: ignore[misc]
        def _run(self, x: Array) -> tuple[Array]:
            return (np.logaddexp(x, 0).astype(x.dtype),)

    class HardSwish(op_run):  # type: ignore[misc]  # onnx has no types where these are checked
        def _run(self, x: Array) -> tuple[Array]:
            return ((x * np.clip(x + 3, 0, 6) / 6).astype(x.dtype),)

    return [Erf, Gelu, LogSoftmax, BatchNormalization, Softplus, HardSwish]
