"""Graphs as nobody exports them today, but as ONNX has them: every attribute, order of operands and grouping."""

import math
from typing import Any

import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper
import pytest

import forwardpass as fp
from forwardpass.convert.verification import rows_for
from tests.support.onnx_models import TYPES, assert_is, draw, gelu, linear, model, names, node, written

W, B = draw(4, 3), draw(3)


# ---- products ----


@pytest.mark.parametrize("alpha", [1.0, 0.5, -1.75])
@pytest.mark.parametrize("beta", [1.0, 0.0, 3.0])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("bias", [None, (), (1,), (3,), (1, 3), (1, 1)], ids=str)
def test_gemm(alpha: float, beta: float, transposed: bool, bias: tuple[int, ...] | None) -> None:
    C = None if bias is None else draw(*bias)
    constants = {"w": W.T if transposed else W} | ({} if C is None else {"c": C})
    gemm = node("Gemm", "x w" if C is None else "x w c", alpha=alpha, beta=beta, transB=int(transposed))
    net = fp.from_onnx(model([gemm], constants=constants))
    assert names(net) == ["Linear"]
    assert_is(net, lambda x: alpha * (x @ W) + beta * (0.0 if C is None else C))


@pytest.mark.parametrize("first_transposed", [False, True], ids=["A", "A^T"])
@pytest.mark.parametrize("second_transposed", [False, True], ids=["B", "B^T"])
def test_gemm_with_the_weight_on_the_left(first_transposed: bool, second_transposed: bool) -> None:
    """W @ x^T gives columns, which the next takes as its transposed A."""
    nodes = [
        *([] if second_transposed else [node("Transpose", "x", "t", perm=[1, 0])]),
        node(
            "Gemm",
            f"w {'x' if second_transposed else 't'} c",
            "h",
            transA=int(first_transposed),
            transB=int(second_transposed),
        ),
        node("Tanh", "h", "a"),
        node("Gemm", "a v", "y", transA=1),
    ]
    V = draw(3, 2)
    net = fp.from_onnx(model(nodes, constants={"w": W if first_transposed else W.T, "c": B[:, None], "v": V}))
    assert names(net) == ["Linear", "Tanh", "Linear"]
    assert_is(net, lambda x: np.tanh(x @ W + B) @ V)


@pytest.mark.parametrize("order", ["h b", "b h"])
def test_matmul_and_bias_in_both_orders(order: str) -> None:
    net = fp.from_onnx(model([node("MatMul", "x w", "h"), node("Add", order)], constants={"w": W, "b": B}))
    assert names(net) == ["Linear"]
    assert_is(net, lambda x: x @ W + B)


def test_matmul_of_one_row_with_the_weight_on_the_left() -> None:
    net = fp.from_onnx(model([node("MatMul", "w x", "h"), node("Add", "b h")], (4,), {"w": W.T, "b": B}))
    assert_is(net, lambda x: x @ W + B)


def test_weights_are_the_very_same() -> None:
    net = fp.from_onnx(model([node("MatMul", "x w", "h"), node("Sub", "h b")], constants={"w": W, "b": B}))
    np.testing.assert_array_equal(linear(net).weight, W.T)
    np.testing.assert_array_equal(linear(net).bias, -B)


def test_a_bias_times_zero_is_not_read() -> None:
    gemm = node("Gemm", "x w c", beta=0.0)
    net = fp.from_onnx(model([gemm], constants={"w": W, "c": np.full(3, np.nan, np.float32)}))
    assert linear(net).bias is None


def test_what_is_scaled_after_a_product() -> None:
    net = fp.from_onnx(written("MatMul x w h; Mul h b a; Add a b y", w=W, b=B))
    assert names(net) == ["Linear", "Affine"]
    assert_is(net, lambda x: x @ W * B + B)


def test_two_biases() -> None:
    nodes = [node("Gemm", "x w b", "h"), node("Add", "h c")]
    net = fp.from_onnx(model(nodes, constants={"w": W, "b": B, "c": 2 * B}))
    assert_is(net, lambda x: x @ W + 3 * B)


# ---- one constant for each feature ----

S = np.array([0.5, -2.0, 3.0, 0.25], np.float32)
P = np.abs(S)


@pytest.mark.parametrize("shape", [(), (1,), (4,), (1, 4), (1, 1)], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("operator", "order", "function"),
    [
        ("Add", "x c", lambda x, c: x + c),
        ("Add", "c x", lambda x, c: c + x),
        ("Sub", "x c", lambda x, c: x - c),
        ("Sub", "c x", lambda x, c: c - x),
        ("Mul", "x c", lambda x, c: x * c),
        ("Mul", "c x", lambda x, c: c * x),
        ("Div", "x c", lambda x, c: x / c),
        ("Max", "x c", np.maximum),
        ("Max", "c x", np.maximum),
        ("Min", "x c", np.minimum),
    ],
)
def test_arithmetic(operator: str, order: str, function: Any, dtype: str, shape: tuple[int, ...]) -> None:
    c = (S if math.prod(shape) == 4 else S[1:2]).reshape(shape).astype(dtype)
    net = fp.from_onnx(model([node(operator, order)], constants={"c": c}, dtype=dtype))
    assert len(net) == 1
    assert_is(net, lambda x: function(x, c.astype(float)), dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("operators", "layers", "function"),
    [
        ("Sub Div", ["Normalize"], lambda x, s, p: (x - s) / p),
        ("Mul Add", ["Affine"], lambda x, s, p: x * s + p),
        ("Div Sub", None, lambda x, s, p: x / s - p),
        ("Sub Mul", None, lambda x, s, p: (x - s) * p),
        ("Add Mul Sub Div", None, lambda x, s, p: ((x + s) * p - s) / p),
        ("Sub Div Max Min", ["Normalize", "Clip", "Clip"], lambda x, s, p: np.minimum(np.maximum((x - s) / p, s), p)),
    ],
)
def test_scalers(operators: str, layers: list[str] | None, function: Any, dtype: str) -> None:
    nodes, last = [], "x"
    for index, operator in enumerate(operators.split()):
        nodes.append(node(operator, f"{last} {'sp'[index % 2]}", f"y{index}"))
        last = f"y{index}"
    nodes.append(node("Identity", last))
    net = fp.from_onnx(model(nodes, constants={"s": S.astype(dtype), "p": P.astype(dtype)}, dtype=dtype))
    assert layers is None or names(net) == layers
    assert_is(net, lambda x: function(x, S.astype(float), P.astype(float)), dtype)


@pytest.mark.parametrize("operators", ["Sub x m a; Div a s h", "Mul x s a; Sub a m h"])
def test_scalers_are_verified_where_they_matter(operators: str) -> None:
    """Not only where all rows that are near 0 saturate."""
    text = operators + "; MatMul h w b; Tanh b y"
    net = fp.from_onnx(written(text, m=np.full(4, 1e6, np.float32), s=np.full(4, 0.5, np.float32), w=W))
    assert net.verification.rows == 2 * len(rows_for(4, np.dtype(np.float32)))
    assert net.verification.largest_ulps > 0


@pytest.mark.parametrize("many", [False, True])
def test_scaler_of_skl2onnx(many: bool) -> None:
    offset, scale = (S.tolist(), P.tolist()) if many else ([0.5], [3.0])
    net = fp.from_onnx(model([node("Scaler", "x", domain="ai.onnx.ml", offset=offset, scale=scale)]))
    assert_is(net, lambda x: (x - np.array(offset)) * np.array(scale))


def test_probabilities_of_two_classes_are_exact() -> None:
    nodes = [
        *(node("Gemm", "x w", "h"), node("Sigmoid", "h", "p")),
        *(node("Sub", "one p", "q"), node("Concat", "q p", axis=1)),
    ]
    net = fp.from_onnx(model(nodes, constants={"w": W[:, :1], "one": np.ones(1, np.float32)}))
    y = net(draw(50, 4))
    np.testing.assert_array_equal(y[:, 0], 1 - y[:, 1])


# ---- residual blocks ----


@pytest.mark.parametrize("order", ["x c", "c x"])
def test_residual(order: str) -> None:
    text = f"MatMul x w a; Tanh a b; MatMul b v c; Add {order} s; Relu s y"
    V = draw(3, 4)
    net = fp.from_onnx(written(text, w=W, v=V))
    assert names(net) == ["Residual", "ReLU"]
    assert_is(net, lambda x: np.maximum(x + np.tanh(x @ W) @ V, 0))


def test_residual_of_a_written_out_activation() -> None:
    net = fp.from_onnx(written("Div x root a; Erf a b; Add b one c; Mul x c d; Mul d half e; Add e x y"))
    assert names(net) == ["Residual"]
    assert_is(net, lambda x: x + gelu(x))


def test_twice_the_same() -> None:
    net = fp.from_onnx(written("Tanh x a; Add a a y"))
    assert_is(net, lambda x: 2 * np.tanh(x))


def test_many_residual_blocks() -> None:
    """Every one doubles the ways from the output to the input."""
    text = "; ".join(f"Tanh {f's{i}' if i else 'x'} t{i}; Add {f's{i}' if i else 'x'} t{i} s{i + 1}" for i in range(60))
    assert names(fp.from_onnx(written(text + "; Identity s60 y"))) == ["Residual"] * 60


def test_residuals_inside_each_other() -> None:
    text = "Tanh x a; " + "; ".join(f"Sigmoid {'a' if i == 0 else f'r{i - 1}'} r{i}" for i in range(20))
    text += "; " + "; ".join(
        f"Add {'r19' if i == 19 else f's{i + 1}'} {f'r{i - 1}' if i else 'a'} s{i}" for i in range(19, -1, -1)
    )
    net = fp.from_onnx(written(text + "; Identity s0 y"))
    depth, inner = 0, net[1]
    while isinstance(inner, fp.Residual):
        depth, inner = depth + 1, inner.inner[-1] if isinstance(inner.inner, fp.Sequential) else inner.inner
    assert depth == 20


# ---- types and shapes ----


@pytest.mark.parametrize("typed", [False, True], ids=["raw", "typed"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_initializers_are_exact(dtype: str, typed: bool) -> None:
    w = draw(4, 3).astype(onnx.helper.tensor_dtype_to_np_dtype(TYPES[dtype]))
    made = model([node("MatMul", "x w")], constants={"w": w}, dtype=dtype)
    if typed:
        fields = {"float32": "float_data", "float64": "double_data"}
        values = w.reshape(-1).tolist() if dtype in fields else w.reshape(-1).view(np.uint16).tolist()
        made.graph.initializer[0].ClearField("raw_data")
        getattr(made.graph.initializer[0], fields.get(dtype, "int32_data")).extend(values)
    net = fp.from_onnx(made)
    assert net.dtype == (np.float64 if dtype == "float64" else np.float32)
    np.testing.assert_array_equal(linear(net).weight, w.astype(np.float64).T)


def test_weights_that_are_cast() -> None:
    nodes = [node("Cast", "h", "w", to=1), node("Transpose", "w", "t", perm=[1, 0]), node("MatMul", "x t")]
    net = fp.from_onnx(model(nodes, constants={"h": W.T.astype(np.float16)}))
    np.testing.assert_array_equal(linear(net).weight, W.T.astype(np.float16))


def test_input_that_is_cast() -> None:
    made = model([node("Cast", "x", "h", to=1), node("MatMul", "h w")], constants={"w": W}, dtype="float64")
    made.graph.output[0].type.tensor_type.elem_type = 1
    net = fp.from_onnx(made)
    x = np.random.default_rng(0).normal(size=(5, 4))
    assert net(x).dtype == np.float32
    np.testing.assert_array_equal(net(x), net(x.astype(np.float32)))


@pytest.mark.parametrize(
    ("shape", "dims"),
    [
        ([0, -1], ("N", 4)),
        ([-1, 4], ("N", 4)),
        ([5, 4], (5, 4)),
        ([-1, 4], ("N", 2, 2)),
        ([0, -1], ("N", 2, 2)),
        ([5, -1], (5, 2, 2)),
    ],
)
def test_reshape(shape: list[int], dims: Any) -> None:
    nodes = [node("Mul", "x half", "a"), node("Relu", "a", "b"), node("Reshape", "b shape", "c"), node("MatMul", "c w")]
    net = fp.from_onnx(model(nodes, dims, {"half": 0.5, "shape": np.array(shape), "w": W}))
    assert_is(net, lambda x: np.maximum(x / 2, 0) @ W)


def test_more_dimensions() -> None:
    nodes = [node("MatMul", "x w", "a"), node("Add", "a b", "c"), node("Softmax", "c", axis=2)]
    net = fp.from_onnx(model(nodes, (2, "T", 4), {"w": W, "b": B.reshape(1, 1, 3)}))
    assert net(draw(2, 5, 4)).shape == (2, 5, 3)


@pytest.mark.parametrize("dims", [("N", None), (None, None), (3, "K")])
def test_unknown_width(dims: Any) -> None:
    assert_is(fp.from_onnx(model([node("MatMul", "x w")], dims, {"w": W})), lambda x: x @ W)
    assert_is(fp.from_onnx(model([node("Tanh", "x")], dims)), np.tanh)


def test_dead_nodes_do_not_matter() -> None:
    nodes = [node("MatMul", "x w"), node("TopK", "y k", "top"), node("Loop", "x x x", "nothing")]
    assert_is(fp.from_onnx(model(nodes, constants={"w": W, "k": np.array([1])})), lambda x: x @ W)


def test_initializers_that_are_inputs_too() -> None:
    """Until IR version 3 all of them had to be."""
    made = model([node("MatMul", "x w")], constants={"w": W}, opset=9)
    made.graph.input.append(onnx.helper.make_tensor_value_info("w", 1, W.shape))
    made.ir_version = 3
    assert_is(fp.from_onnx(made), lambda x: x @ W)
