"""What of PyTorch is one layer: its modules, and its functions of the same meaning, in one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import nn
from ..errors import ConversionError
from ..tensors import array_of


@dataclass(frozen=True)
class Known:
    """A layer that both libraries have.

    Attributes
    ----------
    make : callable
        Takes the arguments of PyTorch's function that follow x, and gives the layer.
    attributes : tuple of str
        Where PyTorch's module keeps them, in the same order.
    """

    make: Callable[..., nn.Module]
    attributes: tuple[str, ...] = ()

    def of_module(self, module: Any) -> nn.Module:
        """The layer of a module."""
        return self.make(*(getattr(module, name) for name in self.attributes))


def optional(value: Any, name: str) -> nn.FloatArray | None:
    """A tensor's values, or None where there is none."""
    return None if value is None else array_of(value, name)


def linear(weight: Any, bias: Any = None) -> nn.Module:
    """A product with weights (outputs, inputs), and a bias."""
    return nn.Linear(array_of(weight, "weight"), optional(bias, "bias"))


def layer_norm(normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> nn.Module:
    """Over the last axis."""
    features = _features("LayerNorm", normalized_shape)
    return nn.LayerNorm(features, optional(weight, "weight"), optional(bias, "bias"), eps=eps)


def rms_norm(normalized_shape: Any, weight: Any = None, eps: float | None = None) -> nn.Module:
    """Over the last axis."""
    values = optional(weight, "weight")
    if eps is None:  # PyTorch takes the eps of the dtype of x, and x has the dtype of the weight
        eps = float(np.finfo(np.float32 if values is None else values.dtype).eps)
    return nn.RMSNorm(_features("RMSNorm", normalized_shape), values, eps=eps)


def _features(kind: str, normalized_shape: Any) -> int:
    if len(normalized_shape) != 1:
        raise ConversionError(f"{kind} over {tuple(normalized_shape)}: expected the last axis alone")
    return int(normalized_shape[0])


def batch_norm(
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> nn.Module:
    """By the statistics of training."""
    if training or running_mean is None or running_var is None:
        raise ConversionError(
            "BatchNorm1d without running statistics depends on the whole batch: train with track_running_stats=True"
        )
    arrays = (optional(weight, "weight"), optional(bias, "bias"))
    return nn.BatchNorm1d(array_of(running_mean, "running_mean"), array_of(running_var, "running_var"), *arrays, eps)


def _softmax(kind: Callable[[int], nn.Module], name: str) -> Callable[..., nn.Module]:
    # PyTorch's functions of this kind have an argument between dim and dtype that only their warnings need.
    def make(dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> nn.Module:
        if dim not in (-1, 1) or dtype is not None:
            raise ConversionError(f"{name}(dim={dim}): expected -1 or 1, an axis of rows, and no other dtype")
        return kind(dim)

    return make


def flatten(start_dim: int = 0, end_dim: int = -1) -> nn.Module:
    """All axes but the first."""
    if (start_dim, end_dim) != (1, -1):
        raise ConversionError(
            f"Flatten(start_dim={start_dim}, end_dim={end_dim}): expected 1 and -1, which make one row of each"
        )
    return nn.Flatten()


def relu(inplace: bool = False) -> nn.Module:
    """Where a function ends in `inplace`, only what follows it could tell: reading.py looks at that."""
    return nn.ReLU()


def relu6(inplace: bool = False) -> nn.Module:
    """A ramp to 6."""
    return nn.Hardtanh(0.0, 6.0)


def hardtanh(min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> nn.Module:
    """A ramp between two limits."""
    return nn.Hardtanh(min_val, max_val)


def leaky_relu(negative_slope: float = 0.01, inplace: bool = False) -> nn.Module:
    """A slope below 0."""
    return nn.LeakyReLU(negative_slope)


def elu(alpha: float = 1.0, inplace: bool = False) -> nn.Module:
    """An exponential below 0."""
    return nn.ELU(alpha)


def celu(alpha: float = 1.0, inplace: bool = False) -> nn.Module:
    """An exponential below 0, without a kink."""
    return nn.CELU(alpha)


def gelu(approximate: Any = "none") -> nn.Module:
    """Of both kinds."""
    return nn.GELU(approximate)


def softplus(beta: float = 1.0, threshold: float = 20.0) -> nn.Module:
    """With PyTorch's threshold."""
    return nn.Softplus(beta, threshold)


def prelu(weight: Any) -> nn.Module:
    """With slopes that were learned."""
    return nn.PReLU(array_of(weight, "weight"))


def _plain(kind: Callable[[], nn.Module]) -> Callable[..., nn.Module]:
    """A function without parameters."""

    def make(inplace: bool = False) -> nn.Module:
        return kind()

    return make


# By the names of PyTorch's modules; FUNCTIONS has the functions.
LAYERS: dict[str, Known] = {
    "Linear": Known(linear, ("weight", "bias")),
    "LayerNorm": Known(layer_norm, ("normalized_shape", "weight", "bias", "eps")),
    "RMSNorm": Known(rms_norm, ("normalized_shape", "weight", "eps")),
    "BatchNorm1d": Known(
        lambda mean, var, weight, bias, eps: batch_norm(mean, var, weight, bias, eps=eps),
        ("running_mean", "running_var", "weight", "bias", "eps"),
    ),
    "Flatten": Known(flatten, ("start_dim", "end_dim")),
    "Softmax": Known(_softmax(nn.Softmax, "Softmax"), ("dim",)),
    "LogSoftmax": Known(_softmax(nn.LogSoftmax, "LogSoftmax"), ("dim",)),
    "ReLU": Known(relu),
    "ReLU6": Known(relu6),
    "Hardtanh": Known(hardtanh, ("min_val", "max_val")),
    "LeakyReLU": Known(leaky_relu, ("negative_slope",)),
    "PReLU": Known(prelu, ("weight",)),
    "ELU": Known(elu, ("alpha",)),
    "CELU": Known(celu, ("alpha",)),
    "SELU": Known(_plain(nn.SELU)),
    "GELU": Known(gelu, ("approximate",)),
    "SiLU": Known(_plain(nn.SiLU)),
    "Mish": Known(_plain(nn.Mish)),
    "Tanh": Known(_plain(nn.Tanh)),
    "Sigmoid": Known(_plain(nn.Sigmoid)),
    "Softplus": Known(softplus, ("beta", "threshold")),
    "Softsign": Known(_plain(nn.Softsign)),
    "Hardswish": Known(_plain(nn.Hardswish)),
    "Hardsigmoid": Known(_plain(nn.Hardsigmoid)),
    "Identity": Known(nn.Identity),
    **dict.fromkeys(
        ("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout"),
        Known(nn.Dropout, ("p",)),
    ),
}
