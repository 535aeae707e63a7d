"""Who is timed. Each contestant is a function of a Workload and a number of threads.

It returns a Call, NumPy array in and NumPy array out, at the best practice of its library; all that
can be done beforehand is done beforehand. It raises ImportError where the library is missing, and
UnsupportedError where it cannot do the work.
"""

from collections.abc import Callable
from importlib import import_module
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


# Name in the tables: (module, function). The first three are ours.
CONTESTANTS = {
    "forwardpass": ("ours", "fresh"),
    "forwardpass out=": ("ours", "into"),
    "forwardpass alone": ("ours", "alone"),
    "NumPy": ("by_hand", "numpy_naive"),
    "NumPy out=": ("by_hand", "numpy_careful"),
    "scipy BLAS": ("by_hand", "scipy_blas"),
    "Numba by hand": ("by_hand", "numba_fresh"),
    "Numba out=": ("by_hand", "numba_into"),
    "torch": ("pytorch", "eager"),
    "torch traced": ("pytorch", "traced"),
    "torch oneDNN": ("pytorch", "onednn"),
    "onnxruntime": ("onnx", "plain"),
    "onnxruntime iob": ("onnx", "bound"),
    "LiteRT": ("litert", "litert"),
    "MNN": ("onnx", "mnn"),
    "tract": ("onnx", "tract"),
    "openvino": ("compilers", "openvino"),
    "jax": ("compilers", "jax"),
    "IREE": ("compilers", "iree"),
    "ExecuTorch": ("pytorch", "executorch"),
    "scikit-learn": ("others", "scikit_learn"),
    "ncnn": ("others", "ncnn"),
    "mlpfile": ("others", "mlpfile"),
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
    module, function = CONTESTANTS[name]
    made: Build = getattr(import_module(f"{__name__}.{module}"), function)
    return made(workload, threads)
