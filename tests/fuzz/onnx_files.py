"""Fuzzing of from_onnx with models that are built node by node, and then changed:

    python -m tests.fuzz.onnx_files --seconds 600

Operands that nobody needs are programs which never end, take all memory or open another file.
"""

import itertools
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper

import forwardpass as fp
from tests.fuzz.harness import Fuzzer, Input, main

# Where values may be said to lie: the input itself is the one plain file in its folder.
INSIDE, ELSEWHERE = "input.onnx", ("elsewhere.bin", "../elsewhere.bin", "a/b.bin", "/etc/hostname", "..", "", "a\0b")
ACTIVATIONS = ("Relu", "Tanh", "Sigmoid", "Softplus", "Selu", "Elu", "LeakyRelu", "Gelu", "Softmax", "LogSoftmax")
MICROSOFT: tuple[Any, ...] = (
    ("FusedGemm", {"activation": "Relu"}), ("FusedGemm", {"activation": "LeakyRelu", "activation_alpha": 0.5}),
    ("FusedMatMul", {"alpha": 0.5, "transB": 1}), ("Gelu", {}), ("QuickGelu", {"alpha": 2.0}), ("FastGelu", {}),
)  # fmt: skip
WIDTHS = (1, 3, 4, 17, 256, 1000)
HUGE = (1 << 17, 1 << 19, 1 << 20, 1 << 21, 1 << 30, 1 << 40, 1 << 62)
TEXTS = ("", "x", "a\x1b[2J", "\u202e", "é" * 50, "long" * 1000)


class Maker:
    """A chain of random nodes from "x" on."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.nodes: list[Any] = []
        self.tensors: list[Any] = []
        self.name, self.count, self.dtype = "x", 0, np.float16 if rng.random() < 0.1 else np.float32
        self.width = self.first = int(self.any_of(WIDTHS) if rng.random() < 0.8 else self.any_of(HUGE))

    def any_of(self, values: Any) -> Any:
        return values[int(self.rng.integers(len(values)))]

    def fresh(self) -> str:
        self.count += 1
        return f"v{self.count}"

    def constant(self, array: Any) -> str:
        name = self.fresh()
        self.tensors.append(onnx.numpy_helper.from_array(np.asarray(array), name))
        return name

    def values(self, *shape: int) -> str:
        if np.prod(shape, dtype=float) > 1 << 20:
            return self.constant(np.zeros((1,) * len(shape), self.dtype))
        return self.constant(self.rng.standard_normal(shape).astype(self.dtype))

    def node(self, operator: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        names = [self.fresh() for _ in range(outputs)]
        self.nodes.append(onnx.helper.make_node(operator, inputs, names, **attributes))
        return names[0]

    def program(self) -> str:
        """A value that must never be computed."""
        match int(self.rng.integers(6)):
            case 0:
                return self.node("ReduceSum", self.node("ConstantOfShape", self.constant([1 << 31])), keepdims=0)
            case 1:
                body = onnx.helper.make_graph(
                    [onnx.helper.make_node("Identity", ["c"], ["d"]), onnx.helper.make_node("Identity", ["v"], ["w"])],
                    "body",
                    [
                        onnx.helper.make_tensor_value_info(name, kind, [])
                        for name, kind in (("i", 7), ("c", 9), ("v", 1))
                    ],
                    [onnx.helper.make_tensor_value_info(name, kind, []) for name, kind in (("d", 9), ("w", 1))],
                )
                return self.node("Loop", "", self.constant(True), self.constant(np.float32(0.5)), body=body)
            case 2:
                value = onnx.TensorProto(name="e", data_type=1, dims=[1], data_location="EXTERNAL")
                value.external_data.add(key="location", value=self.any_of(ELSEWHERE))
                return self.node("Constant", value=value)
            case 3:
                name = self.constant(np.ones(2, self.dtype))
                for _ in range(40):
                    name = self.node("Concat", name, name, axis=0)
                return name
            case 4:
                name = self.constant(np.ones((512, 1), self.dtype))
                for _ in range(30):
                    name = self.node("Add", name, self.node("Transpose", name))
                return name
        return self.node("Gather", self.node("Shape", self.name), self.constant(0))

    def step(self) -> None:
        """One more node, at the end of the chain."""
        x, w = self.name, self.width
        outputs = int(self.any_of(WIDTHS))
        match int(self.rng.integers(18)):
            case 14:
                axes = self.constant(np.array(self.any_of(([-1], [0], [1], [1, 2]))))
                self.name = self.node(self.any_of(("Squeeze", "Unsqueeze")), x, axes)
            case 15:
                operator, options = self.any_of(MICROSOFT)
                weight = [self.values(w, w)] if operator.startswith("Fused") else []
                self.name = self.node(operator, x, *weight, domain="com.microsoft", **options)
            case 16:
                self.name = self.node("Cast", x, to=int(self.any_of((1, 10, 11, 16))))
            case 17:
                self.name = self.node("f0", x, domain="own")
            case 0:
                self.name, self.width = self.node("MatMul", x, self.values(w, outputs)), outputs
            case 1:
                third = self.program() if self.rng.random() < 0.3 else self.values(outputs)
                beta = float(self.any_of((0.0, 0.0, 1.0, 0.5)))
                self.name, self.width = self.node("Gemm", x, self.values(w, outputs), third, beta=beta), outputs
            case 2 | 3:
                operand = self.values(w) if self.rng.random() < 0.5 else self.constant(self.dtype(1.5))
                self.name = self.node(self.any_of(("Add", "Sub", "Mul", "Div", "Max", "Min")), x, operand)
            case 4:
                self.name = self.node("Dropout", x, self.program(), outputs=int(self.rng.integers(1, 3)))
            case 5:
                self.name = self.node(
                    "BatchNormalization", x, *[self.constant(np.ones(min(w, 1 << 17), self.dtype))] * 4
                )
            case 6:
                self.name = self.node("LayerNormalization", x, self.values(w), self.values(w))
            case 7:
                inner = self.node(self.any_of(ACTIVATIONS), x)
                self.name = self.node("Add", x, inner)
            case 8:
                shape = self.constant(np.array(self.any_of(([-1, 0], [0, -1], [-1, w], [0, w, 1])), np.int64))
                self.name = self.node("Reshape", x, shape if self.rng.random() < 0.8 else self.program())
            case 9:
                axes = self.program() if self.rng.random() < 0.5 else self.constant(np.array([-1]))
                mean = self.node("ReduceMean", x, axes)
                self.name = self.node("Sub", x, mean)
            case 10:
                self.name = self.node("Clip", x, self.constant(self.dtype(-1)), self.any_of(("", self.program())))
            case _:
                self.name = self.node(self.any_of(ACTIVATIONS), x)

    def model(self) -> Any:
        for _ in range(int(self.any_of((1, 2, 5, 12, 300)))):
            self.step()
        kind = 10 if self.dtype is np.float16 else 1
        dims = self.any_of((("N", self.first), (self.first,), ("N", 1, self.first), (5, self.first)))
        graph = onnx.helper.make_graph(
            self.nodes,
            "g",
            [onnx.helper.make_tensor_value_info("x", kind, dims)],
            [onnx.helper.make_tensor_value_info(self.name, kind, None)],
            self.tensors,
        )
        if self.rng.random() < 0.1:
            order = self.rng.permutation(len(graph.node))
            graph = onnx.helper.make_graph(
                [graph.node[int(i)] for i in order], "g", graph.input, graph.output, self.tensors
            )
        opset = [onnx.helper.make_opsetid("", int(self.any_of((7, 13, 17, 18, 21))))]
        more = [onnx.helper.make_opsetid(domain, 1) for domain in ("com.microsoft", "own")]
        made = onnx.helper.make_model(graph, opset_imports=[*opset, *more], ir_version=10)
        made.functions.extend(functions(self, opset, more[1:]))
        return made


def functions(maker: Maker, opset: list[Any], own: list[Any]) -> list[Any]:
    """f0, which calls f1 some times over, and so on; the last may call the first."""
    depth, times = int(maker.any_of((1, 1, 2, 5, 40, 60))), int(maker.any_of((1, 1, 2, 10)))
    ends = maker.rng.random() < 0.9
    made = []
    for level in range(depth):
        last = level == depth - 1
        called = ("Tanh", "") if last and ends else (f"f{(level + 1) % depth}", "own")
        names = ["a", *(f"b{i}" for i in range(times))]
        body = [onnx.helper.make_node(called[0], [x], [y], domain=called[1]) for x, y in itertools.pairwise(names)]
        made.append(onnx.helper.make_function("own", f"f{level}", ["a"], [names[-1]], body, [*opset, *own]))
    return made


def changed(model: Any, maker: Maker) -> None:
    """One change of the structure."""
    if not model.graph.node:
        return
    graph, any_of = model.graph, maker.any_of
    tensor = any_of(graph.initializer) if graph.initializer else graph.initializer.add(name="t", data_type=1)
    match int(maker.rng.integers(9)):
        case 0:
            tensor.dims[:] = [int(any_of((0, -1, 1, *HUGE))) for _ in range(int(maker.rng.integers(4)))]
        case 1:
            tensor.ClearField("raw_data")
            tensor.int32_data.extend([1] * 1000)
        case 2:
            any_of(graph.node).attribute.append(
                onnx.helper.make_attribute(any_of(("axis", "alpha", "perm", "to", "body")), any_of((1, 0.5, [1, 0])))
            )
        case 3:
            node = any_of(graph.node)
            node.input.append(any_of((maker.program(), "x", "", "nothing")))
            graph.node.insert(0, maker.nodes[-1])
        case 4:
            any_of(graph.node).name = any_of(TEXTS)
            any_of(graph.node).op_type = any_of((*TEXTS, "Loop", "If", "Scan", "Expand", "Identity"))
        case 5:
            graph.input[0].type.tensor_type.shape.dim.add(dim_value=int(any_of(HUGE)))
        case 6:
            for tensor in graph.initializer[: int(any_of((1, 1, 500)))]:
                tensor.data_location = 1
                tensor.external_data.add(key="location", value=any_of((*ELSEWHERE, *[INSIDE] * 9)))
                if maker.rng.random() < 0.5:
                    tensor.external_data.add(key="offset", value=str(any_of((0, 1, 64, -1, *HUGE, "x", "9" * 5000))))
                if maker.rng.random() < 0.3:
                    tensor.external_data.add(key="length", value=str(any_of((0, 16, *HUGE))))
        case 7:
            tensor.data_type = int(any_of((1, 6, 7, 8, 9, 10, 11, 16, 17)))
        case _:
            del graph.node[int(maker.rng.integers(len(graph.node)))]


def field(number: int, body: bytes) -> bytes:
    made = bytearray()
    for value in (number << 3 | 2, len(body)):
        while value > 127:
            made.append(value & 127 | 128)
            value >>= 7
        made.append(value)
    return bytes(made) + body


def padding(maker: Maker) -> bytes:
    """Many tiny fields, which take a hundred times their bytes once they are parsed."""
    count = int(maker.any_of((1000, 30_000, 290_000, 1_000_000)))
    graphs = (
        field(1, b""), field(5, b""), field(11, b""), field(12, b""), field(13, b""), field(2, b"name"),
        field(1, field(5, b"")), field(1, field(5, field(5, b""))), field(5, field(13, b"")),
        field(11, field(2, field(1, field(2, field(1, b""))))),
    )  # fmt: skip
    tiny = maker.any_of(graphs)
    return field(7, tiny * count) if maker.rng.random() < 0.7 else maker.any_of((field(25, b""), field(8, b""))) * count


def generate(rng: np.random.Generator) -> Input:
    """A model, mostly with something wrong about it."""
    maker = Maker(rng)
    model = maker.model()
    tensors = sum(len(tensor.raw_data) for tensor in model.graph.initializer) * (2 if maker.dtype is np.float16 else 1)
    for _ in range(int(maker.any_of((0, 0, 1, 3)))):
        changed(model, maker)
    content = model.SerializeToString()
    if rng.random() < 0.1:
        content += padding(maker)
    if rng.random() < 0.1:
        at = int(rng.integers(len(content)))
        content = content[:at] + rng.bytes(int(rng.integers(4))) + content[at + int(rng.integers(4)) :]
    return Input(content, ".onnx", tensors)


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    path = str(arguments[0]) if event == "open" else ""
    if path.endswith(ELSEWHERE[1:4]):
        raise SystemError(f"{path} is opened")


def read(path: Path) -> Any:
    """What is read must stay within its limits, and print nothing that steers a terminal."""
    sys.addaudithook(_watch)
    try:
        return fp.from_onnx(path, verbose=False)
    except fp.ConversionError as error:
        if not str(error).isprintable():
            raise SystemError(f"a message with control characters: {error!r}") from None
        if "does not answer as" in str(error):
            raise SystemError(f"what was read is not what runs: {error}") from error
        raise


def good() -> Input:
    maker = Maker(np.random.default_rng(0))
    maker.width = maker.first = 4
    maker.dtype = np.float32
    maker.name = maker.node("Gelu", maker.node("Gemm", "x", maker.values(4, 4), maker.values(4)))
    graph = onnx.helper.make_graph(
        maker.nodes,
        "g",
        [onnx.helper.make_tensor_value_info("x", 1, ("N", 4))],
        [onnx.helper.make_tensor_value_info(maker.name, 1, None)],
        maker.tensors,
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 21)], ir_version=10)
    return Input(model.SerializeToString(), ".onnx", 80)


FUZZER = Fuzzer([good()], generate, read, (fp.ConversionError,))

if __name__ == "__main__":
    sys.exit(main(FUZZER))
