"""What from_torch makes of a forward(), operation by operation, and what it refuses of one."""

import copy
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import forwardpass as fp
from tests.support.torch_modules import converted, made
from tests.support.torch_networks import answers


class Of(nn.Module):
    """A module whose forward() is a function of its layers and x."""

    def __init__(self, function: Any, **layers: Any) -> None:
        super().__init__()
        self.function = function
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x: Any) -> Any:
        return self.function(self, x)


def kinds(net: Any) -> list[str]:
    return [type(layer).__name__ for layer in net]


def test_arithmetic_becomes_few_layers() -> None:
    """The mean and deviation are one Normalize, which clips as well; a scale and a shift one Affine."""
    module, _ = made("NormalisedActor")
    net = converted(module)
    assert kinds(net) == ["Normalize", "Linear", "ELU", "Linear"]
    assert net[0].clip == 5.0
    np.testing.assert_array_equal(net[0].mean, module.mean.numpy())
    net = converted(made("ScaledActor")[0])
    assert kinds(net)[-2:] == ["Tanh", "Affine"]
    np.testing.assert_array_equal(net[-1].scale, [0.5, 2.0, 1.0])
    np.testing.assert_array_equal(net[-1].offset, [0.5, 0.0, -1.0])


def test_sums_are_not_joined_where_they_may_cancel() -> None:
    module = Of(lambda m, x: (torch.tanh(m.a(x)) + 1) * 0.5 - 0.5, a=nn.Linear(3, 3))
    assert kinds(converted(module)) == ["Linear", "Tanh", "Affine", "Affine"]


def test_a_sum_behind_a_product_is_its_bias() -> None:
    net = converted(made("Functional")[0])
    assert kinds(net) == ["Linear", "PReLU", "LayerNorm", "Linear"]
    assert net[-1].bias is not None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("PreNorm", ["Residual"]),
        ("PostNorm", ["Residual", "LayerNorm"]),
        ("Nested", ["Residual", "Normalize"]),
        ("SkipFirst", ["Residual", "ReLU"]),
        ("ReZero", ["Residual"] * 3),
        ("Difference", ["Residual"]),
    ],
)
def test_sums_with_earlier_values_are_residuals(name: str, expected: list[str]) -> None:
    assert kinds(converted(made(name)[0])) == expected


def test_a_product_with_its_sigmoid_is_one_layer() -> None:
    net = converted(made("SelfGated")[0].net)
    assert kinds(net) == ["Linear", "Sequential", "Linear", "Sequential", "Linear"]
    assert [kinds(net[1]), kinds(net[3])] == [["SiLU"], ["Mish"]]
    assert list(net.state_dict()) == list(made("SelfGated")[0].net.state_dict())


def test_inside_a_sequential_the_keys_are_torchs() -> None:
    """And widths come from the layers around it."""
    module = nn.Sequential(Of(lambda _, x: x / 255), nn.Linear(3, 4), Of(lambda _, x: 2 * x - 1), nn.Linear(4, 2))
    net = converted(module)
    assert {"1.weight", "1.bias", "3.weight", "3.bias"} < net.state_dict().keys()
    x = np.array([[255, 0, 127], [1, 2, 3]], np.float32)
    np.testing.assert_allclose(net(x), answers(module, x), rtol=1e-5)


def test_subclasses_and_patches_are_read() -> None:
    """A forward() of one's own in a class that looks like PyTorch's, or in a single module."""

    class Doubled(nn.Linear):
        def forward(self, input: Any) -> Any:
            return 2 * super().forward(input)

    class Backwards(nn.Sequential):
        def forward(self, input: Any) -> Any:
            return -super().forward(input)

    patched = nn.Sequential(nn.Linear(3, 3), nn.Tanh())
    vars(patched[1])["forward"] = lambda x: -x
    x = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    for module in (Doubled(3, 3), Backwards(nn.Linear(3, 2), nn.Tanh()), patched, torch.fx.symbolic_trace(patched)):
        np.testing.assert_allclose(converted(module)(x), answers(module, x), rtol=1e-5)


def test_images_are_flattened_as_the_module_flattens_them() -> None:
    module, _ = made("Digits")
    x = np.random.default_rng(0).standard_normal((5, 1, 3, 4)).astype(np.float32)
    np.testing.assert_allclose(converted(module)(x), answers(module, x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_16_bits_become_float32(dtype: torch.dtype) -> None:
    module, x = made("ScaledActor")
    net = converted(module.to(dtype))
    np.testing.assert_allclose(net(x), answers(module.float(), x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("training", [True, False])
def test_the_module_stays_as_it_is(training: bool) -> None:
    module, _ = made("Functional")
    module.train(training)
    before, names = copy.deepcopy(module.state_dict()), set(vars(module))
    converted(module)
    assert all(torch.equal(tensor, before[key]) for key, tensor in module.state_dict().items())
    assert set(vars(module)) == names
    assert module.training is training


# ---- refusals ----


@pytest.mark.parametrize(
    ("shape", "more_axes"),
    [
        (lambda y: y.squeeze(-1), True),
        (lambda y: y[..., 0], True),
        (lambda y: y.squeeze(-1).unsqueeze(-1), True),
        (lambda y: y.squeeze(1), False),
        (lambda y: y[:, 0], False),
        (lambda y: y.flatten(), False),
        (lambda y: y.reshape(-1), False),
        (lambda y: y.view(y.shape[0]), False),
        (lambda y: torch.sigmoid(y.view(-1)).view(-1, 1), False),
    ],
)
def test_one_number_for_each_row(shape: Any, more_axes: bool) -> None:
    """Of x with more axes, the answer has the axes of the module's, or x is refused."""
    module = Of(lambda m, x: shape(m.a(x)), a=nn.Linear(3, 1))
    net, x = converted(module), np.random.default_rng(0).standard_normal((4, 5, 3)).astype(np.float32)
    np.testing.assert_allclose(net(x[0]), answers(module, x[0]), rtol=1e-5)
    assert net(x[0]).shape == answers(module, x[0]).shape
    if more_axes:
        assert net(x).shape == answers(module, x).shape
    else:
        with pytest.raises(ValueError, match="expected one or two axes"):
            net(x)


LINEAR = nn.Linear(3, 1)
REFUSED: dict[str, tuple[Any, str]] = {
    "squeeze of rows": (lambda m, x: m.a(x).squeeze(), r"squeeze\(\) of 1 features: expected squeeze\(-1\)"),
    "squeeze of several": (lambda m, x: x.squeeze(-1), r"squeeze\(-1\) of any number of features"),
    "flatten all": (lambda m, x: torch.flatten(x), r"Flatten\(start_dim=0, end_dim=-1\): expected 1 and -1"),
    "view of images": (lambda m, x: m.a(x).view(-1, 1, 1), r"a view of shape \(-1, 1, 1\): only what makes a row"),
    "view of other rows": (lambda m, x: m.a(x.view(-1, 6)), "a view of 6 features, where the layers around it have 3"),
    "softmax of the batch": (lambda m, x: torch.softmax(m.a(x), 0), r"Softmax\(dim=0\): expected -1 or 1"),
    "another dtype": (lambda m, x: m.a(x).double(), "a cast to torch.float64 in a network of torch.float32"),
    "floor": (lambda m, x: torch.div(m.a(x), 2, rounding_mode="floor"), "rounding_mode='floor' is not supported"),
    "reciprocal": (lambda m, x: 1 / m.a(x), "a division by a value that depends on the input"),
    "weights on the left": (lambda m, x: m.a.weight @ x, "expected x @ weight"),
    "limits that move": (lambda m, x: torch.clamp(m.a(x), max=m.a(x)), "limits that depend on the input"),
    "a reduction": (lambda m, x: torch.max(m.a(x), 1)[0], "a reduction of axis 1 is not supported"),
    "a table of constants": (lambda m, x: m.a(x) + torch.ones(2, 2), r"a constant of shape \(2, 2\) is more than one"),
    "two widths": (lambda m, x: (lambda h: m.a(h) + h)(m.b(x)), "have 3 and 1 features"),
    "no input": (lambda m, x: m.a.weight, r"forward\(\) returns what does not depend on its input"),
    "numbers alone": (lambda m, x: 2 * x, "no layer says how many features there are: convert the whole network"),
    "Python's own len": (lambda m, x: m.a(x) * len(x), r"cannot be followed, in .*len\(x\)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    function, message = REFUSED[name]
    with pytest.raises(fp.ConversionError, match=message):
        converted(Of(function, a=LINEAR, b=nn.Linear(3, 3)))


def test_the_place_of_a_refusal() -> None:
    """The module inside that is not supported, and its class."""
    inner = Of(lambda m, x: torch.cumsum(m.a(x), 1), a=LINEAR)
    outer = Of(lambda m, x: m.deep(x), deep=nn.Sequential(nn.Linear(3, 3), inner))
    with pytest.raises(fp.ConversionError, match=r"^layer deep\.1: Of\.forward\(\): cumsum\(\) is not supported: conv"):
        converted(outer)
    with pytest.raises(fp.ConversionError, match=r"^layer 1\.deep\.1: Of\.forward\(\): cumsum"):
        converted(nn.Sequential(nn.ReLU(), outer))


def test_another_function_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A graph that is read wrongly does not pass the comparison."""
    monkeypatch.setattr("forwardpass.nn.GELU", lambda *_: fp.ReLU())
    with pytest.raises(fp.ConversionError, match="does not answer as its source"):
        converted(made("PreNorm")[0])


def test_torch_alone_is_needed() -> None:
    """Neither ONNX nor torch's compilers, and torch.fx only where a module has a forward() of its own."""
    code = (
        "import sys, torch, forwardpass as fp\n"
        "class Own(torch.nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.a = torch.nn.Linear(3, 2)\n"
        "    def forward(self, x):\n"
        "        return torch.relu(self.a(x))\n"
        "fp.from_torch(Own(), verbose=False)\n"
        "print({'onnx', 'onnxscript', 'torch._dynamo'} & sys.modules.keys())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
