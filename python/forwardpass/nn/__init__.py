"""Layers and networks, with PyTorch's names."""

from .activations import (
    ELU,
    GELU,
    SELU,
    Dropout,
    Flatten,
    Function,
    Hardtanh,
    Identity,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from .columns import CENTER, OFFSET, SCALE, Affine, BatchNorm1d, Clip, Columns, LayerNorm, Normalize
from .containers import Residual, Sequential
from .fold import fold_batch_norm
from .linear import Linear
from .module import FloatArray, Module

__all__ = [
    "CENTER",
    "ELU",
    "GELU",
    "OFFSET",
    "SCALE",
    "SELU",
    "Affine",
    "BatchNorm1d",
    "Clip",
    "Columns",
    "Dropout",
    "Flatten",
    "FloatArray",
    "Function",
    "Hardtanh",
    "Identity",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "Module",
    "Normalize",
    "ReLU",
    "Residual",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "fold_batch_norm",
]
