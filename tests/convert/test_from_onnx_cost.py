"""What a small ONNX file may cost, and that nothing of it runs but what was read."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.helper
import pytest

import forwardpass as fp
from forwardpass.convert.onnx.wire import MOST_FIELDS, Thinned
from forwardpass.limits import SPARE, TIMES
from tests.fuzz import harness, onnx_files
from tests.support.onnx_models import draw, linear, model, node

W = draw(4, 4)


def loop(name: str) -> list[Any]:
    """What never ends, as a value."""
    ends = (("i", 7), ("c", 9), ("v", 1))
    body = onnx.helper.make_graph(
        [node("Identity", "c", "d"), node("Identity", "v", "w")],
        "body",
        [onnx.helper.make_tensor_value_info(end, kind, []) for end, kind in ends],
        [onnx.helper.make_tensor_value_info(end, kind, []) for end, kind in (("d", 9), ("w", 1))],
    )
    return [onnx.helper.make_node("Loop", ["", "true", "half"], [name], body=body)]


def huge(name: str) -> list[Any]:
    return [node("ConstantOfShape", "big", "zeros"), node("ReduceSum", "zeros", name, keepdims=0)]


def elsewhere(name: str) -> list[Any]:
    value = onnx.TensorProto(name="e", data_type=1, dims=[1], data_location="EXTERNAL")
    value.external_data.add(key="location", value="elsewhere.bin")
    return [onnx.helper.make_node("Constant", [], [name], value=value)]


PROGRAMS = {"loop": loop, "huge": huge, "elsewhere": elsewhere}
CONSTANTS = {
    "true": np.array(True),
    "half": np.float32(0.5),
    "big": np.array([1 << 40]),
    "w": W,
    "one": np.ones(4, "f"),
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_nobody_reads_is_not_run(program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ratio of a Dropout, and the third operand of a Gemm whose beta is 0."""
    (tmp_path / "elsewhere.bin").write_bytes(bytes(4))
    monkeypatch.chdir(tmp_path)
    nodes = [
        *PROGRAMS[program]("p"),
        node("Dropout", "x p", "d"),
        node("Gemm", "d w p", "g", transB=1, beta=0.0),
        node("Identity", "g"),
    ]
    net = fp.from_onnx(model(nodes, constants=CONSTANTS))
    assert (linear(net).weight == W).all()
    assert linear(net).bias is None
    assert net.verification.rows > 60


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("use", ["bias", "axes", "shape", "limit", "factor"])
def test_what_a_layer_needs_must_be_known(program: str, use: str) -> None:
    nodes = {
        "bias": [node("Gemm", "x w p")],
        "axes": [node("ReduceMean", "x p", "m", keepdims=1), node("Sub", "x m")],
        "shape": [node("Reshape", "x p")],
        "limit": [node("Clip", "x p")],
        "factor": [node("Mul", "x p")],
    }[use]
    with pytest.raises(fp.ConversionError):
        fp.from_onnx(model([*PROGRAMS[program]("p"), *nodes], constants=CONSTANTS))


def test_axes_that_nobody_reads_are_not_run() -> None:
    """Of the number of rows, made a shape."""
    nodes = [
        *loop("p"),
        *(node("Shape", "x", "s"), node("Gather", "s zero", "r"), node("Unsqueeze", "r p", "u")),
        *(node("Concat", "u rest", "q", axis=0), node("Reshape", "x q", "f"), node("MatMul", "f w")),
    ]
    constants = {**CONSTANTS, "zero": np.array(0), "rest": np.array([-1])}
    with pytest.raises(fp.ConversionError, match=r"\(Reshape\): its shape is neither"):
        fp.from_onnx(model(nodes, constants=constants))


def test_a_fixed_number_of_rows_is_not_made() -> None:
    """A Reshape that names 2^30 rows is compared on the same few as any other."""
    nodes = [node("Reshape", "x s", "h"), node("MatMul", "h w")]
    for shape in ([1 << 30, 4], [1 << 30, -1], [-1, 4], [0, -1]):
        net = fp.from_onnx(model(nodes, (1 << 30, 4), {"s": np.array(shape), "w": W}))
        assert net.verification.rows > 60


def many(number: int, body: bytes, count: int) -> bytes:
    return onnx_files.field(number, body) * count


SMALL: dict[str, bytes] = {
    "a number for a million features": model([node("Mul", "x c")], ("N", 1 << 20), {"c": 2.0}).SerializeToString(),
    "as many as are taken": model([node("Gelu", "x")], ("N", 1 << 18), {}).SerializeToString(),
    "deep and wide": model(
        [node("Gelu", f"h{i}" if i else "x", f"h{i + 1}" if i < 999 else "y") for i in range(1000)], ("N", 1 << 12)
    ).SerializeToString(),
    "constants again and again": model(
        [
            *[node("Neg", f"c{i}" if i else "c", f"c{i + 1}") for i in range(30)],
            node("Add", "x c30"),
        ],
        ("N", 1 << 20),
        {"c": np.zeros(1 << 20, "f")},
    ).SerializeToString(),
    "nodes": onnx_files.field(7, many(1, b"", MOST_FIELDS - 10)),
    "outputs": onnx_files.field(7, many(12, b"", MOST_FIELDS - 10)),
    "inputs": onnx_files.field(7, many(11, b"", MOST_FIELDS - 10)),
    "subgraphs": onnx_files.field(7, onnx_files.field(1, many(5, onnx_files.field(6, b""), MOST_FIELDS // 2 - 10))),
    "functions": many(25, b"", MOST_FIELDS - 10),
    "texts": many(14, b"", 2_000_000),
}


@pytest.mark.parametrize("name", SMALL)
def test_a_small_file_costs_little(name: str, tmp_path: Path) -> None:
    """Taken or refused: memory and time of a process of its own."""
    content = SMALL[name]
    tensors = sum(len(t.raw_data) for t in onnx.load_model_from_string(content).graph.initializer)
    fuzzer = harness.Fuzzer([], lambda _: harness.Input(b"", "", 0), onnx_files.read, (fp.ConversionError,))
    warm = tmp_path / "warm.onnx"
    warm.write_bytes(onnx_files.good().content)
    onnx_files.read(warm)
    came = harness.attempt(fuzzer, harness.Input(content, ".onnx", tensors), tmp_path)
    assert came.wrong == ""


def test_a_large_file_takes_four_times_its_tensors(tmp_path: Path) -> None:
    content = model([node("MatMul", "x w")], ("N", 4096), {"w": draw(4096, 4096)}).SerializeToString()
    came = harness.attempt(onnx_files.FUZZER, harness.Input(content, ".onnx", len(content)), tmp_path)
    assert came.taken, came.wrong
    assert came.memory < TIMES * len(content) + SPARE


def test_more_than_max_bytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(model([node("MatMul", "x w")], constants={"w": W}).SerializeToString())
    with pytest.raises(fp.ConversionError, match=rf"net\.onnx: .* more than max_bytes={path.stat().st_size - 1}"):
        fp.from_onnx(path, max_bytes=path.stat().st_size - 1)
    assert len(fp.from_onnx(path, max_bytes=path.stat().st_size)) == 1


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_only_regular_files_are_read(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    {"pipe": os.mkfifo, "device": lambda p: p.symlink_to("/dev/zero"), "folder": Path.mkdir}[kind](path)
    with pytest.raises((fp.ConversionError, IsADirectoryError), match=r"net\.onnx"):
        fp.from_onnx(path)


@pytest.mark.parametrize("as_raw", [True, False])
@pytest.mark.parametrize("kind", ["float32", "float64", "float16", "bfloat16"])
def test_values_wherever_they_lie(kind: str, as_raw: bool) -> None:
    made = model([node("MatMul", "x w")], dtype=kind, constants={"w": W.tolist()})
    number = made.graph.initializer[0].data_type
    tensor = made.graph.initializer[0]
    if not as_raw:
        values = np.frombuffer(tensor.raw_data, onnx.helper.tensor_dtype_to_np_dtype(number)).astype(float)
        tensor.CopyFrom(onnx.helper.make_tensor("w", number, [4, 4], values))
        assert not tensor.raw_data
    expected = onnx.numpy_helper.to_array(tensor).astype(np.float64)
    assert (linear(fp.from_onnx(made)).weight == expected.T).all()


def test_what_is_thinned_is_the_same_model() -> None:
    """But for the values, which stay where they are, and what no network needs."""
    made = model([node("Gemm", "x w b", "h"), node("Softmax", "h")], constants={"w": W, "b": draw(4)})
    content = made.SerializeToString()
    thinned = Thinned(content)
    kept = onnx.load_model_from_string(thinned.model)
    assert [tensor.name for tensor in kept.graph.initializer] == ["w", "b"]
    assert [bytes(values[9]) for values in thinned.values] == [t.raw_data for t in made.graph.initializer]
    for tensor in made.graph.initializer:
        tensor.ClearField("raw_data")
    made.graph.ClearField("name")
    assert kept == made


def test_messages_are_fit_for_a_terminal(tmp_path: Path) -> None:
    made = model([onnx.helper.make_node("Bad\x1b[2J\n", ["x"], ["y"], name="n\x07")])
    (tmp_path / "net.onnx").write_bytes(made.SerializeToString())
    with pytest.raises(fp.ConversionError, match=r"net\.onnx: node 'n.*Bad\\x1b\[2J") as caught:
        fp.from_onnx(tmp_path / "net.onnx")
    assert str(caught.value).isprintable()


def test_quick_fuzzing(tmp_path: Path) -> None:
    """Run python -m tests.fuzz.onnx_files for longer."""
    assert harness.run(onnx_files.FUZZER, seed=3, seconds=20, inputs=100, kept=tmp_path) == 0
