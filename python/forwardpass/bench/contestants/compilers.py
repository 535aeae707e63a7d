"""Whole-graph compilers: OpenVINO, JAX and IREE."""

import io
import os

import numpy as np

from ..workload import Workload
from . import Call, float32_only
from .onnx import model
from .written import forward


def openvino(workload: Workload, threads: int) -> Call:
    """Compiled for latency in float32; the tensors share NumPy's memory."""
    float32_only(workload)
    import openvino as ov

    x = np.atleast_2d(workload.x)
    network = ov.Core().read_model(io.BytesIO(model(workload)))
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
    }
    request = ov.Core().compile_model(network, "CPU", settings).create_infer_request()
    y = np.empty((workload.rows, workload.ends[1]), np.float32)
    request.set_input_tensor(ov.Tensor(x, shared_memory=True))
    request.set_output_tensor(ov.Tensor(y, shared_memory=True))
    # The tensors keep addresses only, so x is a name too.
    return Call("(request.infer(), y)[1]", {"request": request, "x": x, "y": y})


def jax(workload: Workload, threads: int) -> Call:
    """One jitted function with the weights as constants."""
    float32_only(workload)
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_default_matmul_precision", "highest")
    network = jax.jit(forward(workload.steps, jnp, lambda: jax.scipy.special.erf, jnp.asarray))
    return Call("asarray(forward(x))", {"asarray": np.asarray, "forward": network, "x": workload.x})


def _mlir(workload: Workload) -> str:
    """The network in linalg, the weights, transposed, as constants."""
    rows = workload.rows

    def matrix(columns: int) -> str:
        return f"tensor<{rows}x{columns}xf32>"

    blobs, lines, y = [], ["%zero = arith.constant 0.0 : f32"], "%x"
    for i, (w, b) in enumerate(workload.layers):
        outputs, inputs = w.shape
        weight, bias = f"tensor<{inputs}x{outputs}xf32>", f"tensor<{outputs}xf32>"
        # A blob begins with its alignment, 64, as a little-endian word.
        blobs += [f'{name}{i}: "0x40000000{values.tobytes().hex()}"' for name, values in (("w", w.T), ("b", b))]
        elements = ["^bb0(%product: f32, %bias: f32, %unused: f32):", "%sum = arith.addf %product, %bias : f32"]
        if i + 1 < len(workload.layers):
            elements += ["%relu = arith.maximumf %sum, %zero : f32", "linalg.yield %relu : f32"]
        else:
            elements += ["linalg.yield %sum : f32"]
        lines += [
            f"%w{i} = arith.constant dense_resource<w{i}> : {weight}",
            f"%b{i} = arith.constant dense_resource<b{i}> : {bias}",
            f"%e{i} = tensor.empty() : {matrix(outputs)}",
            f"%f{i} = linalg.fill ins(%zero : f32) outs(%e{i} : {matrix(outputs)}) -> {matrix(outputs)}",
            f"%m{i} = linalg.matmul ins({y}, %w{i} : {matrix(inputs)}, {weight}) outs(%f{i} : {matrix(outputs)})"
            f" -> {matrix(outputs)}",
            f"%y{i} = linalg.generic {{indexing_maps = [affine_map<(r, c) -> (r, c)>, affine_map<(r, c) -> (c)>,"
            f' affine_map<(r, c) -> (r, c)>], iterator_types = ["parallel", "parallel"]}}'
            f" ins(%m{i}, %b{i} : {matrix(outputs)}, {bias}) outs(%e{i} : {matrix(outputs)}) {{",
            *elements,
            f"}} -> {matrix(outputs)}",
        ]
        y = f"%y{i}"
    given, result, newline = matrix(workload.ends[0]), matrix(workload.ends[1]), "\n"
    return (
        f"func.func @main(%x: {given}) -> {result} {{\n{newline.join(lines)}\nreturn {y} : {result}\n}}\n"
        f"{{-# dialect_resources: {{ builtin: {{ {', '.join(blobs)} }} }} #-}}\n"
    )


def iree(workload: Workload, threads: int) -> Call:
    """Compiled for this CPU, or for AVX2 where FORWARDPASS_ISA asks for it."""
    float32_only(workload)
    import iree.compiler
    import iree.runtime

    cpu = "x86-64-v3" if os.environ.get("FORWARDPASS_ISA") == "avx2" else "host"
    flags = ["--iree-opt-level=O3", f"--iree-llvmcpu-target-cpu={cpu}"]
    # One output of many rows then needs more stack than the compiler allows.
    flags += ["--iree-opt-data-tiling"] if workload.ends[1] > 1 else []
    program = iree.compiler.compile_str(_mlir(workload), target_backends=["llvm-cpu"], extra_args=flags)
    if threads > 1:
        iree.runtime.flags.parse_flags(f"--task_topology_group_count={threads}")
    context = iree.runtime.SystemContext(config=iree.runtime.Config("local-sync" if threads == 1 else "local-task"))
    context.add_vm_module(iree.runtime.VmModule.copy_buffer(context.instance, program))
    names = {"context": context, "forward": context.modules.module.main, "x": np.atleast_2d(workload.x)}
    # The array that to_host() gives is a view, valid while `y` lives.
    return Call("(y := forward(x)).to_host()", names)
