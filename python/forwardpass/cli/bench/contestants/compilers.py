"""Whole-graph compilers: OpenVINO and JAX."""

from typing import Any

import numpy as np

from ..workload import Workload
from . import Call, UnsupportedError


def openvino(workload: Workload, threads: int) -> Call:
    """Compiled for latency in float32; the tensors share NumPy's memory."""
    if workload.dtype != "float32":
        raise UnsupportedError("float32 only")
    import openvino as ov
    from openvino import opset13 as ops

    x = np.atleast_2d(workload.x)
    parameter = ops.parameter(list(x.shape), np.float32, name="x")
    node = parameter
    for i, (w, b) in enumerate(workload.layers):
        node = ops.add(ops.matmul(ops.relu(node) if i else node, ops.constant(w), False, True), ops.constant(b))
    model = ov.Model([ops.result(node)], [parameter], "network")
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
    }
    request = ov.Core().compile_model(model, "CPU", settings).create_infer_request()
    y = np.empty((workload.rows, workload.widths[-1]), np.float32)
    request.set_input_tensor(ov.Tensor(x, shared_memory=True))
    request.set_output_tensor(ov.Tensor(y, shared_memory=True))
    # The tensors keep addresses only, so x is a name too.
    return Call("(request.infer(), y)[1]", {"request": request, "x": x, "y": y})


def jax(workload: Workload, threads: int) -> Call:
    """One jitted function with the weights as constants."""
    if workload.dtype != "float32":
        raise UnsupportedError("float32 only")
    import jax
    import jax.numpy as jnp

    weights = [(jnp.asarray(w.T), jnp.asarray(b)) for w, b in workload.layers]

    def forward(y: Any) -> Any:
        for i, (w, b) in enumerate(weights):
            y = jnp.dot(jnp.maximum(y, 0) if i else y, w, precision="highest") + b
        return y

    return Call("asarray(forward(x))", {"asarray": np.asarray, "forward": jax.jit(forward), "x": workload.x})
