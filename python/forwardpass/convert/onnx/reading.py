"""The graph of an ONNX file: nodes in order, names that stand for others resolved, nothing computed yet.

Nodes that change nothing are taken out here (Identity, Dropout, a Cast to the type that a value has), so that the
patterns of patterns.py need not see through them: the names of what they give become names of what they get.
"""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from ...limits import FAILURES, MOST_PARTS, Budget, open_regular
from ..errors import ConversionError
from .constants import Constants
from .node import Node
from .operator import Operator
from .wire import MOST_FIELDS, Thinned, Values

# Bytes that a field of the file takes in protobuf and in the dicts of a Graph.
FIELD = 200
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


def content_of(source: Any, max_bytes: int) -> bytes:
    """The bytes of a model: of a path, of an onnx.ModelProto, or of what torch.onnx.export() returns.

    Raises
    ------
    ConversionError
        More than ``max_bytes``, or no regular file.
    OSError
        A file that cannot be read.
    TypeError
        Neither a path nor a model.
    """
    onnx = library()
    if isinstance(getattr(source, "model_proto", None), onnx.ModelProto):
        source = source.model_proto
    if isinstance(source, onnx.ModelProto):
        try:
            return bytes(source.SerializeToString())
        except FAILURES as error:  # protobuf's own limit is 2 GiB
            raise ConversionError(f"the model cannot be serialized: {str(error)[:200]}") from error
    if not isinstance(source, (str, os.PathLike)):
        raise TypeError(f"expected a path or an onnx.ModelProto, got {type(source).__name__}")
    # Not onnx.load(): it would open the files that the model names.
    with open_regular(source, ConversionError) as file:
        size = os.fstat(file.fileno()).st_size
        Budget(max_bytes, ConversionError).count_tensors(size)
        return file.read(size)


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
    operators : dict of str to Operator
        What is known of each.
    constants : Constants
    producers : dict of str to Node
        By the names of their results, those of nodes that were taken out left out.
    uses : Counter of str
        How many inputs of nodes, and outputs of the graph, a result is.
    types : dict of str to int
        Element types; right for the operators that are supported.
    read : set of Node
        The nodes that somebody asked for: all that the network is made of is among them.
    budget : Budget
        What the network and the constants may take.
    """

    def __init__(self, content: bytes, max_bytes: int, operators: Mapping[str, Operator]) -> None:
        self.operators = operators
        thinned = Thinned(content)
        model = self.proto = _parsed(thinned.model)
        graph = model.graph
        if len(graph.node) > MOST_PARTS:
            raise ConversionError(f"the model has {len(graph.node)} nodes: expected at most {MOST_PARTS}")
        self.opset = _opset(model)
        _no_functions(model)
        self.producers: dict[str, Node] = {}
        self.types: dict[str, int] = {}
        self._names: dict[str, str] = {}
        self._order: dict[str, int] = {}
        self.read: set[Node] = set()
        tensors = _initializers(graph, thinned.values)
        self.budget = Budget(max_bytes, ConversionError)
        # Halves become float32, and count as that.
        halves = any(tensor.data_type in (FLOAT16, BFLOAT16) for tensor, _ in tensors.values())
        self.budget.count_tensors(len(content) * (2 if halves else 1))
        self.budget.take(len(content), "the file")
        self.budget.take(FIELD * (MOST_FIELDS - thinned.left), "the model's nodes and names")
        self.constants = Constants(tensors, self.producers, operators, self.budget)
        for name, (tensor, _) in tensors.items():
            self._define(name, tensor.data_type, -1, "an initializer")
        self.input, self.input_type, self.dims = _input(graph, tensors)
        self._define(self.input, self.input_type, -1, "the input")
        for position, proto in enumerate(graph.node):
            self._add(proto, position)
        self.output = self._output(graph)
        self.uses = Counter(name for node in self.producers.values() for name in node.inputs)
        self.uses[self.output] += 1

    def producer(self, name: str) -> Node | None:
        """The node that makes a value, which counts as read; None of the input and of constants."""
        node = self.producers.get(name)
        if node is not None:
            self.read.add(node)
        return node

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
        known = self.operators.get(node.operator)
        if known is not None:
            node.check_inputs(known.least, known.most)
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
        outputs, count = graph.output[:10], len(graph.output)
        kinds = [output.type.tensor_type.elem_type for output in outputs]
        if count == 2 and kinds[0] in (INT64, STRING) and kinds[1] not in (INT64, STRING):
            outputs, count = outputs[1:], 1
        if count != 1:
            names = ", ".join(repr(output.name[:100]) for output in outputs)
            raise ConversionError(f"the model has {count} outputs ({names}): expected one")
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


def _parsed(model: bytes) -> Any:
    from google.protobuf.message import DecodeError  # of the library that onnx stands on

    try:
        return library().load_model_from_string(model)
    except (DecodeError, *FAILURES) as error:
        raise ConversionError(f"not an ONNX model: {str(error)[:200]}") from error


def _initializers(graph: Any, values: list[Values]) -> dict[str, tuple[Any, Values]]:
    tensors = {tensor.name: (tensor, lying) for tensor, lying in zip(graph.initializer, values, strict=True)}
    if len(tensors) < len(graph.initializer):
        twice = next(name for name, count in Counter(t.name for t in graph.initializer).items() if count > 1)
        raise ConversionError(f"the initializer {twice[:100]!r} stands there twice")
    return tensors


def _input(graph: Any, tensors: dict[str, tuple[Any, Values]]) -> tuple[str, int, tuple[int | None, ...]]:
    """Name, element type and shape of what is no default value for an initializer."""
    others = (value for value in graph.input if value.name not in tensors)
    inputs = list(itertools.islice(others, 10))  # each takes a hundred bytes as soon as it is looked at
    if len(inputs) != 1:
        names, more = ", ".join(repr(value.name[:100]) for value in inputs), sum(1 for _ in others)
        raise ConversionError(f"the model has {len(inputs) + more} inputs ({names}): expected one")
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
