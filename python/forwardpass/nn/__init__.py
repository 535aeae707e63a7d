"""Layers and networks, with PyTorch's names."""

from . import (
    containers,
    elementwise,
    elu,
    linear,
    normalization,
    piecewise,
    predictors,
    scaling,
    smooth,
    softmax,
    squeeze,
)
from .containers import *
from .elementwise import *
from .elu import *
from .fold import fold_batch_norm
from .linear import *
from .module import FloatArray as FloatArray
from .module import Module
from .normalization import *
from .piecewise import *
from .predictors import *
from .scaling import *
from .smooth import *
from .softmax import *
from .squeeze import *

# The layers that a file, or a network in text, may name: all that these modules list in __all__.
LAYERS: dict[str, type[Module]] = {
    name: getattr(module, name)
    for module in (
        linear,
        elementwise,
        squeeze,
        piecewise,
        elu,
        smooth,
        softmax,
        normalization,
        scaling,
        containers,
        predictors,
    )
    for name in module.__all__
}

__all__ = ["Module", "fold_batch_norm"]
__all__ += LAYERS
