"""Feed-forward neural networks on the CPU: fast from one row up, and the same bits always.

>>> import numpy as np, forwardpass as fp
>>> net = fp.Sequential(fp.Linear(np.eye(2)), fp.ReLU())
>>> net([3.0, -4.0])
array([3., 0.])
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import _interpreter as _interpreter  # first: loading the core in a subinterpreter would never end
from . import functional, nn
from ._core import (
    __version__,
    add_bias,
    available_isas,
    dot,
    get_num_threads,
    linear,
    matmul,
    matvec,
    set_num_threads,
)
from .config import show_config
from .error_bound import error_bound
from .functional import *
from .nn import Module, fold_batch_norm
from .nn.containers import *
from .nn.elementwise import *
from .nn.elu import *
from .nn.linear import *
from .nn.normalization import *
from .nn.piecewise import *
from .nn.predictors import *
from .nn.scaling import *
from .nn.smooth import *
from .nn.softmax import *
from .nn.squeeze import *
from .threads import num_threads

if TYPE_CHECKING:
    from .convert.errors import ConversionError
    from .convert.keras import from_keras
    from .convert.onnx import from_onnx
    from .convert.sb3 import from_sb3
    from .convert.sklearn import from_sklearn
    from .convert.torch import from_torch
    from .files import ModelFileError, content_hash, load, save

__all__ = [
    "ConversionError",
    "ModelFileError",
    "Module",
    "__version__",
    "add_bias",
    "available_isas",
    "content_hash",
    "dot",
    "error_bound",
    "fold_batch_norm",
    "from_keras",
    "from_onnx",
    "from_sb3",
    "from_sklearn",
    "from_torch",
    "get_num_threads",
    "linear",
    "load",
    "matmul",
    "matvec",
    "num_threads",
    "save",
    "set_num_threads",
    "show_config",
]
__all__ += functional.__all__
__all__ += nn.LAYERS


def __dir__() -> list[str]:
    return __all__


# Imported when first asked for: few programs need these, and their imports (zipfile, json) take as long as the rest.
LAZY = {
    "ConversionError": ".convert.errors",
    "ModelFileError": ".files",
    "content_hash": ".files",
    "from_keras": ".convert.keras",
    "from_onnx": ".convert.onnx",
    "from_sb3": ".convert.sb3",
    "from_sklearn": ".convert.sklearn",
    "from_torch": ".convert.torch",
    "load": ".files",
    "save": ".files",
}


def __getattr__(name: str) -> Any:
    """A name of LAZY; its module is imported when a program first asks for it."""
    if name in LAZY:
        return getattr(import_module(LAZY[name], __name__), name)
    raise AttributeError(f"module 'forwardpass' has no attribute {name!r}")
