"""save and load: the same network comes back, from both formats; bare weights; whole files or none."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import forwardpass as fp
from tests.support import Float, normal, same_bits
from tests.support.networks import build_rich

SUFFIXES = (".npz", ".safetensors")


def build(dtype: Float = np.float32) -> fp.Sequential:
    return fp.Sequential(
        fp.Linear(normal(0, (65, 5), dtype), normal(1, (65,), dtype)),
        fp.ReLU(),
        fp.Sequential(fp.Linear(normal(2, (9, 65), dtype)), fp.ReLU()),
        fp.Linear(normal(3, (3, 9), dtype), normal(4, (3,), dtype)),
    )


NETWORKS = {
    "sequential": build(),
    "every layer": build_rich(),
    "every layer in float64": build_rich(np.float64),
    "elu": fp.ELU(),
    "another elu": fp.ELU(0.5),
    "residual": fp.Residual(fp.ReLU()),
    "columns alone": fp.Normalize([1, 2, 3], [1, 2, 3]),
    "columns clipped": fp.Normalize([1, 2, 3], [1, 2, 3], 1),
    "float64": build(np.float64),
    "linear": build()[0],
    "relu": fp.ReLU(),
    "relu alone": fp.Sequential(fp.ReLU()),
    "no inputs": fp.Linear(np.zeros((3, 0), np.float32), np.ones(3, np.float32)),
    "no outputs": fp.Linear(np.zeros((0, 3), np.float32)),
    "one output": fp.Linear(normal(5, (1, 600), np.float32)),
    "specials": fp.Linear(np.array([[np.nan, -0.0, np.inf, 1e-45]], np.float32)),
}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_network_comes_back(name: str, suffix: str, tmp_path: Path) -> None:
    net = NETWORKS[name]
    path = tmp_path / f"net{suffix}"
    fp.save(net, path)
    loaded = fp.load(path)
    assert repr(loaded) == repr(net)
    assert loaded.dtype == net.dtype
    assert list(loaded.state_dict()) == list(net.state_dict())
    for mine, theirs in zip(loaded.state_dict().values(), net.state_dict().values(), strict=True):
        assert mine.dtype == theirs.dtype
        assert same_bits(mine, theirs)
    assert fp.content_hash(loaded) == fp.content_hash(net)
    x = normal(9, (4, net.in_features or 3), np.float64 if net.dtype == np.float64 else np.float32)
    if net.in_features != 0:
        assert same_bits(loaded(x), net(x))


def test_hashes_tell_networks_apart() -> None:
    hashes = [fp.content_hash(net) for net in NETWORKS.values()]
    assert len(set(hashes)) == len(hashes)
    assert fp.content_hash(fp.Linear([[0.0]])) != fp.content_hash(fp.Linear([[-0.0]]))
    quiet, other = (np.array([[bits]], np.uint32).view(np.float32) for bits in (0x7FC00000, 0xFFC00123))
    assert fp.content_hash(fp.Linear(quiet)) == fp.content_hash(fp.Linear(other))
    # A file of today must be itself tomorrow.
    net = fp.Sequential(fp.Linear(np.eye(2, dtype=np.float32), np.ones(2, np.float32)), fp.ReLU())
    assert fp.content_hash(net) == "c2286f1d5adcc05fe2c1d42b55a24dd5c141645fcb44dc5089b2f952fd3ec0ce"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_is_the_same_every_time(suffix: str, tmp_path: Path) -> None:
    for name in ("a", "b"):
        fp.save(build(), tmp_path / f"{name}{suffix}")
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_others_read_the_files(tmp_path: Path) -> None:
    """NumPy, and the safetensors library, under torch's names and nothing else that a strict reader would trip over."""
    net = build()
    fp.save(net, tmp_path / "net.npz")
    fp.save(net, tmp_path / "net.safetensors")
    with np.load(tmp_path / "net.npz", allow_pickle=False) as file:
        assert set(file.files) == {"forwardpass", *net.state_dict()}
        assert all(same_bits(file[name], value) for name, value in net.state_dict().items())
    tensors = safetensors.numpy.load_file(tmp_path / "net.safetensors")
    assert set(tensors) == set(net.state_dict())
    assert all(same_bits(tensors[name], value) for name, value in net.state_dict().items())


def test_save_refuses_what_load_would(tmp_path: Path) -> None:
    net = fp.Sequential(fp.ReLU())
    for _ in range(60):
        net = fp.Sequential(net)
    with pytest.raises(ValueError, match="at most 50 networks"):
        fp.save(net, tmp_path / "net.npz")
    assert list(tmp_path.iterdir()) == []


def test_what_save_refuses(tmp_path: Path) -> None:
    class Mine(fp.Linear):
        """A layer of its own kind."""

    with pytest.raises(ValueError, match=r"\.npz or \.safetensors, got 'net.pt'"):
        fp.save(build(), tmp_path / "net.pt")
    with pytest.raises(TypeError, match="got Mine"):
        fp.save(fp.Sequential(Mine(np.eye(2))), tmp_path / "net.npz")
    with pytest.raises(TypeError, match="network: expected forwardpass's own layers, got str"):
        fp.save("net.npz", build())  # type: ignore[arg-type]  # in the wrong order, on purpose
    with pytest.raises(FileNotFoundError, match=r"no such folder: .*nowhere'$"):
        fp.save(build(), tmp_path / "nowhere" / "net.npz")
    assert list(tmp_path.iterdir()) == []


def test_what_load_refuses(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        fp.load(tmp_path / "net.npz")
    with pytest.raises(ValueError, match=r"\.npz or \.safetensors"):
        fp.load(tmp_path / "net.pt")
    fp.save(build(), tmp_path / "net.npz")
    for text in ("", "3", "3-", "3-4:conv", "3-x", "3-0", "-3-4", "3-\u0664"):
        with pytest.raises(ValueError, match="architecture: expected widths"):
            fp.load(tmp_path / "net.npz", text)
    widths: Any = [3, 4]
    with pytest.raises(TypeError, match=r"architecture: expected a string like .*, got list"):
        fp.load(tmp_path / "net.npz", widths)


LEGAL = [
    fp.Normalize([0.0], [1.0], np.inf),
    fp.LeakyReLU(3e38),
    fp.Hardtanh(-1.7e308, np.inf),
    fp.GELU(np.str_("tanh")),  # type: ignore[arg-type]  # a str all the same
    fp.Dropout(np.float64(0.5)),
    fp.Softmax(np.int64(-1)),  # type: ignore[arg-type]  # an integer all the same
    fp.LayerNorm(np.int64(3), eps=np.float64(1e300)),  # type: ignore[arg-type]  # likewise
    fp.BatchNorm1d([1.0], [1.0], eps=1e308),
]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("network", LEGAL, ids=repr)
def test_every_legal_network_can_be_saved(network: fp.Module, suffix: str, tmp_path: Path) -> None:
    fp.save(network, tmp_path / f"net{suffix}")
    loaded = fp.load(tmp_path / f"net{suffix}")
    assert type(loaded) is type(network)
    assert fp.content_hash(loaded) == fp.content_hash(network)


def test_without_the_library(tmp_path: Path) -> None:
    """In a process of its own, where safetensors cannot be imported."""
    fp.save(build(), tmp_path / "net.safetensors")
    code = f"""
import sys
from typing import Any
sys.modules["safetensors"] = None
import forwardpass as fp
for call in (lambda: fp.load({str(tmp_path / "net.safetensors")!r}), lambda: fp.save(fp.ReLU(), "x.safetensors")):
    try:
        call()
    except ImportError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.stdout.count("pip install safetensors") == 2, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.safetensors"]


def test_numpy_alone_suffices_for_npz() -> None:
    code = "import sys, forwardpass as fp; fp.content_hash(fp.ReLU()); print('safetensors' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


def test_the_document_is_plain_json(tmp_path: Path) -> None:
    fp.save(build(), tmp_path / "net.npz")
    with np.load(io.BytesIO((tmp_path / "net.npz").read_bytes())) as file:
        document = json.loads(file["forwardpass"].tobytes())
    assert document["architecture"]["layers"][1] == {"type": "ReLU"}
    assert document["hash"] == fp.content_hash(build())
