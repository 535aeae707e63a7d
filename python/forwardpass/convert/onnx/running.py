"""The source's own answers, by the evaluator in the onnx package that defines what operators mean."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import nn
from ..errors import ConversionError
from .constants import Array
from .reading import BFLOAT16, DOUBLE, FLOAT, FLOAT16, Graph, library

LARGEST_BLOCK = 1 << 26  # values in an input of fixed shape


def runner(model: Any, graph: Graph, width: int, flattened: bool) -> Callable[[nn.FloatArray], NDArray[Any]]:
    """The model as a function of rows of features, (rows, width), with answers (rows, outputs).

    Models in float16 and bfloat16 run in float32, as their networks do.
    """
    halves = (FLOAT16, BFLOAT16)
    needed = _needed(model, graph)
    needed = _promoted(needed) if graph.input_type in halves else needed
    dtype = np.float64 if graph.input_type == DOUBLE else np.float32
    rank, fixed = len(graph.dims), graph.dims[0]
    features = list(graph.dims[1:]) if flattened else [width]
    # Only a Reshape can know the number of rows; and a value of one dimension is one row.
    known = fixed is not None and any(node.op_type == "Reshape" for node in needed.graph.node)
    block = fixed if known and rank > 1 else None
    if block is not None and block * width > LARGEST_BLOCK:
        raise ConversionError(f"the input {graph.input[:100]!r}: {graph.dims} is too large to be tried")

    def answer(source: Any, x: Array) -> Array:
        lead = [] if rank == 1 else [len(x), *[1] * (rank - 1 - len(features))]
        (result,) = source.run(None, {graph.input: x.reshape(*lead, *features)})
        return np.asarray(result).reshape(len(x), -1)

    def run(rows: nn.FloatArray) -> NDArray[Any]:
        source = library().reference.ReferenceEvaluator(needed, new_ops=_corrected())
        size = 1 if rank == 1 else block or len(rows)
        x = np.resize(rows, (-(-len(rows) // size) * size, width)).astype(dtype)
        return np.concatenate([answer(source, part) for part in np.split(x, len(x) // size)])[: len(rows)]

    return run


def _needed(model: Any, graph: Graph) -> Any:
    """The part of the model that makes its answers: of a classifier, not what makes labels of them."""
    onnx = library()
    made_by = {name: node for node in model.graph.node for name in node.output if name}
    names, nodes = {graph.output}, {}
    todo = [graph.output]
    while todo:
        node = made_by.get(todo.pop())
        if node is not None and id(node) not in nodes:
            nodes[id(node)] = node
            todo += [name for name in node.input if name]
            names.update(node.input)
    part = onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    part.graph.name = "source"
    part.graph.node.extend(node for node in model.graph.node if id(node) in nodes)
    part.graph.initializer.extend(tensor for tensor in model.graph.initializer if tensor.name in names)
    part.graph.input.extend(value for value in model.graph.input if value.name == graph.input)
    part.graph.output.append(onnx.helper.make_tensor_value_info(graph.output, graph.types[graph.output], None))
    return part


def _promoted(model: Any) -> Any:
    """The model with float32 for float16 and bfloat16."""
    numpy_helper = library().numpy_helper

    def promote(tensor: Any) -> None:
        if tensor.data_type in (FLOAT16, BFLOAT16):
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))

    for tensor in model.graph.initializer:
        promote(tensor)
    for node in model.graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i in (FLOAT16, BFLOAT16):
                attribute.i = FLOAT
            if node.op_type == "Constant" and attribute.name == "value":
                promote(attribute.t)
    return model


def _corrected() -> list[type[Any]]:
    """Operators that onnx's evaluator gets wrong, in 1.23 or some version since 1.19, by their definitions.

    Its Softplus overflowed; its Erf is float32 whatever the input, and with it Gelu; its LogSoftmax is log(0) where
    Softmax underflows; its BatchNormalization of opsets 9 to 13 mixes the batch's own mean into the running one.
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

    return [Erf, Gelu, LogSoftmax, BatchNormalization, Softplus]
