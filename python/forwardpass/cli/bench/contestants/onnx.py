"""ONNX Runtime: sequential, its idle threads not spinning; plain, and bound to NumPy's own buffers."""

from typing import Any

import numpy as np

from ..workload import Workload
from . import Call


def _session(workload: Workload, threads: int) -> Any:
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants, name = [], [], "x"
    last = len(workload.layers) - 1
    for i, (w, b) in enumerate(workload.layers):
        constants += [numpy_helper.from_array(w, f"w{i}"), numpy_helper.from_array(b, f"b{i}")]
        output = "y" if i == last else f"z{i}"
        nodes.append(helper.make_node("Gemm", [name, f"w{i}", f"b{i}"], [output], transB=1))
        if i < last:
            nodes.append(helper.make_node("Relu", [output], [f"h{i}"]))
        name = f"h{i}"
    kind = TensorProto.FLOAT if workload.dtype == "float32" else TensorProto.DOUBLE
    x = helper.make_tensor_value_info("x", kind, [workload.rows, workload.widths[0]])
    y = helper.make_tensor_value_info("y", kind, [workload.rows, workload.widths[-1]])
    graph = helper.make_graph(nodes, "network", [x], [y], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


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
