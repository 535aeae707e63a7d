"""Softmax, LogSoftmax, LayerNorm and residual blocks beside PyTorch and ONNX Runtime, one thread, in one process.

    python benchmarks/rows.py [--seconds 2] [--dtype float64]
    FORWARDPASS_ISA=avx2 ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 python benchmarks/rows.py

ONNX Runtime is called by IOBinding, and nothing keeps it to an instruction set. Microseconds, medians; in parentheses
how many times as long as ours a peer takes.
"""

from support import arguments, print_machine  # isort: skip

from collections.abc import Callable

import numpy as np

import forwardpass as fp
from forwardpass.bench.contestants import build
from forwardpass.bench.timing import time_interleaved
from forwardpass.bench.workload import Workload

SHAPES = ((64, 1000), (1024, 10), (1024, 128))
BLOCKS, BLOCK_ROWS = "128-[norm-256]x4", (64, 1024)
PEERS = ("torch", "onnxruntime iob")
KEPT: list[object] = []  # the bindings hold addresses only


def row_functions(workload: Workload) -> dict[str, dict[str, Callable[[], object]]]:
    """Each function of rows alone: the layers as each library has them."""
    import onnxruntime
    import torch
    from onnx import TensorProto, helper

    torch.set_num_threads(1)
    torch.inference_mode(True).__enter__()
    x = workload.x
    width = x.shape[1]
    kind = TensorProto.FLOAT if workload.dtype == "float32" else TensorProto.DOUBLE
    y, tensor = np.empty_like(x), torch.from_numpy(x)
    ones, zeros = torch.ones(width, dtype=tensor.dtype), torch.zeros(width, dtype=tensor.dtype)

    def bound(operator: str, arrays: dict[str, np.ndarray]) -> Callable[[], object]:
        info = [helper.make_tensor_value_info(name, kind, array.shape) for name, array in arrays.items()]
        result = helper.make_tensor_value_info("y", kind, x.shape)
        graph = helper.make_graph([helper.make_node(operator, list(arrays), ["y"], axis=-1)], "row", info, [result])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        binding, out = session.io_binding(), np.empty_like(x)
        for name, array in arrays.items():
            binding.bind_input(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
        binding.bind_output("y", "cpu", 0, out.dtype, out.shape, out.ctypes.data)
        KEPT.append((arrays, out))
        return lambda: session.run_with_iobinding(binding)

    def ours(layer: fp.Module) -> Callable[[], object]:
        return lambda: layer(x, out=y)

    arrays = {"x": x, "w": ones.numpy(), "b": zeros.numpy()}
    return {
        "Softmax": {
            "ours": ours(fp.Softmax()),
            "torch": lambda: torch.softmax(tensor, -1),
            "onnxruntime iob": bound("Softmax", {"x": x}),
        },
        "LogSoftmax": {
            "ours": ours(fp.LogSoftmax()),
            "torch": lambda: torch.log_softmax(tensor, -1),
            "onnxruntime iob": bound("LogSoftmax", {"x": x}),
        },
        "LayerNorm": {
            "ours": ours(fp.LayerNorm(width, np.ones(width), np.zeros(width))),
            "torch": lambda: torch.nn.functional.layer_norm(tensor, (width,), ones, zeros),
            "onnxruntime iob": bound("LayerNormalization", arrays),
        },
    }


def line(name: str, calls: dict[str, Callable[[], object]], seconds: float) -> None:
    """One row of the table."""
    times = {who: timing.median * 1e6 for who, timing in time_interleaved(calls, seconds).items()}
    cells = [f"{times[peer]:.4g} ({times[peer] / times['ours']:.2f}x)" for peer in PEERS]
    print(f"| {name} | {times['ours']:.4g} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    args = arguments(__doc__)
    print_machine()
    fp.set_num_threads(1)
    print(f"| {args.dtype} | forwardpass, us | {' | '.join(PEERS)} |\n|---|---|---|---|")
    for rows, width in SHAPES:
        workload = Workload(f"{width}-1", rows, args.dtype)
        for name, each in row_functions(workload).items():
            line(f"{name} {rows} x {width}", each, args.seconds)
    for rows in BLOCK_ROWS:
        workload = Workload(BLOCKS, rows, args.dtype)
        names = {"ours": "forwardpass out=", **{peer: peer for peer in PEERS}}
        calls: dict[str, Callable[[], object]] = {who: build(name, workload, 1).__call__ for who, name in names.items()}
        line(f"{BLOCKS} x {rows}", calls, args.seconds)


if __name__ == "__main__":
    main()
