"""from_torch of a mapping: bare values and an architecture, or a refusal that names one of them."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import forwardpass as fp
from tests.support.torch_networks import mlp

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
