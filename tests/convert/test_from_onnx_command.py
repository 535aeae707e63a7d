"""`python -m forwardpass info | check | bench | convert` of an ONNX model and of a .keras file."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import forwardpass as fp


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "forwardpass", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def convert(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return run("convert", *arguments)


def try_other_commands(path: Path, note: str) -> None:
    """What reading the file has to say stands in what they print, and --json prints nothing but JSON."""
    listed, checked = json.loads(run("info", path, "--json").stdout), json.loads(run("check", path, "--json").stdout)
    assert note in " ".join(listed["notes"])
    assert note in " ".join(checked["notes"])
    assert listed["hash"] == checked["hash"]
    for command in ("info", "check"):
        done = run(command, path)
        assert (done.returncode, done.stderr) == (0, "")
        assert note in done.stdout
        assert "when it was saved" not in done.stdout
    timed = run("bench", "--quick", "--batch", "1", "--model", path, "--json")
    assert timed.returncode == 0, timed.stderr
    assert {r["net"] for r in json.loads(timed.stdout)["results"]} == {str(path)}


def onnx_model() -> onnx.ModelProto:
    weight = np.arange(6, dtype=np.float32).reshape(3, 2)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Tanh", ["h"], ["y"])]
    ends = [helper.make_tensor_value_info(name, 1, ["rows", size]) for name, size in (("x", 3), ("y", 2))]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], [numpy_helper.from_array(weight, "w")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_onnx(tmp_path: Path) -> None:
    onnx.save(onnx_model(), tmp_path / "net.onnx")
    done = convert(tmp_path / "net.onnx", tmp_path / "net.npz")
    assert done.returncode == 0, done.stderr
    assert "rows agree" in done.stdout
    try_other_commands(tmp_path / "net.onnx", "rows agree with ONNX")
    net = fp.load(tmp_path / "net.npz")
    assert net([1, 0, 0]) == pytest.approx([0, np.tanh(1)])
    assert fp.content_hash(net) in done.stdout


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_keras(tmp_path: Path) -> None:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation="gelu")])
    model.save(tmp_path / "net.keras")
    done = convert(tmp_path / "net.keras", tmp_path / "net.safetensors")
    assert done.returncode == 0, done.stderr
    try_other_commands(tmp_path / "net.keras", "from_keras: not verified")
    x = np.ones((1, 3), np.float32)
    expected = keras.ops.convert_to_numpy(model(x))
    assert fp.load(tmp_path / "net.safetensors")(x) == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_what_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    for arguments, message in (
        ((tmp_path / "bad.onnx", tmp_path / "net.npz"), "error: "),
        ((tmp_path / "bad.onnx", tmp_path / "net.npz", "--architecture", "3-2"), "says itself what it holds"),
        ((tmp_path / "missing.keras", tmp_path / "net.npz"), "missing.keras"),
    ):
        done = convert(*arguments)
        assert done.returncode == 2
        assert message in done.stderr
        assert "Traceback" not in done.stderr
