"""PyTorch on the CPU, in inference mode: eager, traced and frozen, oneDNN's own fused operations, and ExecuTorch."""

from typing import Any

from ..workload import Array, Block, Dense, Norm, Step, Workload
from . import Call, UnsupportedError, float32_only


def _module(workload: Workload, threads: int) -> tuple[Any, Any]:
    import torch

    torch.set_num_threads(threads)
    torch.backends.mkldnn.set_flags(_enabled=True)

    class Residual(torch.nn.Module):  # type: ignore[misc]  # torch has no types where these are checked
        def __init__(self, inner: Any) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, x: Any) -> Any:
            return x + self.inner(x)

    def sequential(steps: list[Step]) -> Any:
        return torch.nn.Sequential(*map(module, steps))

    def module(step: Step) -> Any:
        if isinstance(step, Block):
            return Residual(sequential(step.inner))
        if isinstance(step, (Dense, Norm)):
            shape = step.weight.shape
            made = torch.nn.Linear(shape[1], shape[0]) if isinstance(step, Dense) else torch.nn.LayerNorm(shape)
            made.weight.data, made.bias.data = torch.from_numpy(step.weight.copy()), torch.from_numpy(step.bias.copy())
            return made
        arguments = {"dim": -1} if step.kind in ("Softmax", "LogSoftmax") else step.arguments
        return getattr(torch.nn, step.kind)(**arguments)

    return torch, sequential(workload.steps).eval()


def _call(torch: Any, module: Any, x: Array) -> Call:
    def run() -> Array:
        with torch.inference_mode():
            y: Array = module(torch.from_numpy(x)).numpy()
            return y

    return Call("run()", {"run": run})


def eager(workload: Workload, threads: int) -> Call:
    """The module as it is."""
    torch, module = _module(workload, threads)
    return _call(torch, module, workload.x)


def traced(workload: Workload, threads: int) -> Call:
    """torch.jit.trace, frozen and optimised for inference."""
    torch, module = _module(workload, threads)
    with torch.inference_mode():
        script = torch.jit.optimize_for_inference(
            torch.jit.freeze(torch.jit.trace(module, torch.from_numpy(workload.x)))
        )
    return _call(torch, script, workload.x)


def onednn(workload: Workload, threads: int) -> Call:
    """Weights reordered once, each layer one fused call."""
    torch, _ = _module(workload, threads)
    float32_only(workload)
    try:
        call = torch.ops.mkldnn._linear_pointwise
        reorder = torch.ops.mkldnn._reorder_linear_weight
    except (AttributeError, RuntimeError) as error:
        raise UnsupportedError("this build of torch has no oneDNN operations") from error
    steps = []
    last = len(workload.layers) - 1
    for i, (w, b) in enumerate(workload.layers):
        weight = reorder(torch.from_numpy(w.copy()), workload.rows)
        steps.append((weight, torch.from_numpy(b.copy()), "none" if i == last else "relu"))
    x = workload.x

    def run() -> Array:
        with torch.inference_mode():
            y = torch.from_numpy(x)
            for weight, bias, activation in steps:
                y = call(y, weight, bias, activation, [], "")
            result: Array = y.numpy()
            return result

    return Call("run()", {"run": run})


def executorch(workload: Workload, threads: int) -> Call:
    """The module exported and lowered to XNNPACK."""
    float32_only(workload)
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower
    from executorch.extension.pybindings import portable_lib

    torch, module = _module(workload, threads)
    x = torch.from_numpy(workload.x.reshape(workload.rows, -1))
    exported = torch.export.export(module, (x,))
    program = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()]).to_executorch()
    portable_lib._unsafe_reset_threadpool(threads)
    # What is loaded keeps only the address of the buffer, so that is a name too.
    data = program.buffer
    names = {"forward": portable_lib._load_for_executorch_from_buffer(data).forward, "data": data}
    return Call("forward((from_numpy(x),))[0].numpy()", {**names, "from_numpy": torch.from_numpy, "x": x.numpy()})
