"""The graph of an ONNX file: nodes in order, names that stand for others resolved, nothing computed yet.

Nodes that change nothing are taken out here (Identity, Dropout, a Cast to the type that a value has), so that the
patterns of patterns.py need not see through them: the names of what they give become names of what they get.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import ConversionError
from .constants import Constants
from .node import Node

# A network of 10,000 layers, as files.arch.MOST_LAYERS, with a constant for each beside it.
MOST_NODES = 20_000
OLDEST_OPSET = 7  # before it, Add and Gemm broadcast by other rules, and BatchNormalization trains unless told
FLOAT, INT32, INT64, STRING, BOOL, FLOAT16, DOUBLE, BFLOAT16 = 1, 6, 7, 8, 9, 10, 11, 16
FLOATS = {FLOAT: "float32", FLOAT16: "float16", DOUBLE: "float64", BFLOAT16: "bfloat16"}
DOMAINS = {"": "", "ai.onnx": "", "ai.onnx.ml": "ai.onnx.ml"}


def library() -> Any:
    """The onnx package."""
    try:
        import onnx
        import onnx.reference
    except ImportError as error:
        raise ImportError("ONNX models need the library of that name: pip install onnx") from error
    return onnx


def model_of(source: Any) -> Any:
    """The ModelProto of a path, of a ModelProto, or of what torch.onnx.export() returns.

    Raises
    ------
    ConversionError
        A file of another kind.
    OSError
        A file that cannot be read.
    """
    onnx = library()
    if isinstance(getattr(source, "model_proto", None), onnx.ModelProto):
        source = source.model_proto
    if isinstance(source, onnx.ModelProto):
        return source
    if not isinstance(source, (str, os.PathLike)):
        raise TypeError(f"expected a path or an onnx.ModelProto, got {type(source).__name__}")
    # Not onnx.load(): it would open the files that the model names.
    content = Path(source).read_bytes()
    try:
        return onnx.load_model_from_string(content)
    except MemoryError:
        raise
    except Exception as error:
        raise ConversionError(f"{os.fspath(source)}: not an ONNX model: {str(error)[:200]}") from error


class Graph:
    """The nodes, constants, the one input and the one output of a model.

    Attributes
    ----------
    input, output : str
    input_type : int
        ONNX's number of the element type.
    dims : tuple of int or None
        The input's shape, None where it is free.
    opset : int
    constants : Constants
    producers : dict of str to Node
        By the names of their results, those of nodes that were taken out left out.
    uses : Counter of str
        How many inputs of nodes, and outputs of the graph, a result is.
    types : dict of str to int
        Element types; right for the operators that are supported.
    """

    def __init__(self, model: Any) -> None:
        graph = model.graph
        if len(graph.node) > MOST_NODES:
            raise ConversionError(f"the model has {len(graph.node)} nodes: expected at most {MOST_NODES}")
        self.opset = _opset(model)
        _no_functions(model)
        self.producers: dict[str, Node] = {}
        self.types: dict[str, int] = {}
        self._names: dict[str, str] = {}
        self._order: dict[str, int] = {}
        tensors = _initializers(graph)
        self.constants = Constants(tensors, self.producers)
        for name, tensor in tensors.items():
            self._define(name, tensor.data_type, -1, "an initializer")
        self.input, self.input_type, self.dims = _input(graph, tensors)
        self._define(self.input, self.input_type, -1, "the input")
        for position, proto in enumerate(graph.node):
            self._add(proto, position)
        self.output = self._output(graph)
        self.uses = Counter(name for node in self.producers.values() for name in node.inputs)
        self.uses[self.output] += 1

    def position(self, name: str) -> int:
        """Where a value is made: the position of its node, -1 for the input."""
        return self._order[name]

    def _define(self, name: str, kind: int, position: int, what: str) -> None:
        if name in self._order:
            raise ConversionError(f"{what} gives {name[:100]!r}, which is there already")
        self._order[name] = position
        self.types[name] = kind

    def _add(self, proto: Any, position: int) -> None:
        domain = DOMAINS.get(proto.domain, proto.domain)
        label = f"node {proto.name[:100]!r}" if proto.name else f"node {position}"
        where = f"{label} ({domain + '.' if domain else ''}{proto.op_type})"[:250]
        for name in proto.input:
            if name and name not in self._order:
                raise ConversionError(f"{where}: its input {name[:100]!r} is made by no node before it")
        inputs = tuple(self._names.get(name, name) for name in proto.input)
        node = Node(where, domain, proto.op_type, inputs, tuple(proto.output), proto)
        node.check_inputs()
        kind = self._type(node)
        unchanged = self._changes_nothing(node, kind)
        for index, name in enumerate(node.outputs):
            if name:
                self._define(name, kind, position, where)
                if unchanged and index == 0:
                    self._names[name] = node.inputs[0]
                else:
                    self.producers[name] = node

    def _type(self, node: Node) -> int:
        """The element type of a result."""
        match node.operator:
            case "Cast":
                return int(node.attributes(to=0, saturate=1, round_mode="")[0])
            case "Constant":
                return self.constants.type_of(node)
            case "ai.onnx.ml.Scaler":
                return FLOAT
            case "Shape" | "Size" | "ArgMax":
                return INT64
        data = node.inputs[-1:] if node.operator == "Where" else node.inputs[:1]
        return self.types.get(data[0], 0) if data else 0

    def _changes_nothing(self, node: Node, kind: int) -> bool:
        if not node.outputs:
            return False
        if node.operator == "Cast":
            return kind == self.types[node.inputs[0]]
        if node.operator == "Dropout":
            training = node.input(2)
            value = self.constants.get(training) if training else None
            return not training or (value is not None and value.size == 1 and not value.any())
        return node.operator == "Identity"

    def _output(self, graph: Any) -> str:
        """The one output; of a classifier's label and probabilities, the second."""
        outputs = list(graph.output)
        kinds = [output.type.tensor_type.elem_type for output in outputs]
        if len(outputs) == 2 and kinds[0] in (INT64, STRING) and kinds[1] not in (INT64, STRING):
            outputs = outputs[1:]
        if len(outputs) != 1:
            names = ", ".join(repr(output.name[:100]) for output in outputs[:10])
            raise ConversionError(f"the model has {len(outputs)} outputs ({names}): expected one")
        name: str = outputs[0].name
        if name not in self._order:
            raise ConversionError(f"the output {name[:100]!r} is made by no node")
        name = self._names.get(name, name)
        made_by = self.producers.get(name)
        if made_by is not None and made_by.operator == "ai.onnx.ml.ZipMap":
            name = made_by.inputs[0]  # the probabilities, before they become a dict for each row
        return name


def _opset(model: Any) -> int:
    versions = {DOMAINS.get(entry.domain, entry.domain): entry.version for entry in model.opset_import}
    if "" not in versions:
        raise ConversionError("the model names no version of ONNX's operators")
    if versions[""] < OLDEST_OPSET:
        raise ConversionError(f"the model is of opset {versions['']}: expected {OLDEST_OPSET} or later")
    return int(versions[""])


def _no_functions(model: Any) -> None:
    """A model may define operators; none of those that are known here."""
    for function in model.functions:
        if function.domain in DOMAINS:
            raise ConversionError(f"the model redefines the operator {function.name[:100]!r}")


def _initializers(graph: Any) -> dict[str, Any]:
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    if len(tensors) < len(graph.initializer):
        twice = next(name for name, count in Counter(t.name for t in graph.initializer).items() if count > 1)
        raise ConversionError(f"the initializer {twice[:100]!r} stands there twice")
    return tensors


def _input(graph: Any, tensors: dict[str, Any]) -> tuple[str, int, tuple[int | None, ...]]:
    """Name, element type and shape of what is no default value for an initializer."""
    inputs = [value for value in graph.input if value.name not in tensors]
    if len(inputs) != 1:
        names = ", ".join(repr(value.name[:100]) for value in inputs[:10])
        raise ConversionError(f"the model has {len(inputs)} inputs ({names}): expected one")
    name, kind = inputs[0].name, inputs[0].type.tensor_type
    where = f"the input {name[:100]!r}"
    if kind.elem_type not in FLOATS:
        raise ConversionError(f"{where}: expected floats, got ONNX's element type {kind.elem_type}")
    if not kind.HasField("shape") or not 1 <= len(kind.shape.dim) <= 8:
        raise ConversionError(f"{where}: expected a shape of 1 to 8 dimensions")
    dims = tuple(_dims(kind.shape))
    if any(size is not None and size < 1 for size in dims):
        raise ConversionError(f"{where}: expected positive sizes, got {dims}")
    return name, kind.elem_type, dims


def _dims(shape: Any) -> Iterator[int | None]:
    for dim in shape.dim:
        yield dim.dim_value if dim.WhichOneof("value") == "dim_value" else None
