"""Networks of PyTorch's own layers, with values everywhere."""

import copy
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn


def mlp(*widths: int, activation: Callable[[], nn.Module] = nn.ReLU, bias: bool = True) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs, bias=bias), activation()]
    return nn.Sequential(*layers[:-1])


class Named(nn.Sequential):
    """A Sequential of a user's own that computes what any other does."""

    def __init__(self) -> None:
        super().__init__(nn.Linear(5, 8), nn.SiLU(), nn.Linear(8, 2))


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "ReLU": nn.ReLU,
    "ReLU in place": lambda: nn.ReLU(inplace=True),
    "ReLU6": nn.ReLU6,
    "LeakyReLU": nn.LeakyReLU,
    "LeakyReLU 0.2": lambda: nn.LeakyReLU(0.2),
    "ELU": nn.ELU,
    "ELU 0.5": lambda: nn.ELU(0.5),
    "SELU": nn.SELU,
    "GELU": nn.GELU,
    "GELU tanh": lambda: nn.GELU("tanh"),
    "SiLU": nn.SiLU,
    "Tanh": nn.Tanh,
    "Sigmoid": nn.Sigmoid,
    "Softplus": nn.Softplus,
    "Softplus 2 5": lambda: nn.Softplus(beta=2.0, threshold=5.0),
    "Hardtanh": nn.Hardtanh,
    "Hardtanh -2 3": lambda: nn.Hardtanh(-2.0, 3.0),
    "Mish": nn.Mish,
    "Softsign": nn.Softsign,
    "PReLU": nn.PReLU,
    "PReLU of each": lambda: nn.PReLU(24),
    "CELU": nn.CELU,
    "CELU 0.5": lambda: nn.CELU(0.5),
    "Hardswish": nn.Hardswish,
    "Hardsigmoid": nn.Hardsigmoid,
    "RMSNorm": lambda: nn.RMSNorm(24),
    "RMSNorm bare": lambda: nn.RMSNorm(24, elementwise_affine=False, eps=2.0**-10),
    "Softmax": lambda: nn.Softmax(dim=-1),
    "Softmax 1": lambda: nn.Softmax(dim=1),
    "LogSoftmax": lambda: nn.LogSoftmax(dim=-1),
    "Identity": nn.Identity,
    "LayerNorm": lambda: nn.LayerNorm(24),
    "LayerNorm bare": lambda: nn.LayerNorm(24, elementwise_affine=False, eps=1e-3),
    "LayerNorm without bias": lambda: nn.LayerNorm(24, bias=False),
    "BatchNorm1d": lambda: nn.BatchNorm1d(24),
    "BatchNorm1d bare": lambda: nn.BatchNorm1d(24, affine=False, eps=1e-2),
    "Dropout": nn.Dropout,
    "Dropout1d": nn.Dropout1d,
    "Dropout3d": nn.Dropout3d,
    "AlphaDropout": nn.AlphaDropout,
    "FeatureAlphaDropout": nn.FeatureAlphaDropout,
    "Flatten": nn.Flatten,
}
ARCHITECTURES: dict[str, Callable[[], nn.Module]] = {
    **{name: partial(mlp, 6, 24, 24, 3, activation=make) for name, make in ACTIVATIONS.items()},
    "linear alone": lambda: nn.Linear(7, 3),
    "activation alone": nn.GELU,
    "layer norm alone": lambda: nn.LayerNorm(9),
    "activations, no weights": lambda: nn.Sequential(nn.Tanh(), nn.Softmax(dim=-1)),
    "one layer": lambda: nn.Sequential(nn.Linear(3, 1)),
    "no biases": lambda: mlp(5, 16, 16, 2, activation=nn.Tanh, bias=False),
    "control policy": lambda: mlp(17, 64, 64, 6, activation=nn.Tanh),
    "locomotion policy": lambda: mlp(48, 512, 256, 128, 12, activation=nn.ELU),
    "tabular": lambda: nn.Sequential(
        nn.BatchNorm1d(40),
        *mlp(40, 128, 128, 128, 1, activation=nn.SiLU),
        nn.Sigmoid(),
    ),
    "digits": lambda: nn.Sequential(nn.Flatten(), *mlp(784, 128, 10), nn.LogSoftmax(dim=1)),
    "deep": lambda: mlp(*[32] * 21, activation=nn.LeakyReLU),
    "deep and normalised": lambda: nn.Sequential(
        *(layer for _ in range(10) for layer in (nn.Linear(16, 16), nn.LayerNorm(16), nn.GELU()))
    ),
    "wide": lambda: mlp(4, 2000, 1),
    "one output": lambda: mlp(600, 1),
    "bottleneck": lambda: mlp(64, 1, 64, activation=nn.Softplus),
    "nested": lambda: nn.Sequential(
        nn.Sequential(nn.Linear(4, 8), nn.ReLU()), nn.Sequential(nn.Sequential(nn.Linear(8, 2)))
    ),
    "empty inside": lambda: nn.Sequential(nn.Linear(4, 8), nn.Sequential(), nn.Tanh()),
    "a subclass": Named,
    "named layers": lambda: nn.Sequential(OrderedDict(first=nn.Linear(4, 8), bend=nn.ReLU(), last=nn.Linear(8, 2))),
    "a layer twice": lambda: nn.Sequential(*[nn.Linear(4, 4), nn.Tanh()] * 2),
}


def build(name: str) -> nn.Module:
    """With values everywhere, running statistics and affine parameters among them."""
    torch.manual_seed(0)
    module = ARCHITECTURES[name]()
    with torch.no_grad():
        for inner in module.modules():
            if isinstance(inner, (nn.LayerNorm, nn.BatchNorm1d)):
                for tensor in (inner.weight, inner.bias, getattr(inner, "running_mean", None)):
                    if tensor is not None:
                        tensor.normal_()
            if isinstance(inner, nn.BatchNorm1d):
                inner.running_var.uniform_(0.2, 3)
    return module


def answers(module: nn.Module, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    module = copy.deepcopy(module).eval()
    with torch.no_grad():
        y: np.ndarray[Any, Any] = module(torch.from_numpy(x)).numpy()
    return y
