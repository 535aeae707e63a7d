"""Runtimes that read ONNX models: ONNX Runtime, plain and bound to NumPy's own buffers, MNN and tract."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ..workload import Array, Block, Dense, Norm, Step, Workload
from . import Call, UnsupportedError, float32_only

# Of functions with other names there, and of their arguments.
OPERATORS = {"ReLU": "Relu", "ELU": "Elu", "GELU": "Gelu", "SELU": "Selu", "LeakyReLU": "LeakyRelu"}
ATTRIBUTES = {"negative_slope": "alpha", "alpha": "alpha", "approximate": "approximate"}


def model(workload: Workload) -> bytes:
    """The network as an .onnx file."""
    from onnx import TensorProto, helper, numpy_helper

    nodes: list[Any] = []
    constants: list[Any] = []

    def constant(values: Array) -> str:
        constants.append(numpy_helper.from_array(values, f"c{len(constants)}"))
        return str(constants[-1].name)

    def node(operator: str, inputs: list[str], **attributes: Any) -> str:
        nodes.append(helper.make_node(operator, inputs, [f"h{len(nodes)}"], **attributes))
        return f"h{len(nodes) - 1}"

    def chain(steps: list[Step], x: str) -> str:
        for step in steps:
            if isinstance(step, Block):
                x = node("Add", [x, chain(step.inner, x)])
            elif isinstance(step, Dense):
                x = node("Gemm", [x, constant(step.weight), constant(step.bias)], transB=1)
            elif isinstance(step, Norm):
                x = node("LayerNormalization", [x, constant(step.weight), constant(step.bias)], epsilon=step.eps)
            elif step.kind == "SiLU":
                x = node("Mul", [x, node("Sigmoid", [x])])
            else:
                attributes = {ATTRIBUTES[name]: value for name, value in step.arguments.items() if name in ATTRIBUTES}
                x = node(OPERATORS.get(step.kind, step.kind), [x], **attributes)
        return x

    chain(workload.steps, "x")
    nodes[-1].output[0] = "y"
    kind = TensorProto.FLOAT if workload.dtype == "float32" else TensorProto.DOUBLE
    x = helper.make_tensor_value_info("x", kind, [workload.rows, workload.widths[0]])
    y = helper.make_tensor_value_info("y", kind, [workload.rows, workload.widths[-1]])
    graph = helper.make_graph(nodes, "network", [x], [y], constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    data: bytes = made.SerializeToString()
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
    y = np.empty((workload.rows, workload.widths[-1]), workload.dtype)
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
