"""Networks in text: files/notation.py."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import forwardpass as fp
from forwardpass.files.architecture import layers
from forwardpass.files.notation import parse


def kinds(text: str) -> list[str]:
    return [layer["type"] for _, layer in layers(parse(text)) if layer["type"] not in ("Sequential", "Residual")]


def test_layers_and_what_stands_between() -> None:
    assert kinds("3-4-2") == ["Linear", "ReLU", "Linear"]
    assert kinds("3-4x2-2:tanh:softmax") == ["Linear", "Tanh", "Linear", "Tanh", "Linear", "Softmax"]
    assert kinds("3-4-norm-2:gelu") == ["Linear", "LayerNorm", "GELU", "Linear"]
    assert kinds("8-norm-[16]x2-3::log_softmax") == [
        *("LayerNorm", "Linear", "ReLU", "Linear", "Linear", "ReLU", "Linear", "ReLU", "Linear", "LogSoftmax"),
    ]


def test_a_block_comes_back_to_its_width() -> None:
    block = parse("128-[norm-256]x4")["layers"]
    assert [layer["type"] for layer in block] == ["Residual"] * 4
    inner = block[3]["inner"]["layers"]
    assert [layer["type"] for layer in inner] == ["LayerNorm", "Linear", "ReLU", "Linear"]
    assert inner[0]["features"] == inner[1]["in_features"] == inner[3]["out_features"] == 128
    assert inner[1]["out_features"] == inner[3]["in_features"] == 256


@pytest.mark.parametrize(
    "text",
    [
        *("", "4", "4-", "-4", "4-0", "0-4", "a-b", "4--2", "4-2x0", "4-2x1001", "4-2-", "4 -2", "4-\u0662"),
        *("4-[2", "4-2]", "4-[]", "4-[[2]]", "4-[2]3", "norm-4", "[4]-2"),
        *("4-2:x", "4-2:relu:x", "4-2:relu:tanh:x", "4-99999999999"),
    ],
)
def test_what_is_no_network(text: str) -> None:
    with pytest.raises(ValueError, match="architecture: expected widths like"):
        parse(text)


def test_bare_weights_of_blocks(tmp_path: Path) -> None:
    norm = fp.LayerNorm(3, [1.0, 2.0, 0.5], [0.0, 0.5, -1.0])
    block = fp.Residual(fp.Sequential(norm, fp.Linear.random(3, 5, rng=0), fp.ReLU(), fp.Linear.random(5, 3, rng=1)))
    net = fp.Sequential(block, fp.ReLU(), fp.Linear.random(3, 2, rng=2), fp.Softmax())
    names = {"0.inner.0": "0", "0.inner.1": "1", "0.inner.3": "2", "2": "3"}
    state = {names[key.rpartition(".")[0]] + "." + key.rpartition(".")[2]: v for key, v in net.state_dict().items()}
    arrays: dict[str, Any] = {key: np.asarray(v, np.float32) for key, v in state.items()}
    np.savez(tmp_path / "bare.npz", **arrays)
    x = np.random.default_rng(0).standard_normal((4, 3), dtype=np.float32)
    with pytest.raises(fp.ModelFileError, match="architecture: expected 2 layers"):
        fp.load(tmp_path / "bare.npz", "3-5-2")
    loaded = fp.load(tmp_path / "bare.npz", "3-[norm-5]-2:relu:softmax")
    assert np.array_equal(loaded(x), net(x))


@pytest.mark.parametrize("text", ["3-" + "-".join(["[1x1000]x1000"] * 6), "3-4x" + "9" * 10**6])
def test_short_texts_take_little(text: str) -> None:
    """Repetitions multiply, so all parts together are counted; the refusal does not repeat a long text."""
    with pytest.raises(ValueError, match="architecture: ") as refused:
        parse(text)
    assert len(str(refused.value)) < 1000
