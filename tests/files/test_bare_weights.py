"""Weights that other programs wrote, with an architecture: dtypes, layouts, and which layer is which."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import forwardpass as fp
from forwardpass.files import order
from tests.support import Array, bad_files, normal, same_bits

SUFFIXES = [".npz", ".safetensors"]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_bare_weights(dtype: str, suffix: str, tmp_path: Path) -> None:
    shapes = {"fc10.weight": (2, 4), "fc10.bias": (2,), "fc2.weight": (4, 3), "fc2.bias": (4,)}
    tensors = {name: normal(i, shape, np.float64).astype(dtype) for i, (name, shape) in enumerate(shapes.items())}
    path = tmp_path / f"bare{suffix}"
    if suffix == ".npz":
        np.savez_compressed(path, allow_pickle=False, **tensors)
    else:
        safetensors.numpy.save_file(tensors, path)
    net = fp.load(path, "3-4-2:relu")
    assert net.dtype == (np.float64 if dtype == "float64" else np.float32)
    state = net.state_dict()
    assert list(state) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    for mine, name in zip(state.values(), ("fc2.weight", "fc2.bias", "fc10.weight", "fc10.bias"), strict=True):
        assert same_bits(mine, tensors[name].astype(net.dtype))
    with pytest.raises(fp.ModelFileError, match="say what they are of"):
        fp.load(path)
    with pytest.raises(fp.ModelFileError, match=r"fc2.weight: expected shape \(5, 3\), got \(4, 3\)"):
        fp.load(path, "3-5-2")
    with pytest.raises(fp.ModelFileError, match="expected 3 layers"):
        fp.load(path, "3-4-4-2")


def test_the_order_of_names(tmp_path: Path) -> None:
    """By numbers, however long; equal ones by their text, and never by chance."""
    names = ["2", "10", "010", "9" * 5000, "a1", "a02", "b"]
    assert [order.natural(name)[1] for name in sorted(reversed(names), key=order.natural)] == [
        *("2", "010", "10", "9" * 5000, "a1", "a02", "b"),
    ]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_layers_in_the_wrong_order(suffix: str, tmp_path: Path) -> None:
    """The file's order or that of the names, if only one of them fits; never by chance. As from_torch."""
    path = tmp_path / f"bare{suffix}"

    def load(architecture: str, **arrays: Array) -> Any:
        state = {f"{name.removeprefix('_')}.weight": array for name, array in arrays.items()}
        safetensors.numpy.save_file(state, path) if suffix == ".safetensors" else np.savez(
            path, allow_pickle=False, **state
        )
        loaded = fp.load(path, architecture)
        assert fp.content_hash(loaded) == fp.content_hash(fp.from_torch(state, architecture))
        return loaded

    first, second, square = np.ones((2, 3)), np.full((3, 2), 2.0), np.diag([1.0, 2.0, 3.0])
    reversed_ = np.eye(3)[::-1].copy()  # safetensors writes the memory of views
    assert load("3-3-3:relu", _2=square, _10=reversed_)([1, 2, 3]).tolist() == [9.0, 4.0, 1.0]
    assert load("3-2-3:relu", a=first, b=second)([1, 2, 3]).tolist() == [24.0] * 3
    if suffix == ".npz":  # safetensors sorts them
        assert load("3-2-3:relu", encoder=first, decoder=second)([1, 2, 3]).tolist() == [24.0] * 3
        assert load("3-3-3:relu", _10=reversed_, _2=square)([1, 2, 3]).tolist() == [9.0, 4.0, 1.0]
    with pytest.raises(fp.ModelFileError, match="the order of the layers is not certain"):
        load("3-3-3:relu", input=square, hidden=square)
    with pytest.raises(fp.ModelFileError, match=r"expected 2 layers, of tensors called <name>\.weight"):
        load("3-3-3:relu", only=square)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_architecture_does_not_replace_a_files_own(suffix: str, tmp_path: Path) -> None:
    fp.save(fp.Sequential(fp.Linear(np.eye(3)), fp.Linear(np.eye(3))), tmp_path / f"net{suffix}")
    with pytest.raises(fp.ModelFileError, match="without an architecture"):
        fp.load(tmp_path / f"net{suffix}", "3-3-3:relu")


def test_bfloat16(tmp_path: Path) -> None:
    """By its bits, as NumPy has no such dtype: 1.0, -2.0, the smallest and the largest subnormal."""
    bits = np.array([[0x3F80, 0xC000, 0x0001, 0x007F]], "<u2").tobytes()
    header = {"weight": {"dtype": "BF16", "shape": [1, 4], "data_offsets": [0, len(bits)]}}
    (tmp_path / "half.safetensors").write_bytes(bad_files.safetensors_file(header, bits))
    weight = fp.load(tmp_path / "half.safetensors", "4-1").state_dict()["0.weight"]
    assert weight.tolist() == [[1.0, -2.0, 2.0**-133, 127 * 2.0**-133]]


@pytest.mark.parametrize("layout", ["F", "big"])
def test_bare_weights_in_other_layouts(layout: str, tmp_path: Path) -> None:
    w = normal(0, (4, 3), np.float32)
    np.savez(tmp_path / "w.npz", weight=np.asfortranarray(w) if layout == "F" else w.astype(">f4"))
    assert same_bits(fp.load(tmp_path / "w.npz", "3-4").state_dict()["0.weight"], w)
