"""Who is timed. Each contestant is a function of a Workload and a number of threads.

It returns a Call, NumPy array in and NumPy array out, at the best practice of its library; all that
can be done beforehand is done beforehand. It raises ImportError where the library is missing, and
UnsupportedError where it cannot do the work.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

from ..steps import Array
from ..workload import UnsupportedError, Workload

__all__ = ["CONTESTANTS", "Call", "UnsupportedError", "build", "float32_only"]


class Call(NamedTuple):
    """The expression that a user would write in a loop of calls, and the names in it."""

    expression: str
    names: dict[str, Any]

    def __call__(self) -> Array:
        """Its value."""
        value: Array = eval(self.expression, self.names)
        return value


Build = Callable[[Workload, int], Call]


def float32_only(workload: Workload) -> None:
    """Raise UnsupportedError for any other dtype."""
    if workload.dtype != "float32":
        raise UnsupportedError("float32 only")


class Contestant(NamedTuple):
    """Where it is built, and what it imports."""

    module: str
    function: str
    needs: tuple[str, ...] = ()

    @property
    def missing(self) -> str:
        """The first library of those that is not installed."""
        return next((name for name in self.needs if find_spec(name) is None), "")


# By the names in the tables. The first three are ours.
CONTESTANTS = {
    "forwardpass": Contestant("ours", "fresh"),
    "forwardpass out=": Contestant("ours", "into"),
    "forwardpass alone": Contestant("ours", "alone"),
    "NumPy": Contestant("by_hand", "numpy_naive"),
    "NumPy out=": Contestant("by_hand", "numpy_careful"),
    "scipy BLAS": Contestant("by_hand", "scipy_blas", ("scipy",)),
    "Numba by hand": Contestant("by_hand", "numba_fresh", ("numba",)),
    "Numba out=": Contestant("by_hand", "numba_into", ("numba",)),
    "torch": Contestant("pytorch", "eager", ("torch",)),
    "torch traced": Contestant("pytorch", "traced", ("torch",)),
    "torch oneDNN": Contestant("pytorch", "onednn", ("torch",)),
    "onnxruntime": Contestant("onnx", "plain", ("onnxruntime", "onnx")),
    "onnxruntime iob": Contestant("onnx", "bound", ("onnxruntime", "onnx")),
    "LiteRT": Contestant("litert", "litert", ("ai_edge_litert", "flatbuffers")),
    "MNN": Contestant("onnx", "mnn", ("MNN", "onnx")),
    "tract": Contestant("onnx", "tract", ("tract", "onnx")),
    "openvino": Contestant("compilers", "openvino", ("openvino", "onnx")),
    "jax": Contestant("compilers", "jax", ("jax",)),
    "IREE": Contestant("compilers", "iree", ("iree",)),
    "ExecuTorch": Contestant("pytorch", "executorch", ("executorch", "torch")),
    "scikit-learn": Contestant("others", "scikit_learn", ("sklearn",)),
    "ncnn": Contestant("others", "ncnn", ("ncnn",)),
    "mlpfile": Contestant("others", "mlpfile", ("mlpfile",)),
}
OURS = ("forwardpass", "forwardpass out=")
# Ours with one thread, beside a run of more.
ALONE = "forwardpass alone"
# Those whose result is memory that they were given or keep; the others return a new array from each call.
PREALLOCATED = (
    *("forwardpass out=", "NumPy out=", "scipy BLAS", "Numba out="),
    *("onnxruntime iob", "openvino", "LiteRT", "MNN"),
)


def build(name: str, workload: Workload, threads: int) -> Call:
    """The contestant, ready to be timed."""
    contestant = CONTESTANTS[name]
    made: Build = getattr(import_module(f"{__name__}.{contestant.module}"), contestant.function)
    return made(workload, threads)
