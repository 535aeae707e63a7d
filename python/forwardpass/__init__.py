"""Feed-forward neural networks on the CPU: fast from one row up, and the same bits always.

>>> import numpy as np, forwardpass as fp
>>> net = fp.Sequential(fp.Linear(np.eye(2)), fp.ReLU())
>>> net([3.0, -4.0])
array([3., 0.])
"""

from typing import TYPE_CHECKING, Any

from ._core import (
    __version__,
    add_bias,
    available_isas,
    dot,
    get_num_threads,
    linear,
    matvec,
    relu,
    set_num_threads,
)
from .bound import error_bound
from .config import show_config
from .functional import matmul
from .nn import Linear, Module, ReLU, Sequential
from .threads import num_threads

if TYPE_CHECKING:
    from .files import ModelFileError, content_hash, load, save

__all__ = [
    "Linear",
    "ModelFileError",
    "Module",
    "ReLU",
    "Sequential",
    "__version__",
    "add_bias",
    "available_isas",
    "content_hash",
    "dot",
    "error_bound",
    "get_num_threads",
    "linear",
    "load",
    "matmul",
    "matvec",
    "num_threads",
    "relu",
    "save",
    "set_num_threads",
    "show_config",
]


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    """What reads and writes files, once it is asked for: importing zipfile and the like takes 20 ms."""
    if name in ("ModelFileError", "content_hash", "load", "save"):
        from . import files

        return getattr(files, name)
    raise AttributeError(f"module 'forwardpass' has no attribute {name!r}")
