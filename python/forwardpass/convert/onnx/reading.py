"""The graph of an ONNX file: nodes in order, names that stand for others resolved, nothing computed yet.

Nodes that change nothing are taken out here (Identity, Dropout, a Cast to the type that a value has), so that the
patterns of patterns.py need not see through them: the names of what they give become names of what they get.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from ...limits import MOST_PARTS, Budget
from ..errors import ConversionError
from .constants import Constants
from .content import Content, library, parsed
from .external import ExternalData
from .inlining import inlined
from .node import Node
from .operator import Operator
from .order import in_order
from .wire import MOST_FIELDS, Thinned, Values

# Bytes that a field of the file takes in protobuf and in the dicts of a Graph.
FIELD = 200
OLDEST_OPSET = 7  # before it, Add and Gemm broadcast by other rules, and BatchNormalization trains unless told
FLOAT, INT32, INT64, STRING, BOOL, FLOAT16, DOUBLE, BFLOAT16 = 1, 6, 7, 8, 9, 10, 11, 16
HALVES = (FLOAT16, BFLOAT16)
# What networks compute in, by ONNX's number.
FLOATS = {FLOAT: "float32", DOUBLE: "float64"}
DOMAINS = {"": "", "ai.onnx": "", "ai.onnx.ml": "ai.onnx.ml", "com.microsoft": "com.microsoft"}
# DequantizeLinear, DynamicQuantizeMatMul, QLinearMatMul, QGemm, MatMulInteger, MatMulNBits, MatMulBnb4 and their kin.
QUANTISED = re.compile(r"uantize|^Q(Linear|Gemm|Attention|Ordered)|Integer|NBits|Bnb4|FpQ4")


def computed_in(kind: int) -> int:
    """The element type that values of a type are computed in here: float32 for the halves."""
    return FLOAT if kind in HALVES else kind


class Graph:
    """The nodes, constants, the one input and the one output of a model.

    Attributes
    ----------
    input, output : str
    input_type : int
        ONNX's number of the element type that the network computes in.
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
        Element types, as computed_in() says; right for the operators that are supported.
    read : set of Node
        The nodes that somebody asked for: all that the network is made of is among them.
    budget : Budget
        What the network and the constants may take.
    """

    def __init__(
        self, content: Content, max_bytes: int, operators: Mapping[str, Operator], output: str | None = None
    ) -> None:
        self.operators = operators
        thinned = Thinned(content.model)
        model = parsed(thinned.model)
        self.budget = Budget(max_bytes, ConversionError)
        # Halves become float32, and count as that.
        halves = any(tensor.data_type in HALVES for tensor in model.graph.initializer)
        self.budget.count_tensors(len(content.model) * (2 if halves else 1))
        self.budget.take(len(content.model), "the file")
        self.budget.take(FIELD * (MOST_FIELDS - thinned.left), "the model's nodes and names")
        model = self.proto = inlined(model, self.budget, frozenset(DOMAINS))
        graph = model.graph
        if len(graph.node) > MOST_PARTS:
            raise ConversionError(f"the model has {len(graph.node)} nodes: expected at most {MOST_PARTS}")
        self.opset = _opset(model)
        self.producers: dict[str, Node] = {}
        self.types: dict[str, int] = {}
        self._names: dict[str, str] = {}
        self._order: dict[str, int] = {}
        self._fixed: set[str] = set()
        self.read: set[Node] = set()
        tensors = _initializers(graph, thinned.values)
        external = ExternalData(content.folder, self.budget)
        self.constants = Constants(tensors, self.producers, operators, self.budget, external)
        for name, (tensor, _) in tensors.items():
            self._define(name, tensor.data_type, -1, "an initializer")
            self._fixed.add(name)
        self.input, self.input_type, self.dims = _input(graph, tensors)
        self._define(self.input, self.input_type, -1, "the input")
        for place, position in enumerate(in_order(graph.node, {"", *self._order})):
            self._add(graph.node[position], position, place)
        self.output = self._output(graph, output)
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
        self.types[name] = computed_in(kind)

    def _add(self, proto: Any, position: int, place: int) -> None:
        domain = DOMAINS.get(proto.domain, proto.domain)
        label = f"node {proto.name[:100]!r}" if proto.name else f"node {position}"
        where = f"{label} ({domain + '.' if domain else ''}{proto.op_type})"[:250]
        for name in proto.input:
            if name and name not in self._order:
                raise ConversionError(f"{where}: its input {name[:100]!r} is made by no node")
        inputs = tuple(self._names.get(name, name) for name in proto.input)
        node = Node(where, domain, proto.op_type, inputs, tuple(proto.output), proto)
        if QUANTISED.search(str(node.op)):
            raise node.refusal("the model is quantised: convert the float model that it was made from")
        known = self.operators.get(node.operator)
        if known is not None:
            node.check_inputs(known.least, known.most)
        if all(name in self._fixed for name in inputs if name):
            self._fixed.update(node.outputs)
        kind = self._type(node)
        unchanged = self._changes_nothing(node, computed_in(kind))
        for index, name in enumerate(node.outputs):
            if name:
                self._define(name, kind, place, where)
                if unchanged and index == 0:
                    self._names[name] = node.inputs[0]
                else:
                    self.producers[name] = node

    def _type(self, node: Node) -> int:
        """The element type of a result."""
        match node.operator:
            case "Cast":
                return int(node.attributes(to=0, saturate=1, round_mode="up")[0])
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
        if node.operator == "Cast":  # of a constant it rounds
            return kind == self.types[node.inputs[0]] and node.outputs[0] not in self._fixed
        if node.operator == "Dropout":
            training = node.input(2)
            value = self.constants.get(training) if training else None
            return not training or (value is not None and value.size == 1 and not value.any())
        return node.operator == "Identity"

    def _output(self, graph: Any, wanted: str | None) -> str:
        """The one that is wanted, or the one there is; of a classifier's label and probabilities, the second."""
        outputs, count = graph.output[:10], len(graph.output)
        names = ", ".join(repr(output.name[:100]) for output in outputs)
        if wanted is not None:
            if wanted not in self._order:
                raise ConversionError(f"output: expected the name of an output, {names}, got {wanted[:100]!r}")
            return self._resolved(wanted)
        kinds = [output.type.tensor_type.elem_type for output in outputs]
        if count == 2 and kinds[0] in (INT64, STRING) and kinds[1] not in (INT64, STRING):
            outputs, count = outputs[1:], 1
        if count != 1:
            way_out = f": choose one, output={outputs[0].name[:100]!r}" if count else ": expected one"
            raise ConversionError(f"the model has {count} outputs ({names}){way_out}")
        if outputs[0].name not in self._order:
            raise ConversionError(f"the output {names} is made by no node")
        return self._resolved(outputs[0].name)

    def _resolved(self, name: str) -> str:
        name = self._names.get(name, name)
        made_by = self.producers.get(name)
        # The probabilities of ZipMap, before they become a dict for each row.
        return made_by.inputs[0] if made_by is not None and made_by.operator == "ai.onnx.ml.ZipMap" else name


def _opset(model: Any) -> int:
    versions = {DOMAINS.get(entry.domain, entry.domain): entry.version for entry in model.opset_import}
    if "" not in versions:
        raise ConversionError("the model names no version of ONNX's operators")
    if versions[""] < OLDEST_OPSET:
        raise ConversionError(f"the model is of opset {versions['']}: expected {OLDEST_OPSET} or later")
    return int(versions[""])


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
        raise ConversionError(
            f"the model has {len(inputs) + more} inputs ({names}): expected one. Where skl2onnx makes one for each "
            'column, export with initial_types=[("x", FloatTensorType([None, columns]))], or use fp.from_sklearn'
        )
    name, kind = inputs[0].name, inputs[0].type.tensor_type
    where = f"the input {name[:100]!r}"
    if computed_in(kind.elem_type) not in FLOATS:
        raise ConversionError(
            f"{where}: expected floats, got {_type_name(kind.elem_type)}: export the model for an input of float32"
        )
    if not kind.HasField("shape") or not 1 <= len(kind.shape.dim) <= 8:
        raise ConversionError(f"{where}: expected a shape of 1 to 8 dimensions")
    dims = tuple(_dims(kind.shape))
    if 0 in dims:
        raise ConversionError(f"{where}: expected positive sizes, or -1 for any, got {dims}")
    return name, computed_in(kind.elem_type), dims


def _type_name(kind: int) -> str:
    names: Any = library().TensorProto.DataType
    return str(names.Name(kind)).lower() if kind in names.values() else f"ONNX's element type {kind}"


def _dims(shape: Any) -> Iterator[int | None]:
    for dim in shape.dim:
        yield dim.dim_value if dim.WhichOneof("value") == "dim_value" and dim.dim_value >= 0 else None
