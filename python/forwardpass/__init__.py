"""Feed-forward neural networks on the CPU: fast from one row up, and the same bits always.

>>> import numpy as np, forwardpass as fp
>>> net = fp.Sequential(fp.Linear(np.eye(2)), fp.ReLU())
>>> net([3.0, -4.0])
array([3., 0.])
"""

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

__all__ = [
    "Linear",
    "Module",
    "ReLU",
    "Sequential",
    "__version__",
    "add_bias",
    "available_isas",
    "dot",
    "error_bound",
    "get_num_threads",
    "linear",
    "matmul",
    "matvec",
    "num_threads",
    "relu",
    "set_num_threads",
    "show_config",
]
