"""What from_onnx does not know it refuses, naming the node and what is wrong with it."""

from typing import Any

import numpy as np
import onnx
import onnx.helper
import pytest

import forwardpass as fp
from tests.support.onnx_models import draw, model, node, written

W = draw(4, 3)
SQUARE = draw(4, 4)


def affine(operator: str, inputs: str, **constants: Any) -> Any:
    return model([node(operator, inputs)], constants=constants)


def normalized(**attributes: Any) -> Any:
    names = dict.fromkeys("abcd", np.ones(4, np.float32))
    return model([node("BatchNormalization", "x a b c d", **attributes)], constants=names, opset=14)


def layer_norm(**attributes: Any) -> Any:
    return model([node("LayerNormalization", "x w", **attributes)], constants={"w": np.ones(4, np.float32)})


def flat(operator: str, dims: Any, *before: Any, **attributes: Any) -> Any:
    """A Flatten or Reshape to 8 after other nodes, of which the last is "h"."""
    inputs = "h shape" if operator == "Reshape" else "h"
    constants = {"shape": np.array(attributes.pop("shape", [0, -1])), "w": draw(4, 4), "v": draw(8, 2)}
    constants |= {name: attributes.pop(name) for name in ("r",) if name in attributes}
    nodes = [*(before or [node("Relu", "x", "h")]), node(operator, inputs, "f", **attributes), node("MatMul", "f v")]
    return model(nodes, dims, constants)


# The message to expect, and the model.
UNSUPPORTED: dict[str, tuple[str, Any]] = {
    "unknown operator": (r"node 'y' \(Sin\): this operator", model([node("Sin", "x")])),
    "unknown domain": (r"node 'y' \(my.own.Gelu\): this op", model([node("Gelu", "x", domain="my.own")])),
    "Normalizer": (r"\(ai.onnx.ml.Normalizer\)", model([node("Normalizer", "x", domain="ai.onnx.ml", norm="L2")])),
    "node without a name": (r"node 0 \(Sin\)", model([onnx.helper.make_node("Sin", ["x"], ["y"])])),
    "Erf": (r"\(Erf\)", model([node("Erf", "x")])),
    "x times tanh": (r"node 'y' \(Mul\): both", model([node("Tanh", "x", "t"), node("Mul", "x t")])),
    "half of erf": (r"\(Mul\): both", written("Erf x b; Add b one c; Mul c x d; Mul d half y")),
    "erf subtracted": (
        r"\(Mul\): both",
        written("Mul x inverse a; Erf a b; Sub one b c; Mul c x d; Mul d half y"),
    ),
    "another cubic": (
        r"\(Mul\): both",
        written(
            "Pow x three a; Mul a half b; Add b x c; Mul c factor d; Tanh d e; Add e one f; Mul f half g; Mul g x y"
        ),
    ),
    "Softplus with a threshold of another beta": (
        r"\(Where\): only torch's",
        written("Softplus x a; Mul x two g; Greater g three t; Where t x a y"),
    ),
    "LayerNorm by cubes": (
        r"\(Div\): both",
        written(
            "ReduceMean x last m; Sub x m d; Pow d three p; ReduceMean p last v; Add v half s; Sqrt s r; Div d r y",
            last=np.array([-1]),
        ),
    ),
    "Where": (
        r"\(Where\): only torch's",
        model([node("Greater", "x c", "t"), node("Where", "t x x")], constants={"c": 0.0}),
    ),
    "two branches": (
        r"node 'y' \(Add\): neither",
        model(
            [node("MatMul", "x w", "a"), node("MatMul", "x v", "b"), node("Add", "a b")],
            constants={"w": SQUARE, "v": SQUARE},
        ),
    ),
    "residual of another width": (
        r"node 'y' \(Add\): the two values that it adds have 4 and 1 features",
        model([node("MatMul", "x w", "a"), node("Add", "a x")], constants={"w": W[:, :1]}),
    ),
    "two factors of the input": (
        r"\(MatMul\): neither",
        model([node("Transpose", "x", "t", perm=[1, 0]), node("MatMul", "x t")]),
    ),
    "weight of three dimensions": (r"expected a weight of 2 dim", affine("MatMul", "x w", w=draw(2, 4, 3))),
    "weight for others": (
        r"node 'y' \(MatMul\): it is for 5 features, and gets 4",
        affine("MatMul", "x w", w=draw(5, 3)),
    ),
    "weight of another type": (
        r"its constant 'w' is float64, its data float32",
        affine("MatMul", "x w", w=W.astype(float)),
    ),
    "weight on the left": (r"node 'y' \(MatMul\): it takes its data transposed", affine("MatMul", "w x", w=SQUARE)),
    "transposed data": (
        r"node 'y' \(Gemm\): it takes its data transposed",
        model([node("Gemm", "x w", transA=1)], constants={"w": SQUARE}),
    ),
    "transposed output": (
        r"the output of the model is transposed",
        model([node("Gemm", "w x", transB=1)], constants={"w": W.T}),
    ),
    "bias of the input": (r"node 'y' \(Gemm\): its input 'x' is no constant", affine("Gemm", "x w x", w=SQUARE)),
    "bias for each row": (r"more than one value for each", affine("Gemm", "x w b", w=SQUARE, b=draw(4, 1))),
    "constant for each row": (r"more than one value for each", affine("Add", "x c", c=draw(5, 4))),
    "constant of more dimensions": (r"makes the 2 dimensions more", affine("Add", "x c", c=draw(1, 1, 4))),
    "constant for more features": (
        r"it is for 4 features, and gets 1",
        model([node("Add", "x c")], ("N", 1), {"c": draw(4)}),
    ),
    "constant divided": (r"a constant divided", affine("Div", "c x", c=draw(4))),
    "scalar for any width": (r"does not say how many", model([node("Add", "x c")], ("N", None), {"c": 1.0})),
    "attribute": (r"\(LeakyRelu\): its attribute 'beta'", model([node("LeakyRelu", "x", beta=1.0)])),
    "attribute of another kind": (
        r"its attribute 'alpha' is of another kind",
        model([node("LeakyRelu", "x", alpha=1)]),
    ),
    "GELU of another kind": (r"node 'y' \(Gelu\): approximate", model([node("Gelu", "x", approximate="quick")])),
    "Swish": (r"sigmoid\(0 x\)", model([node("Swish", "x", alpha=0.0)], opset=24)),
    "limits out of order": (r"\(Clip\): expected limits in order", affine("Clip", "x a b", a=2.0, b=1.0)),
    "limits for each feature": (r"\(Clip\): expected a single limit", affine("Clip", "x a", a=draw(4))),
    "limits of the input": (r"\(Clip\): its input 'x' is no constant", affine("Clip", "x x")),
    "Max of three": (r"\(Max\): expected 2 inputs", affine("Max", "x a a", a=1.0)),
    "softmax over rows": (r"\(Softmax\): its axis 0 is not the last", model([node("Softmax", "x", axis=0)])),
    "softmax of opset 12 over more": (r"axis 1 is not the last", model([node("Softmax", "x")], ("N", 3, 4), opset=12)),
    "softmax over the rows of columns": (
        r"its axis 1 is not the last of 2",
        model([node("Transpose", "x", "t"), node("Softmax", "t", axis=1)]),
    ),
    "softmax of opset 12 over columns": (
        r"its axis 0 is not the last of 2",
        model([node("Transpose", "x", "t"), node("Softmax", "t", axis=0)], opset=12),
    ),
    "softmax without an axis": (r"axis 2 does not exist", model([node("Softmax", "x", axis=2)])),
    "training": (r"\(BatchNormalization\): it is in training mode", normalized(training_mode=1)),
    "variance that is negative": (
        r"running_var",
        affine("BatchNormalization", "x a a a b", a=draw(4), b=-np.ones(4, np.float32)),
    ),
    "batches of more dimensions": (
        r"\(BatchNormalization\): its axis 1 is not the last of 3",
        model([node("BatchNormalization", "x a a a a")], ("N", 4, 4), {"a": np.ones(4, np.float32)}),
    ),
    "LayerNorm over more": (r"axis 0 is not the last", layer_norm(axis=0)),
    "LayerNorm in float16": (r"its stash_type 10", layer_norm(stash_type=10)),
    "dropout in training": (
        r"node 'y' \(Dropout\): it is in training mode",
        affine("Dropout", "x r t", r=0.5, t=np.array(True)),
    ),
    "mask of a dropout": (
        r"its result 'm'",
        model([onnx.helper.make_node("Dropout", ["x"], ["h", "m"]), node("Relu", "m")]),
    ),
    "cast": (r"node 'y' \(Cast\): a cast", model([node("Tanh", "x", "h"), node("Cast", "h", to=11)])),
    "cast after weights": (
        r"node 'c' \(Cast\): a cast to another type",
        model([node("MatMul", "x w", "h"), node("Cast", "h", "c", to=11), node("Tanh", "c")], constants={"w": W}),
    ),
    "cast without weights": (r"node 'h' \(Cast\)", model([node("Cast", "x", "h", to=11), node("Tanh", "h")])),
    "flatten to one row": (r"node 'f' \(Flatten\): its axis 0", flat("Flatten", (1, 2, 4), axis=0)),
    "flatten after a product": (
        r"node 'h' \(MatMul\): before a node that flattens",
        flat("Flatten", ("N", 2, 4), node("MatMul", "x w", "h")),
    ),
    "flatten after a softmax": (
        r"node 'h' \(Softmax\): before",
        flat("Flatten", ("N", 2, 4), node("Softmax", "x", "h")),
    ),
    "flatten after a scaler of rows": (
        r"more than one value for each of \[2, 4\]",
        flat("Flatten", (5, 2, 4), node("Add", "x r", "h"), r=draw(5, 2, 4)),
    ),
    "flatten of columns": (
        r"only a Flatten that flattens the input",
        model([node("Transpose", "x", "t"), node("Flatten", "t", "f"), node("Transpose", "f")]),
    ),
    "reshape to two unknowns": (r"node 'f' \(Reshape\): from", flat("Reshape", ("N", 2, 4), shape=[-1, -1])),
    "reshape to another width": (r"node 'f' \(Reshape\): from", flat("Reshape", ("N", 4), shape=[0, 8])),
    "reshape by the rows of another value": (
        r"node 'f' \(Reshape\): its shape is neither",
        written(
            "Shape x s; Gather s zero n; Unsqueeze n first r; Concat r rest q; Tanh x h; Reshape h q f; MatMul f w y",
            zero=np.array(0),
            first=np.array([0]),
            rest=np.array([-1]),
            w=W,
        ),
    ),
    "reshape to other rows": (r"node 'f' \(Reshape\): from", flat("Reshape", ("N", 4), shape=[-1, 8])),
    "reshape to more dimensions": (r"node 'f' \(Reshape\): from", flat("Reshape", ("N", 2, 4), shape=[0, 2, 2, 2])),
    "reshape to no rows": (r"node 'f' \(Reshape\)", flat("Reshape", ("N", 2, 4), shape=[0, 8], allowzero=1)),
    "reshape to a shape of other data": (
        r"node 'f' \(Reshape\): its shape is neither",
        model(
            [node("Shape", "x", "s"), node("Tanh", "x", "h"), node("Reshape", "h s", "f"), node("MatMul", "f w")],
            constants={"w": W},
        ),
    ),
    "concat": (r"node 'y' \(Concat\): only", model([node("Concat", "x x", axis=1)])),
    "wide": (
        r"the input 'x': expected at most 1048576",
        model([node("Softmax", "x", "h"), node("Mul", "h c")], ("N", 2**40), {"c": 2.0}),
    ),
    "wide without a constant": (r"the input 'x': expected at most 1048576", model([node("Relu", "x")], ("N", 2**40))),
    "nested": (
        r"at most 50 residual blocks",
        model(
            [
                node("Tanh", "x", "r0"),
                *[node("Tanh", f"r{i}", f"r{i + 1}") for i in range(60)],
                *[node("Add", f"{'s' if i < 59 else 'r'}{i + 1} r{i}", f"s{i}") for i in range(59, -1, -1)],
                node("Identity", "s0"),
            ]
        ),
    ),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_refused_by_name(name: str) -> None:
    message, made = UNSUPPORTED[name]
    with pytest.raises(fp.ConversionError, match=message):
        fp.from_onnx(made)
