"""PyTorch on the CPU, in inference mode: eager, traced and frozen, oneDNN's own fused operations, and ExecuTorch."""

from typing import Any

from ..steps import Array, Step
from ..workload import Workload
from . import Call, UnsupportedError, float32_only


def _module(workload: Workload, threads: int) -> tuple[Any, Any]:
    import torch

    torch.set_num_threads(threads)
    torch.backends.mkldnn.set_flags(_enabled=True)

    class Of(torch.nn.Module):
        """A function of x and of arrays or layers that belong to it."""

        def __init__(self, function: Any, parts: dict[str, Any]) -> None:
            super().__init__()
            self.function = function
            for name, part in parts.items():
                if isinstance(part, torch.nn.Module):
                    self.add_module(name, part)
                else:
                    self.register_buffer(name, part)

        def forward(self, x: Any) -> Any:
            return self.function(self, x)

    own = {
        "Subtract": lambda self, x: x - self.values,
        "Multiply": lambda self, x: x * self.values,
        "Add": lambda self, x: x + self.values,
        "Clip": lambda self, x: torch.clamp(x, self.lowest, self.highest),
        "PReLU": lambda self, x: torch.where(x > 0, x, x * self.scale),  # nn.PReLU takes one row for many channels
        "Residual": lambda self, x: x + self.inner(x),
    }

    def sequential(steps: list[Step]) -> Any:
        return torch.nn.Sequential(*map(module, steps))

    def module(step: Step) -> Any:
        arrays = {name: torch.from_numpy(array.copy()) for name, array in step.arrays.items()}
        if step.kind in own:
            return Of(own[step.kind], arrays | ({"inner": sequential(step.inner)} if step.inner else {}))
        sizes: tuple[int, ...] = ()
        if step.kind == "Linear":
            sizes = step.arrays["weight"].shape[::-1]
        elif "scale" in step.arrays:
            sizes = step.arrays["scale"].shape
        arguments = {"dim": -1} if "dim" in step.arguments else step.arguments
        made = getattr(torch.nn, step.kind)(*sizes, **arguments)
        for name, array in zip(("weight", "bias"), arrays.values(), strict=False):  # an RMSNorm has no bias
            getattr(made, name).data = array
        return made

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
