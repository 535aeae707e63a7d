"""Models as exporters and optimisers leave them: values beside the file, functions, casts, fused operators, ends."""

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.helper
import pytest

import forwardpass as fp
from tests.support.onnx_models import assert_is, draw, gelu, linear, model, names, node

W, B = draw(4, 3), draw(3)


# ---- values in a file beside the model ----


def beside(folder: Path, **entries: str) -> Path:
    """A model whose weight is in w.bin, or where the entries say."""
    made = model([node("MatMul", "x w", "h"), node("Add", "h b")], constants={"w": W, "b": B})
    onnx.save_model(made, folder / "net.onnx", save_as_external_data=True, size_threshold=0, location="w.bin")
    kept = onnx.load(folder / "net.onnx", load_external_data=False)
    for entry in kept.graph.initializer[0].external_data:
        entry.value = entries.get(entry.key, entry.value)
    (folder / "net.onnx").write_bytes(kept.SerializeToString())
    return folder / "net.onnx"


def test_values_beside_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = beside(tmp_path)
    assert_is(fp.from_onnx(path), lambda x: x @ W + B)
    monkeypatch.chdir(tmp_path)
    assert_is(fp.from_onnx("net.onnx"), lambda x: x @ W + B)


@pytest.mark.parametrize("place", ["/etc/hostname", "../w.bin", "sub/w.bin", "..", ".", "", "a\0b", "x" * 300])
def test_only_names_in_the_folder(place: str, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "w.bin").write_bytes(bytes(1000))
    with pytest.raises(fp.ConversionError, match=r"'w': its values are in .* folder. Save the model with all in one"):
        fp.from_onnx(beside(tmp_path, location=place))


@pytest.mark.parametrize("kind", ["link", "link inside", "pipe", "folder", "nothing"])
def test_only_plain_files(kind: str, tmp_path: Path) -> None:
    path, data = beside(tmp_path), tmp_path / "w.bin"
    elsewhere = (tmp_path if kind == "link inside" else tmp_path.parent) / "other.bin"
    data.rename(elsewhere)
    match kind:
        case "pipe":
            os.mkfifo(data)
        case "folder":
            data.mkdir()
        case "link" | "link inside":
            data.symlink_to(elsewhere)
    with pytest.raises(fp.ConversionError, match=r"expected to be a plain file beside the model"):
        fp.from_onnx(path)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"offset": "-1"}, "expected an offset"),
        ({"offset": "x"}, "expected an offset"),
        ({"offset": "9" * 30}, "expected an offset"),
        ({"offset": str(2**62)}, "are outside"),
        ({"offset": "16"}, "are outside|overlap"),
        ({"length": "44"}, "are said to be 44"),
        ({"length": str(2**62)}, "are said to be"),
    ],
)
def test_places_that_are_wrong(entries: dict[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(fp.ConversionError, match=message):
        fp.from_onnx(beside(tmp_path, **entries))


def test_many_tensors_of_one_place_are_read_once_and_others_must_not_overlap(tmp_path: Path) -> None:
    path = beside(tmp_path)
    made = onnx.load(path, load_external_data=False)
    weight = made.graph.initializer[0]
    size = (tmp_path / "w.bin").stat().st_size
    for shift in range(40):
        made.graph.initializer.append(weight)
        made.graph.initializer[-1].name = f"w{shift}"
        for entry in made.graph.initializer[-1].external_data:
            if entry.key == "offset":
                entry.value = str(shift % (size - 48) if size > 48 else 0)
        made.graph.node.append(node("MatMul", f"x w{shift}", f"y{shift}"))
    del made.graph.output[:]
    made.graph.node.append(onnx.helper.make_node("Sum", [f"y{i}" for i in range(40)], ["z"], name="z"))
    assert fp.from_onnx(_written(made, path), output="y0") is not None
    made.graph.initializer[1].external_data[1].value = "0"
    chain = model(
        [node("Add", f"{f'h{i}' if i else 'x'} b{i}", f"h{i + 1}") for i in range(9)] + [node("Identity", "h9")],
        constants={f"b{i}": np.zeros(4, "f") for i in range(9)},
    )
    (tmp_path / "few.bin").write_bytes(bytes(24))
    for index, tensor in enumerate(chain.graph.initializer):
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="few.bin")
        tensor.external_data.add(key="offset", value=str(index))
    with pytest.raises(fp.ConversionError, match=r"overlap in 'few\.bin'"):
        fp.from_onnx(_written(chain, tmp_path / "chain.onnx"))


def _written(made: Any, path: Path) -> Path:
    path.write_bytes(made.SerializeToString())
    return path


def test_values_beside_count_for_max_bytes(tmp_path: Path) -> None:
    path = beside(tmp_path)
    size = path.stat().st_size + 4 * (W.size + B.size)
    with pytest.raises(fp.ConversionError, match=rf"more than max_bytes={size - 1}"):
        fp.from_onnx(path, max_bytes=size - 1)
    fp.from_onnx(path, max_bytes=size)


def test_a_model_in_memory_has_no_folder(tmp_path: Path) -> None:
    made = onnx.load(beside(tmp_path), load_external_data=False)
    with pytest.raises(fp.ConversionError, match=r"give from_onnx the path of the model, or load it with onnx\.load"):
        fp.from_onnx(made)


# ---- functions ----


def with_functions(depth: int, times: int, ends: bool = True) -> Any:
    """f0 calls f1 some times over, and so on to Tanh."""
    made = model([node("f0", "x", "h", domain="own"), node("MatMul", "h w")], constants={"w": W})
    opsets = [onnx.helper.make_opsetid("", 21), onnx.helper.make_opsetid("own", 1)]
    made.opset_import.append(opsets[1])
    for level in range(depth):
        last = level == depth - 1
        called, domain = ("Tanh", "") if last and ends else (f"f{(level + 1) % depth}", "own")
        body = [
            onnx.helper.make_node(called, [f"b{i}" if i else "a"], [f"b{i + 1}"], domain=domain) for i in range(times)
        ]
        made.functions.append(onnx.helper.make_function("own", f"f{level}", ["a"], [f"b{times}"], body, opsets))
    return made


def test_functions_of_the_model() -> None:
    net = fp.from_onnx(with_functions(2, 2))
    assert names(net) == ["Tanh"] * 4 + ["Linear"]
    assert_is(net, lambda x: np.tanh(np.tanh(np.tanh(np.tanh(x)))) @ W)


@pytest.mark.parametrize(
    ("depth", "times", "ends", "message"),
    [
        (20, 10, True, "come to 1" + "0" * 20 + " nodes"),
        (60, 1, True, "at most 50 deep"),
        (3, 1, False, "at most 50 deep"),
        (1, 1, False, "at most 50 deep"),
    ],
)
def test_functions_without_end(depth: int, times: int, ends: bool, message: str) -> None:
    with pytest.raises(fp.ConversionError, match=message):
        fp.from_onnx(with_functions(depth, times, ends))


# ---- outputs, order, types ----


def test_one_of_several_outputs() -> None:
    nodes = [node("Relu", "x", "r"), node("MatMul", "r w", "a"), node("MatMul", "r v", "b"), node("Tanh", "b", "y")]
    made = model(nodes, constants={"w": W, "v": W[:, :1]})
    made.graph.output.add(name="a")
    with pytest.raises(fp.ConversionError, match=r"2 outputs \('y', 'a'\): choose one, output='y'"):
        fp.from_onnx(made)
    with pytest.raises(fp.ConversionError, match=r"output: expected the name of an output, 'y', 'a', got 'z'"):
        fp.from_onnx(made, output="z")
    with pytest.raises(TypeError, match="output: expected the name of an output, got int"):
        fp.from_onnx(made, output=1)  # type: ignore[arg-type]  # wrong on purpose
    assert_is(fp.from_onnx(made, output="a"), lambda x: np.maximum(x, 0) @ W)
    assert names(fp.from_onnx(made, output="b")) == ["ReLU", "Linear"]


def test_the_network_before_an_end_that_is_not_supported() -> None:
    made = model([node("MatMul", "x w", "h"), node("ArgMax", "h", axis=1)], constants={"w": W})
    with pytest.raises(fp.ConversionError, match=r"\(ArgMax\): .*; output='h' gives the network before it"):
        fp.from_onnx(made)
    assert_is(fp.from_onnx(made, output="h"), lambda x: x @ W)


def test_nodes_out_of_order() -> None:
    nodes = [node("Add", "h b"), node("Tanh", "g", "h"), node("MatMul", "x w", "g")]
    assert_is(fp.from_onnx(model(nodes, constants={"w": W, "b": B})), lambda x: np.tanh(x @ W) + B)


@pytest.mark.parametrize("half", [10, 16], ids=["float16", "bfloat16"])
def test_halves_with_float32_ends(half: int) -> None:
    kind = onnx.helper.tensor_dtype_to_np_dtype(half)
    nodes = [
        *(node("Cast", "x", "a", to=half), node("MatMul", "a w", "b"), node("Relu", "b", "c")),
        *(node("Cast", "c", "d", to=1), node("Add", "d e", "f"), node("Cast", "f", to=1)),
    ]
    net = fp.from_onnx(model(nodes, constants={"w": W.astype(kind), "e": B}))
    assert net.dtype == np.float32
    np.testing.assert_array_equal(linear(net).weight, W.astype(kind).astype("f").T)
    assert names(net) == ["Linear", "ReLU", "Affine"]


def test_an_output_that_is_made_wider() -> None:
    net = fp.from_onnx(model([node("MatMul", "x w", "h"), node("Cast", "h", to=11)], constants={"w": W}))
    assert net.dtype == np.float32
    assert_is(net, lambda x: x @ W)


@pytest.mark.parametrize("operator", ["DequantizeLinear", "QLinearMatMul", "DynamicQuantizeLinear", "MatMulInteger"])
def test_a_quantised_model_is_refused_in_those_words(operator: str) -> None:
    with pytest.raises(fp.ConversionError, match="the model is quantised: convert the float model"):
        fp.from_onnx(model([node(operator, "x w", "h"), node("Relu", "h")], constants={"w": W}))


def test_a_column_each_is_refused_with_the_option() -> None:
    made = model([node("Concat", "x z", axis=1)])
    made.graph.input.append(onnx.helper.make_tensor_value_info("z", 1, ("N", 1)))
    with pytest.raises(fp.ConversionError, match=r"2 inputs \('x', 'z'\).*initial_types=\[\(.x., FloatTensorType"):
        fp.from_onnx(made)


# ---- what ONNX Runtime's optimiser writes ----


def microsoft(*nodes: Any, **constants: Any) -> Any:
    made = model([*nodes], constants=constants)
    made.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
    return made


def test_quick_gelu() -> None:
    for alpha in (1.702, 1.0, 0.5):
        net = fp.from_onnx(microsoft(node("QuickGelu", "x", domain="com.microsoft", alpha=alpha)))
        assert_is(net, lambda x, alpha=alpha: x / (1 + np.exp(-np.float32(alpha) * x)))  # type: ignore[misc]


@pytest.mark.parametrize("operator", ["Gelu", "BiasGelu", "FastGelu"])
def test_gelu(operator: str) -> None:
    bias = [] if operator == "Gelu" else ["b"]
    made = microsoft(node(operator, " ".join(["x", *bias]), domain="com.microsoft"), b=draw(4))
    shift = draw(4).astype(float) if bias else np.zeros(4)

    def by_tanh(x: Any) -> Any:
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))

    assert_is(fp.from_onnx(made), lambda x: (by_tanh if operator == "FastGelu" else gelu)(x + shift))


@pytest.mark.parametrize("turned", [False, True])
def test_fused_matmul(turned: bool) -> None:
    made = microsoft(
        node("FusedMatMul", "x w", domain="com.microsoft", alpha=0.5, transB=int(turned)), w=W.T if turned else W
    )
    assert_is(fp.from_onnx(made), lambda x: 0.5 * (x @ W))


FUSED: dict[str, tuple[dict[str, Any], Any]] = {
    "Relu": ({}, lambda y: np.maximum(y, 0)),
    "Tanh": ({}, np.tanh),
    "Sigmoid": ({}, lambda y: 1 / (1 + np.exp(-y))),
    "Softplus": ({}, lambda y: np.logaddexp(y, 0)),
    "Softsign": ({}, lambda y: y / (1 + np.abs(y))),
    "LeakyRelu": ({"activation_alpha": 0.25}, lambda y: np.where(y < 0, y / 4, y)),
    "Elu": ({}, lambda y: np.where(y < 0, np.expm1(y), y)),
}


@pytest.mark.parametrize("activation", FUSED)
def test_fused_gemm(activation: str) -> None:
    options, function = FUSED[activation]
    gemm = node("FusedGemm", "x w b", domain="com.microsoft", alpha=0.5, transB=1, activation=activation, **options)
    net = fp.from_onnx(microsoft(gemm, w=W.T, b=B))
    assert names(net)[0] == "Linear"
    assert_is(net, lambda x: function(0.5 * (x @ W) + B))


def test_an_unknown_activation_of_fused_gemm() -> None:
    gemm = node("FusedGemm", "x w b", domain="com.microsoft", activation="HardSigmoid")
    with pytest.raises(fp.ConversionError, match=r"its activation 'HardSigmoid' is not supported"):
        fp.from_onnx(microsoft(gemm, w=W, b=B))
