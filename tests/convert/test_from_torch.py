"""from_torch: networks of every layer answer as torch does, within the bound; what is not known is refused by name."""

import copy
import subprocess
import sys
import warnings
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

import forwardpass as fp
from tests.support import same_bits


def mlp(*widths: int, activation: Callable[[], nn.Module] = nn.ReLU, bias: bool = True) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs, bias=bias), activation()]
    return nn.Sequential(*layers[:-1])


class Named(nn.Sequential):  # type: ignore[misc]  # torch has no types where these are checked
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


# ---- mappings ----

STATE = {
    "0.weight": torch.arange(12.0).reshape(4, 3) / 8,
    "0.bias": torch.ones(4),
    "2.weight": torch.full((2, 4), -0.5),
    "2.bias": torch.zeros(2),
}


@pytest.mark.parametrize("as_numpy", [False, True])
def test_a_state_dict_and_an_architecture(as_numpy: bool, capsys: pytest.CaptureFixture[str]) -> None:
    module = mlp(3, 4, 2)
    module.load_state_dict(STATE)
    state = {name: tensor.numpy() for name, tensor in STATE.items()} if as_numpy else STATE
    net = fp.from_torch(state, "3-4-2:relu")
    assert net.verification.rows == 0
    assert "not verified" in capsys.readouterr().out
    assert fp.content_hash(net) == fp.content_hash(fp.from_torch(module))
    assert fp.content_hash(fp.from_torch(state, net)) == fp.content_hash(net)


def test_a_network_as_the_architecture() -> None:
    """It says what a text cannot: normalisations, options, nesting. Its values do not matter."""
    module = nn.Sequential(
        nn.Linear(3, 4), nn.BatchNorm1d(4, eps=1e-2), nn.Sequential(nn.LeakyReLU(0.3), nn.Linear(4, 2))
    )
    module(torch.randn(8, 3))
    template = fp.Sequential(
        fp.Linear(np.zeros((4, 3), np.float32), np.zeros(4, np.float32)),
        fp.BatchNorm1d(np.zeros(4), np.ones(4), np.zeros(4), np.zeros(4), eps=1e-2),
        fp.Sequential(fp.LeakyReLU(0.3), fp.Linear(np.zeros((2, 4), np.float32), np.zeros(2, np.float32))),
    )
    net = fp.from_torch(module.state_dict(), template)
    assert fp.content_hash(net) == fp.content_hash(fp.from_torch(module))
    assert not template.state_dict()["0.weight"].any()
    assert fp.from_torch(module.double().state_dict(), template).dtype == np.float64


def test_layers_without_bias_and_bare_names() -> None:
    assert list(fp.from_torch({"weight": np.ones((2, 3))}, "3-2").state_dict()) == ["0.weight"]
    net = fp.from_torch({"a.weight": np.ones((2, 3)), "b.weight": np.ones((1, 2)), "b.bias": np.ones(1)}, "3-2-1:relu")
    assert net([1.0, 2.0, 3.0]) == 13.0


def test_the_order_of_layers() -> None:
    """As the mapping has them or by their names, if only one of them fits; never by chance."""
    encoder, decoder = np.ones((2, 3)), np.full((3, 2), 2.0)
    x = [1.0, 2.0, 3.0]
    for state in (
        {"encoder.weight": encoder, "decoder.weight": decoder},
        {"10.weight": decoder, "2.weight": encoder},
        {"2.weight": encoder, "10.weight": decoder},
    ):
        assert fp.from_torch(state, "3-2-3:relu")(x).tolist() == [24.0] * 3
    square = np.eye(3)
    with pytest.raises(fp.ConversionError, match=r"not certain: \['encoder', 'decoder'\] as they stand"):
        fp.from_torch({"encoder.weight": square, "decoder.weight": square}, "3-3-3:relu")


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in STATE.items() if key != name}


@pytest.mark.parametrize(
    ("state", "architecture", "message"),
    [
        (STATE, None, "say what they are of"),
        (STATE, "3-5-2:relu", r"0.weight: expected shape \(5, 3\), got \(4, 3\)"),
        (
            STATE,
            "3-4-4-2:relu",
            r"expected 3 layers, of tensors called <name>.weight and <name>.bias, got 2: \['0.weight'",
        ),
        (without("0.weight"), "3-4-2:relu", r"missing \['0.weight'\]"),
        ({**STATE, "2.running": torch.ones(2)}, "3-4-2:relu", r"unexpected \['2.running'\]"),
        (without("2.bias"), fp.Sequential(fp.Linear.random(3, 4), fp.ReLU(), fp.Linear.random(4, 2)), "missing"),
        ({**STATE, "0.bias": [1.0] * 4}, "3-4-2:relu", "0.bias: expected a tensor or a NumPy array, got list"),
        ({**STATE, "0.bias": np.ones(4, int)}, "3-4-2:relu", "0.bias: expected floats, got int64"),
        ({**STATE, "0.bias": torch.ones(4, dtype=torch.int8)}, "3-4-2:relu", "0.bias: .* got torch.int8"),
        ({**STATE, "0.bias": torch.ones(4, device="meta")}, "3-4-2:relu", "0.bias: .* got one on meta"),
        ({**STATE, "0.bias": np.ma.masked_array(np.ones(4))}, "3-4-2:relu", "0.bias: .* got numpy.ma.MaskedArray"),
        ({"model": STATE, "optimizer": {}}, "3-4-2:relu", "model: expected a tensor or a NumPy array, got dict"),
        ({}, "3-4-2:relu", "expected 2 layers"),
    ],
)
def test_mappings_that_are_refused(state: Any, architecture: Any, message: str) -> None:
    with pytest.raises(fp.ConversionError, match=message):
        fp.from_torch(state, architecture)


def test_an_architecture_that_is_none() -> None:
    with pytest.raises(ValueError, match="architecture: expected widths"):
        fp.from_torch(STATE, "3-x-2")
    with pytest.raises(TypeError, match="architecture: expected None"):
        fp.from_torch(nn.Linear(3, 4), "3-4")


# ---- refusals ----


class Network(nn.Module):  # type: ignore[misc]  # torch has no types where these are checked
    """What most users write."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.first(x)


class Backwards(nn.Sequential):  # type: ignore[misc]  # torch has no types where these are checked
    """Looks like a Sequential."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return -super().forward(input)


class Doubled(nn.Linear):  # type: ignore[misc]  # torch has no types where these are checked
    """Looks like a Linear."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(input)


def hooked(*, before: bool) -> nn.Module:
    layer = nn.Linear(3, 3)
    if before:
        layer.register_forward_pre_hook(lambda _, args: (args[0] + 1,))
    else:
        layer.register_forward_hook(lambda *args: args[2] + 1)
    return nn.Sequential(nn.ReLU(), layer)


def patched() -> nn.Module:
    module = nn.Sequential(nn.Tanh())
    vars(module[0])["forward"] = lambda x: -x
    return module


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "own module": (
        Network,
        r"the module: .*test_from_torch.Network is not supported; its forward\(\) may be anything",
    ),
    "own module inside": (
        lambda: nn.Sequential(nn.ReLU(), Network()),
        "layer 1: .*Network is not supported",
    ),
    "own forward": (
        Backwards,
        r"the module: .*Backwards is a Sequential with a forward\(\) of its own",
    ),
    "own linear": (
        lambda: nn.Sequential(Doubled(3, 3)),
        "layer 0: .*Doubled is a Linear with a forward",
    ),
    "patched": (patched, r"layer 0: Tanh is a Tanh with a forward\(\) of its own"),
    "hook": (lambda: hooked(before=False), "layer 1: Linear has forward hooks"),
    "hook before": (lambda: hooked(before=True), "layer 1: Linear has forward hooks"),
    "parametrized": (
        lambda: nn.utils.parametrizations.weight_norm(nn.Linear(3, 3)),
        "the module: torch.nn.utils.parametrize.ParametrizedLinear is parametrized",
    ),
    "convolution": (lambda: nn.Sequential(nn.ReLU(), nn.Conv2d(1, 1, 1)), "layer 1: Conv2d is not supported"),
    "nested": (lambda: nn.Sequential(nn.ReLU(), nn.Sequential(nn.ReLU(), nn.RReLU())), "layer 1.1: RReLU is not"),
    "module list": (lambda: nn.ModuleList([nn.ReLU()]), "the module: ModuleList is not supported"),
    "lazy": (lambda: nn.Sequential(nn.LazyLinear(3)), "layer 0: LazyLinear is not supported"),
    "other device": (lambda: nn.Sequential(nn.Linear(3, 3, device="meta")), "layer 0: weight: .* got one on meta"),
    "complex": (lambda: nn.Linear(3, 3, dtype=torch.complex64), "weight: expected dense floats, got torch.complex64"),
    "8 bits": (lambda: nn.Linear(3, 3).to(torch.float8_e4m3fn), "weight: .* got torch.float8_e4m3fn"),
    "two dtypes": (lambda: nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3).double()), "float64"),
    "no chain": (
        lambda: nn.Sequential(nn.Linear(3, 4), nn.Linear(3, 4)),
        "the module: layer 0, .* gives 4 features, but layer 1",
    ),
    "softmax of the batch": (lambda: nn.Sequential(nn.Softmax(dim=0)), r"layer 0: Softmax\(dim=0\): expected -1 or 1"),
    "softmax of no axis": (lambda: nn.Softmax(), r"Softmax\(dim=None\): expected -1 or 1"),
    "log softmax": (lambda: nn.LogSoftmax(dim=2), r"LogSoftmax\(dim=2\): expected -1 or 1"),
    "flatten all": (lambda: nn.Sequential(nn.Flatten(0)), r"layer 0: Flatten\(start_dim=0, end_dim=-1\)"),
    "layer norm of images": (lambda: nn.LayerNorm((3, 4)), r"LayerNorm over \(3, 4\): expected the last axis alone"),
    "batch statistics": (
        lambda: nn.Sequential(nn.BatchNorm1d(3, track_running_stats=False)),
        "layer 0: BatchNorm1d without running statistics",
    ),
    "batch norm of images": (lambda: nn.BatchNorm2d(3), "BatchNorm2d is not supported"),
    "no module": (lambda: 5, "the module: int is not supported"),
    "none inside": (lambda: nn.Sequential(OrderedDict([("a", None)])), "layer 0: NoneType is not supported"),
    "unknown activation": (lambda: nn.Sequential(nn.Softshrink()), "layer 0: Softshrink is not supported"),
}


def test_a_view_of_turned_sign() -> None:
    """The imaginary part of a conjugate, whose values torch itself refuses to give to NumPy."""
    values = torch.complex(torch.zeros(2, 3), torch.arange(6.0).reshape(2, 3))
    weight = values.conj().imag
    assert weight.is_neg()
    module = nn.Linear(3, 2)
    module.weight = nn.Parameter(weight, requires_grad=False)
    for net in (
        fp.from_torch(module),
        fp.from_torch({"0.weight": weight}, fp.Sequential(fp.Linear(np.ones((2, 3), "f")))),
    ):
        assert (next(iter(net.state_dict().values())) == -values.imag.numpy()).all()


def test_what_torch_cannot_give_is_named() -> None:
    """A tensor that holds no values."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode(), pytest.raises(fp.ConversionError, match=r"0\.weight: torch cannot give its values: "):
        fp.from_torch({"0.weight": torch.ones(2, 3)}, "3-2")


def test_classes_that_are_called_as_others() -> None:
    """With their modules, and what to give instead."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that they are going to be removed
        quantized = torch.ao.nn.quantized.Linear(3, 2)
    with pytest.raises(
        fp.ConversionError, match=r"layer 0: torch\.ao\.nn\.quantized\..*Linear is not .*the module of floats"
    ):
        fp.from_torch(nn.Sequential(quantized))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.fx.symbolic_trace(nn.Sequential(nn.Linear(3, 2)))
        scripted = torch.jit.script(nn.Sequential(nn.Linear(3, 2)))
    with pytest.raises(
        fp.ConversionError, match=r"torch\.fx\.graph_module\..* is not .*: give the module that it was made"
    ):
        fp.from_torch(traced)
    with pytest.raises(
        fp.ConversionError, match=r"torch\.jit\..* is not supported.*: give the module that it was made"
    ):
        fp.from_torch(scripted)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    make, message = REFUSED[name]
    module = make()
    with pytest.raises(fp.ConversionError, match=message):
        fp.from_torch(module)


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
