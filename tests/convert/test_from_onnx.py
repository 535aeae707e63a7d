"""Modules of torch as both of its exporters write them, against torch itself."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import forwardpass as fp
from tests.support.onnx_models import WIDTH, assert_agrees, by_torch, draw, linear, rows

# The exporter of dynamo takes a second for each.
BOTH = pytest.mark.parametrize("dynamo", [False, pytest.param(True, marks=pytest.mark.full)], ids=["script", "dynamo"])


class Residual(nn.Module):
    def __init__(self, *inner: nn.Module) -> None:
        super().__init__()
        self.inner = nn.Sequential(*inner)

    def forward(self, x: Any) -> Any:
        return x + self.inner(x)


class Function(nn.Module):
    """A module that is a function of its input and of one Linear."""

    def __init__(self, function: Callable[[Any, Any], Any], *sizes: int) -> None:
        super().__init__()
        self.function, self.linear = function, nn.Linear(*sizes)

    def forward(self, x: Any) -> Any:
        return self.function(x, self.linear)


def trained(layer: Any) -> Any:
    """A layer whose weight, bias and statistics are not those of a new one."""
    for seed, (_, value) in enumerate([*layer.named_parameters(), *layer.named_buffers()]):
        if value.is_floating_point():
            value.data = torch.from_numpy(np.abs(draw(*value.shape, seed=seed)) + 0.5)
    return layer


# An epsilon is a float32 in ONNX: 2^-10 is one in float64 as well.
ACTIVATIONS: dict[str, Callable[[], Any]] = {
    "ReLU": nn.ReLU,
    "LeakyReLU": lambda: nn.LeakyReLU(0.2),
    "ELU": lambda: nn.ELU(1.5),
    "SELU": nn.SELU,
    "GELU": nn.GELU,
    "GELU by tanh": lambda: nn.GELU("tanh"),
    "SiLU": nn.SiLU,
    "Tanh": nn.Tanh,
    "Sigmoid": nn.Sigmoid,
    "Softplus": nn.Softplus,
    "Softplus of 2": lambda: nn.Softplus(2.0, 100.0),
    "Hardtanh": lambda: nn.Hardtanh(-0.5, 1.5),
    "ReLU6": nn.ReLU6,
    "Mish": nn.Mish,
    "Softsign": nn.Softsign,
    "PReLU": nn.PReLU,
    "CELU": lambda: nn.CELU(0.5),
    "Hardswish": nn.Hardswish,
    "Hardsigmoid": nn.Hardsigmoid,
    "Softmax": lambda: nn.Softmax(-1),
    "LogSoftmax": lambda: nn.LogSoftmax(-1),
    "Dropout": nn.Dropout,
    "Identity": nn.Identity,
    "LayerNorm": lambda: trained(nn.LayerNorm(8, eps=2.0**-10)),
    "LayerNorm without weights": lambda: nn.LayerNorm(8, elementwise_affine=False),
    "BatchNorm1d": lambda: trained(nn.BatchNorm1d(8, eps=2.0**-10)),
    "BatchNorm1d without weights": lambda: trained(nn.BatchNorm1d(8, affine=False)),
}


def between(activation: Callable[[], Any]) -> Callable[[], Any]:
    return lambda: nn.Sequential(nn.Linear(WIDTH, 8), activation(), nn.Linear(8, 3))


TORCH: dict[str, Callable[[], Any]] = {
    **{name: between(activation) for name, activation in ACTIVATIONS.items()},
    "one Linear": lambda: nn.Linear(WIDTH, 2),
    "no bias": lambda: nn.Sequential(nn.Linear(WIDTH, 8, bias=False), nn.Tanh(), nn.Linear(8, 1, bias=False)),
    "norms first": lambda: nn.Sequential(trained(nn.BatchNorm1d(WIDTH)), nn.Linear(WIDTH, 3)),
    "norm after activation": lambda: nn.Sequential(
        nn.Linear(WIDTH, 8), nn.ReLU(), trained(nn.BatchNorm1d(8)), nn.Linear(8, 2), nn.Softmax(-1)
    ),
    "residual": lambda: nn.Sequential(
        nn.Linear(WIDTH, 8), Residual(nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 8)), nn.Linear(8, 2)
    ),
    "residual of SiLU": lambda: nn.Sequential(nn.Linear(WIDTH, 8), Residual(nn.SiLU()), nn.Linear(8, 2)),
    "residual at the input": lambda: nn.Sequential(Residual(nn.Linear(WIDTH, WIDTH), nn.GELU()), nn.Linear(WIDTH, 2)),
    "residuals": lambda: nn.Sequential(
        nn.Linear(WIDTH, 8),
        *[Residual(trained(nn.LayerNorm(8)), nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8)) for _ in range(3)],
        nn.Linear(8, 2),
    ),
    "residual in a residual": lambda: nn.Sequential(
        nn.Linear(WIDTH, 8), Residual(nn.Linear(8, 8), Residual(nn.Linear(8, 8), nn.Tanh()), nn.SiLU())
    ),
    "deep": lambda: nn.Sequential(*[nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ELU()) for _ in range(12)]),
    "scaled and clamped": lambda: Function(
        lambda x, f: torch.clamp(f(x / 4.0 - 0.5) * 3.0, min=-1.0, max=4.0), WIDTH, 3
    ),
    "clamped below": lambda: Function(lambda x, f: torch.clamp(f(x), min=0.25), WIDTH, 3),
    "SiLU twice as large": lambda: Function(lambda x, f: 2.0 * nn.functional.silu(f(x)), WIDTH, 3),
    "GELU twice as large": lambda: Function(lambda x, f: nn.functional.gelu(f(x)) * 2.0, WIDTH, 3),
    "policy": lambda: nn.Sequential(nn.Linear(WIDTH, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 2)),
    "weight on the left": lambda: Function(lambda x, f: (f.weight @ x.T + f.bias[:, None]).T, WIDTH, 3),
}


# What the exporter of dynamo writes otherwise than the other.
DYNAMO = [
    *("GELU", "GELU by tanh", "Softplus", "Softplus of 2", "Hardtanh", "SELU", "LayerNorm without weights"),
    *("Mish", "Softsign", "CELU", "Hardswish", "Hardsigmoid"),
    *("BatchNorm1d", "norm after activation", "residuals", "scaled and clamped", "clamped below", "weight on the left"),
]


@pytest.mark.parametrize("name", TORCH)
def test_torch(name: str) -> None:
    check_torch(name, False, 13)


@pytest.mark.parametrize(
    "name", [name if name in DYNAMO else pytest.param(name, marks=pytest.mark.full) for name in TORCH]
)
def test_torch_by_dynamo(name: str) -> None:
    check_torch(name, True, 18)


def check_torch(name: str, dynamo: bool, opset: int) -> None:
    torch.manual_seed(1)
    module = TORCH[name]()
    x = rows(40, WIDTH).astype(np.float32)
    net = fp.from_onnx(by_torch(module, torch.zeros(2, WIDTH), dynamo, opset))
    assert_agrees(net, x, module(torch.from_numpy(x)).detach().numpy())


def test_there_are_enough_of_them() -> None:
    assert len(TORCH) >= 30


@pytest.mark.parametrize(
    ("dynamo", "opset"), [(False, 9), (False, 17), (False, 20), pytest.param(True, 23, marks=pytest.mark.full)]
)
@pytest.mark.parametrize("double", [False, True], ids=["float32", "float64"])
@pytest.mark.parametrize(
    "name", ["GELU", "GELU by tanh", "LayerNorm", "BatchNorm1d", "Hardtanh", "Softplus", "LogSoftmax"]
)
def test_torch_in_other_opsets(name: str, double: bool, dynamo: bool, opset: int) -> None:
    torch.manual_seed(1)
    module = TORCH[name]()
    module = module.double() if double else module
    x = rows(40, WIDTH).astype(np.float64 if double else np.float32)
    net = fp.from_onnx(by_torch(module, torch.from_numpy(x), dynamo, opset))
    assert net.dtype == x.dtype
    assert_agrees(net, x, module(torch.from_numpy(x)).detach().numpy())


@pytest.mark.parametrize(("free", "dynamo"), [(False, False), (True, False), (True, True)])
@pytest.mark.parametrize("form", ["Flatten", "view", "scaled first"])
def test_torch_images(form: str, free: bool, dynamo: bool) -> None:
    module: Any = {
        "Flatten": nn.Sequential(nn.Flatten(), nn.Linear(24, 3)),
        "view": Function(lambda x, f: f(x.view(x.size(0), -1)), 24, 3),
        "scaled first": Function(lambda x, f: f(torch.relu(x / 255.0).reshape(-1, 24)), 24, 3),
    }[form]
    x = rows(10, 2, 3, 4).astype(np.float32)
    net = fp.from_onnx(by_torch(module, torch.zeros(2, 2, 3, 4), dynamo, 18, free))
    assert_agrees(net, x.reshape(10, 24), module(torch.from_numpy(x)).detach().numpy())


@BOTH
@pytest.mark.parametrize("shape", [(WIDTH,), (5, WIDTH), (2, 5, WIDTH)])
def test_torch_dimensions(shape: tuple[int, ...], dynamo: bool) -> None:
    """Fixed, but for one row alone a bias that is added to the left."""
    module = nn.Sequential(nn.Linear(WIDTH, 8), nn.GELU(), trained(nn.LayerNorm(8)), nn.Linear(8, 3), nn.Softmax(-1))
    x = rows(*shape).astype(np.float32)
    net = fp.from_onnx(by_torch(module, torch.from_numpy(x), dynamo, 18, free=False))
    assert_agrees(net, x, module(torch.from_numpy(x)).detach().numpy())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_torch_half(dtype: Any) -> None:
    module = nn.Sequential(nn.Linear(WIDTH, 8), nn.SiLU(), nn.Linear(8, 3)).to(dtype)
    net = fp.from_onnx(by_torch(module, torch.zeros(2, WIDTH, dtype=dtype), True, 18))
    assert net.dtype == np.float32
    np.testing.assert_array_equal(linear(net).weight, module[0].weight.float().detach().numpy())
    x = rows(40, WIDTH).astype(np.float32)
    assert_agrees(net, x, module.float()(torch.from_numpy(x)).detach().numpy())


def test_in_training_mode() -> None:
    module = Function(lambda x, f: nn.functional.dropout(f(x), training=True), WIDTH, 3)
    exported = by_torch(module, torch.zeros(2, WIDTH), True, 18)
    with pytest.raises(fp.ConversionError, match=r"node '\w+' \(Dropout\): it is in training mode"):
        fp.from_onnx(exported)
