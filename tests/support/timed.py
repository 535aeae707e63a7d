"""A network for each layer that there is, as `bench` times it."""

from collections.abc import Callable

import numpy as np

import forwardpass as fp
from forwardpass.bench.workload import Workload
from forwardpass.nn import LAYERS, Module

VALUES = np.linspace(0.5, 2, 6)
# Layers that take arrays, and others beside the one that a class makes by default.
EXAMPLES: dict[str, Callable[[], Module]] = {
    "Linear": lambda: fp.Linear.random(6, 6, bias=False, rng=2),
    "LayerNorm": lambda: fp.LayerNorm(6, VALUES, VALUES, eps=0.01),
    "RMSNorm": lambda: fp.RMSNorm(6, VALUES, eps=0.01),
    "BatchNorm1d": lambda: fp.BatchNorm1d(VALUES, VALUES, VALUES, VALUES),
    "Normalize": lambda: fp.Normalize(VALUES, VALUES, clip=0.5),
    "Affine": lambda: fp.Affine(VALUES, VALUES),
    "Clip": lambda: fp.Clip(-VALUES, [0.1, np.inf, 0.1, 0.1, 0.1, 0.1]),
    "PReLU": lambda: fp.PReLU(VALUES),
    "Residual": lambda: fp.Residual(fp.Sequential(fp.Tanh(), fp.Residual(fp.Linear.random(6, 6, rng=2)))),
    "Sequential": lambda: fp.Sequential(fp.Flatten(), fp.Dropout()),
    "GELU, tanh": lambda: fp.GELU("tanh"),
    "ELU, alpha": lambda: fp.ELU(0.5),
    "CELU, alpha": lambda: fp.CELU(0.5),
    "Softplus, beta": lambda: fp.Softplus(2, 1),
    "PReLU, one slope": lambda: fp.PReLU([0.25]),
    "Normalize, no clip": lambda: fp.Normalize(VALUES, VALUES),
}
NAMES = [*EXAMPLES, *(name for name, kind in LAYERS.items() if name not in EXAMPLES and not kind.holds)]


def workload(name: str, rows: int, dtype: str = "float32") -> Workload:
    """The layer between two others, which make numbers of both signs for it."""
    layer = EXAMPLES[name]() if name in EXAMPLES else LAYERS[name]()
    net = fp.Sequential(fp.Linear.random(3, 6, rng=0), layer, fp.Linear.random(6, 2, rng=1))
    return Workload(name, rows, dtype, net)
