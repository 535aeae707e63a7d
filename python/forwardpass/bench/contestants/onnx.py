"""Runtimes that read ONNX models: ONNX Runtime, plain and bound to NumPy's own buffers, MNN and tract."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..steps import Array, Step
from ..workload import Workload
from . import Call, UnsupportedError, float32_only

# What ONNX has of a step's kind: the operator, and its attributes from the step's arguments. Arrays are its operands.
OPERATORS: dict[str, tuple[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "Linear": ("Gemm", lambda a: {"transB": 1}),
    "Subtract": ("Sub", lambda a: {}),
    "Multiply": ("Mul", lambda a: {}),
    "Add": ("Add", lambda a: {}),
    "LayerNorm": ("LayerNormalization", lambda a: {"epsilon": a["eps"]}),
    "PReLU": ("PRelu", lambda a: {}),
    "ReLU": ("Relu", lambda a: {}),
    "LeakyReLU": ("LeakyRelu", lambda a: {"alpha": a["negative_slope"]}),
    "ELU": ("Elu", lambda a: a),
    "CELU": ("Celu", lambda a: a),
    "SELU": ("Selu", lambda a: {}),
    "GELU": ("Gelu", lambda a: a),
    "Mish": ("Mish", lambda a: {}),
    "Tanh": ("Tanh", lambda a: {}),
    "Sigmoid": ("Sigmoid", lambda a: {}),
    "Softsign": ("Softsign", lambda a: {}),
    "Hardsigmoid": ("HardSigmoid", lambda a: {"alpha": 1 / 6, "beta": 0.5}),
    "Hardswish": ("HardSwish", lambda a: {}),
    "Softmax": ("Softmax", lambda a: {"axis": -1}),
    "LogSoftmax": ("LogSoftmax", lambda a: {"axis": -1}),
}


class _Graph:
    """Nodes and constants. Values are known by their names."""

    def __init__(self, dtype: str) -> None:
        self.dtype, self.nodes, self.constants = dtype, list[Any](), list[Any]()

    def constant(self, values: Any, dtype: str = "") -> str:
        """The name of a new one."""
        from onnx import numpy_helper

        array = np.asarray(values, dtype or self.dtype)
        self.constants.append(numpy_helper.from_array(array, f"c{len(self.constants)}"))
        return str(self.constants[-1].name)

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """The name of its result."""
        from onnx import helper

        self.nodes.append(helper.make_node(operator, inputs, [f"h{len(self.nodes)}"], **attributes))
        return f"h{len(self.nodes) - 1}"

    def chain(self, steps: list[Step], x: str) -> str:
        """The name of what the steps make of x."""
        for step in steps:
            x = self.step(step, x)
        return x

    def step(self, step: Step, x: str) -> str:
        """The name of its result."""
        arguments, constants = step.arguments, [self.constant(array) for array in step.arrays.values()]
        if step.kind == "Residual":
            return self.node("Add", x, self.chain(step.inner, x))
        if step.kind == "SiLU":
            return self.node("Mul", x, self.node("Sigmoid", x))
        if step.kind == "Hardtanh":
            return self.node("Clip", x, self.constant(arguments["min_val"]), self.constant(arguments["max_val"]))
        if step.kind == "Clip":
            return self.node("Min", self.node("Max", x, constants[0]), constants[1])
        if step.kind == "Softplus":
            beta, threshold = self.constant(arguments["beta"]), arguments["threshold"]
            scaled = self.node("Mul", x, beta)
            y = self.node("Div", self.node("Softplus", scaled), beta)
            if np.exp(-threshold) < np.finfo(self.dtype).eps:  # beyond it, both are x
                return y
            return self.node("Where", self.node("Greater", scaled, self.constant(threshold)), x, y)
        if step.kind == "RMSNorm":  # an operator of its own only since opset 23
            mean = self.node("ReduceMean", self.node("Mul", x, x), self.constant([-1], "int64"), keepdims=1)
            root = self.node("Sqrt", self.node("Add", mean, self.constant(arguments["eps"])))
            return self.node("Mul", self.node("Div", x, root), constants[0])
        if step.kind not in OPERATORS:
            raise UnsupportedError(f"ONNX has no {step.kind}")
        operator, attributes = OPERATORS[step.kind]
        return self.node(operator, x, *constants, **attributes(arguments))


def model(workload: Workload) -> bytes:
    """The network as an .onnx file."""
    from onnx import TensorProto, helper

    made, (inputs, outputs) = _Graph(workload.dtype), workload.ends
    made.chain(workload.steps, "x")
    made.nodes[-1].output[0] = "y"
    kind = TensorProto.FLOAT if workload.dtype == "float32" else TensorProto.DOUBLE
    x = helper.make_tensor_value_info("x", kind, [workload.rows, inputs])
    y = helper.make_tensor_value_info("y", kind, [workload.rows, outputs])
    graph = helper.make_graph(made.nodes, "network", [x], [y], made.constants)
    content = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    data: bytes = content.SerializeToString()
    return data


def _session(workload: Workload, threads: int) -> Any:
    """Sequential, its idle threads not spinning."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model(workload), options, providers=["CPUExecutionProvider"])


def plain(workload: Workload, threads: int) -> Call:
    """session.run."""
    session = _session(workload, threads)
    return Call("session.run(None, feed)[0]", {"session": session, "feed": {"x": np.atleast_2d(workload.x)}})


def bound(workload: Workload, threads: int) -> Call:
    """IOBinding: input and output stay where NumPy has them."""
    session = _session(workload, threads)
    binding = session.io_binding()
    x = np.atleast_2d(workload.x)
    y = np.empty((workload.rows, workload.ends[1]), workload.dtype)
    for bind, name, array in ((binding.bind_input, "x", x), (binding.bind_output, "y", y)):
        bind(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
    # `or` for the result, as run_with_iobinding returns None. The binding keeps addresses only, so x is a name too.
    return Call("session.run_with_iobinding(binding) or y", {"session": session, "binding": binding, "x": x, "y": y})


def mnn(workload: Workload, threads: int) -> Call:
    """The converter's model, which has ReLU fused into the layers; views of the input and output tensors."""
    float32_only(workload)
    import MNN

    # Not MNN.tools.mnnconvert, which is a wrapper of it: importing that runs pip and sends usage data home.
    from _tools import mnnconvert

    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "net.onnx", Path(folder) / "net.mnn"
        source.write_bytes(model(workload))
        files = ["--modelFile", str(source), "--MNNModel", str(target)]
        mnnconvert(["mnnconvert", "-f", "ONNX", *files, "--bizCode", "forwardpass"])
        if not target.exists():
            raise UnsupportedError("the library refused the network")
        network = MNN.Interpreter(str(target))
    session = network.createSession({"backend": "CPU", "precision": "high", "numThread": threads})
    tensors = network.getSessionInput(session), network.getSessionOutput(session)
    given, result = (tensor.getNumpyData() for tensor in tensors)
    x = workload.x

    def run() -> Array:
        given[...] = x
        network.runSession(session)
        y: Array = result
        return y

    # The views keep no memory alive, so the tensors are names too.
    return Call("run()", {"run": run, "tensors": tensors})


def tract(workload: Workload, threads: int) -> Call:
    """An optimised model and one state for all calls; one thread, as its Python package offers no more."""
    float32_only(workload)
    import tract as library

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.onnx"
        path.write_bytes(model(workload))
        runnable = library.onnx().load(path).into_model().into_runnable()
    names = {"state": runnable.spawn_state(), "runnable": runnable, "x": np.atleast_2d(workload.x)}
    return Call("state.run([x])[0].to_numpy()", names)
