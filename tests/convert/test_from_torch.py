"""from_torch: networks of every layer answer as torch does, within the bound."""

import copy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

import forwardpass as fp
from tests.support import same_bits
from tests.support.torch_networks import ARCHITECTURES, answers, build


def test_there_are_enough_architectures() -> None:
    assert len(ARCHITECTURES) >= 30


@pytest.mark.filterwarnings("ignore:dropout3d:UserWarning")  # torch's, of the rows that these tests give it
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_answers_are_torchs(name: str, dtype: torch.dtype, capsys: pytest.CaptureFixture[str]) -> None:
    module = build(name).to(dtype)
    net = fp.from_torch(module)
    result = net.verification
    assert capsys.readouterr().out == f"{result}\n"
    assert result.rows >= 64
    assert result.largest_share <= 1
    # Independent of the verification: the tolerance is loose, as a wrong layer is off by far more.
    width = net.in_features or 5
    x = np.random.default_rng(1).standard_normal((33, width)).astype(str(dtype).removeprefix("torch."))
    tolerance = 1e-5 if dtype is torch.float32 else 1e-13
    np.testing.assert_allclose(net(x), answers(module, x), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", sorted(ARCHITECTURES.keys() - {"named layers"}))
def test_the_keys_are_torchs(name: str) -> None:
    """And the values are equal, in the same shapes."""
    module = build(name)
    net = fp.from_torch(module)
    theirs = {key: tensor for key, tensor in module.state_dict().items() if not key.endswith("num_batches_tracked")}
    mine = net.state_dict()
    assert set(mine) == set(theirs)
    for key, tensor in theirs.items():  # float64 where the layer is no Linear, of the same values
        assert mine[key].shape == tensor.shape
        assert np.array_equal(mine[key], tensor.numpy())


def test_names_become_positions() -> None:
    assert list(fp.from_torch(build("named layers")).state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]


def test_dropout_and_the_like_keep_their_places() -> None:
    net = fp.from_torch(nn.Sequential(nn.Flatten(), nn.Dropout(0.3), nn.Identity(), nn.Linear(4, 2)))
    assert isinstance(net, fp.Sequential)
    assert [type(layer) for layer in net] == [fp.Flatten, fp.Dropout, fp.Identity, fp.Linear]
    assert repr(net[1]) == "Dropout(p=0.3)"


# ---- files: there and back ----


@pytest.mark.parametrize("name", sorted(ARCHITECTURES.keys() - {"named layers"}))
def test_a_file_goes_into_a_torch_module_and_back(name: str, tmp_path: Path) -> None:
    module = build(name)
    net = fp.from_torch(module)
    fp.save(net, tmp_path / "net.safetensors")
    other = ARCHITECTURES[name]()
    tensors = safetensors.torch.load_file(tmp_path / "net.safetensors")
    other.load_state_dict(tensors)
    for key, tensor in module.state_dict().items():
        assert key.endswith("num_batches_tracked") or torch.equal(other.state_dict()[key], tensor)
    assert fp.content_hash(fp.from_torch(other)) == fp.content_hash(net)
    assert fp.content_hash(fp.load(tmp_path / "net.safetensors")) == fp.content_hash(net)


# ---- 16 bits ----


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", ["control policy", "tabular", "LayerNorm", "linear alone", "Softmax"])
def test_16_bits_become_float32_exactly(name: str, dtype: torch.dtype) -> None:
    module = build(name).to(dtype)
    net = fp.from_torch(module)
    assert net.dtype == np.float32
    assert all(tensor.dtype == dtype for key, tensor in module.state_dict().items() if not key.endswith("tracked"))
    state = fp.from_torch(module.state_dict(), net).state_dict()
    for key, value in net.state_dict().items():
        assert np.array_equal(value, module.state_dict()[key].float().numpy())
        assert same_bits(value, state[key])


# ---- the user's module stays as it is ----


@pytest.mark.parametrize("training", [True, False])
def test_the_module_is_not_changed(training: bool) -> None:
    module = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(), nn.Sequential(nn.Linear(4, 2), nn.Dropout()), nn.Tanh())
    module.train(training)
    module[1].train(not training)
    before = copy.deepcopy(module.state_dict())
    modes = [inner.training for inner in module.modules()]
    net = fp.from_torch(module)
    assert [inner.training for inner in module.modules()] == modes
    assert all(torch.equal(tensor, before[key]) for key, tensor in module.state_dict().items())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in module.parameters())
    x = np.ones((3, 4), np.float32)
    y = net(x)
    with torch.no_grad():
        module[2][0].weight.zero_()
    assert same_bits(net(x), y)


def test_the_modes_are_put_back_after_an_error() -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 4))
    module[2].to(torch.float64)
    with pytest.raises(fp.ConversionError):
        fp.from_torch(module)
    assert all(inner.training for inner in module.modules())


def test_gradients_and_autocast_around_a_call() -> None:
    with torch.autocast("cpu"), torch.enable_grad():
        assert fp.from_torch(build("control policy")).verification.rows >= 64


def test_views_and_odd_strides() -> None:
    layer = nn.Linear(4, 6)
    whole = torch.randn(8, 12)
    layer.weight = nn.Parameter(whole[::2, 1:7].t())
    assert same_bits(fp.from_torch(layer).state_dict()["weight"], layer.weight.detach().numpy().copy())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("name", "layer", "change"),
    [
        ("control policy", nn.Tanh, lambda y: y * 1.001),
        ("tabular", nn.SiLU, lambda y: y + 1e-3),
        # Their bound is larger than their answers.
        ("deep", nn.LeakyReLU, lambda y: torch.where(y < 0, 1.5 * y, y)),
        ("deep and normalised", nn.LayerNorm, lambda y: y * 1.001),
        ("deep and normalised", nn.GELU, lambda y: y * 1.001),
    ],
)
def test_wrong_answers_are_refused(
    name: str, layer: Any, change: Callable[[Any], Any], dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One kind of layer a little off: an error, which names the row."""
    module = build(name).to(dtype)
    original = layer.forward
    monkeypatch.setattr(layer, "forward", lambda self, x: change(original(self, x)))
    with pytest.raises(fp.ConversionError, match=r"does not answer as its source: row \d+ of the verification, output"):
        fp.from_torch(module)


def test_a_source_that_fails_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("out of order")

    module = build("control policy")
    monkeypatch.setattr(nn.Tanh, "forward", fail)
    with pytest.raises(fp.ConversionError, match="it cannot answer: RuntimeError: out of order"):
        fp.from_torch(module)


def test_weights_that_are_no_numbers() -> None:
    """NaN and infinities are compared too, by where they stand."""
    module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    with torch.no_grad():
        module[0].weight[0, 0] = torch.nan
        module[2].bias[1] = torch.inf
    net = fp.from_torch(module)
    assert np.isnan(net(np.ones(3, np.float32))).all()


def test_torch_is_not_imported(tmp_path: Path) -> None:
    code = (
        "import sys, numpy as np, forwardpass as fp\n"
        "fp.from_torch({'weight': np.ones((1, 2))}, '2-1')\n"
        "print('torch' in sys.modules, 'numpy.random' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "False False"


@pytest.mark.parametrize(
    "module",
    [
        nn.Sequential(nn.Sigmoid(), nn.LayerNorm(6, eps=1e-12)),
        nn.Sequential(nn.Softmax(-1), nn.LogSoftmax(-1), nn.LayerNorm(6)),
        nn.Sequential(nn.Softmax(-1), nn.Softmax(-1), nn.LayerNorm(6, eps=1e-12)),
    ],
)
def test_norms_behind_functions(module: nn.Module) -> None:
    """A norm enlarges what a function before it rounds, here and there."""
    assert fp.from_torch(module, verbose=False).verification.rows > 0
