"""Activations as one node, and written out in sums and products as exporters do."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import forwardpass as fp
from tests.support import Array
from tests.support.onnx_models import assert_is, draw, gelu, model, names, node, written

# A weight that has negative values, and one that has not.
S = np.array([0.5, -2.0, 3.0, 0.25], np.float32)
P = np.abs(S)


def gelu_by_tanh(x: Array) -> Array:
    y: Array = 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return y


def silu(x: Array) -> Array:
    y: Array = x / (1 + np.exp(-x))
    return y


def elu(x: Array, alpha: float) -> Array:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


SELU = (1.67326319217681884765625, 1.05070102214813232421875)
OPERATORS: dict[str, tuple[Any, str, Callable[[Array], Array]]] = {
    "Relu": (node("Relu", "x"), "ReLU", lambda x: np.maximum(x, 0)),
    "LeakyRelu": (node("LeakyRelu", "x"), "LeakyReLU", lambda x: np.where(x > 0, x, float(np.float32(0.01)) * x)),
    "LeakyRelu 0.5": (node("LeakyRelu", "x", alpha=0.5), "LeakyReLU", lambda x: np.where(x > 0, x, 0.5 * x)),
    "Elu": (node("Elu", "x"), "ELU", lambda x: elu(x, 1.0)),
    "Elu 2": (node("Elu", "x", alpha=2.0), "ELU", lambda x: elu(x, 2.0)),
    "Selu": (node("Selu", "x"), "SELU", lambda x: SELU[1] * elu(x, SELU[0])),
    "Selu 2 0.5": (node("Selu", "x", alpha=2.0, gamma=0.5), "ELU", lambda x: 0.5 * elu(x, 2.0)),
    "Gelu": (node("Gelu", "x"), "GELU", gelu),
    "Gelu tanh": (node("Gelu", "x", approximate="tanh"), "GELU", gelu_by_tanh),
    "Softplus": (node("Softplus", "x"), "Softplus", lambda x: np.logaddexp(x, 0)),
    "Tanh": (node("Tanh", "x"), "Tanh", np.tanh),
    "Sigmoid": (node("Sigmoid", "x"), "Sigmoid", lambda x: 1 / (1 + np.exp(-x))),
    "Softmax": (node("Softmax", "x"), "Softmax", lambda x: np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)),
    "LogSoftmax": (node("LogSoftmax", "x"), "LogSoftmax", lambda x: x - np.log(np.exp(x).sum(axis=1, keepdims=True))),
    "Identity": (node("Identity", "x"), "Identity", lambda x: x),
    "Dropout": (node("Dropout", "x"), "Identity", lambda x: x),
    "Flatten": (node("Flatten", "x"), "Flatten", lambda x: x),
    "Cast": (node("Cast", "x", to=1), "Identity", lambda x: x),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPERATORS)
def test_operator(name: str, dtype: str) -> None:
    made, layer, function = OPERATORS[name]
    if name == "Cast":
        made = node("Cast", "x", to={"float32": 1, "float64": 11}[dtype])
    net = fp.from_onnx(model([made], dtype=dtype))
    assert names(net)[0] == (layer if (name, dtype) != ("Selu", "float64") else "ELU")
    assert_is(net, function, dtype)


def test_swish() -> None:
    net = fp.from_onnx(model([node("Swish", "x")], opset=24))
    assert names(net) == ["SiLU"]
    assert_is(net, silu)


@pytest.mark.parametrize("opset", [7, 13])
@pytest.mark.parametrize("limits", [(-1.0, 2.0), (-1.0, None), (None, 2.0), (None, None)], ids=str)
def test_clip(limits: tuple[float | None, float | None], opset: int) -> None:
    """Limits are attributes at first, and then inputs, of which either may be missing."""
    given: dict[str, Any] = {
        name: limit for name, limit in zip(("min", "max"), limits, strict=True) if limit is not None
    }
    if opset == 7:
        made = model([node("Clip", "x", **given)], opset=opset)
    else:
        inputs = " ".join(["x", *(name if name in given else "-" for name in ("min", "max"))])
        made = model([node("Clip", inputs)], constants=dict(given), opset=opset)
    assert_is(fp.from_onnx(made), lambda x: np.clip(x, given.get("min", -np.inf), given.get("max", np.inf)))


@pytest.mark.parametrize(("opset", "axis"), [(7, None), (12, 1), (12, -1), (13, None), (13, 1), (21, -1)])
def test_softmax_over_the_last_axis(opset: int, axis: int | None) -> None:
    made = node("Softmax", "x") if axis is None else node("Softmax", "x", axis=axis)
    assert names(fp.from_onnx(model([made], opset=opset))) == ["Softmax"]


# Activations written out: text of nodes, one a line, and what it is.
WRITTEN: dict[str, tuple[str, str, Callable[[Array], Array]]] = {
    "GELU of torch": ("Div h root a; Erf a b; Add b one c; Mul h c d; Mul d half y", "GELU", gelu),
    "GELU halved first": ("Mul half h g; Mul h inverse a; Erf a b; Add one b c; Mul c g y", "GELU", gelu),
    "GELU halved in between": ("Div h root a; Erf a b; Add b one c; Mul c half d; Mul d h y", "GELU", gelu),
    "GELU multiplied out": ("Div h root a; Erf a b; Mul h b c; Add c h d; Mul d half y", "GELU", gelu),
    "GELU by tanh of torch": (
        "Mul h h a; Mul h a b; Mul cubic b c; Add h c d; Mul factor d e; Tanh e f; Add one f g; Mul h g i; "
        "Mul half i y",
        "GELU",
        gelu_by_tanh,
    ),
    "GELU by tanh with Pow": (
        "Pow h three a; Mul a cubic b; Add b h c; Mul c factor d; Tanh d e; Add e one f; Mul f half g; Mul g h y",
        "GELU",
        gelu_by_tanh,
    ),
    "GELU by tanh factored": (
        "Mul h h a; Mul a cubic b; Add b one c; Mul c h d; Mul d factor e; Tanh e f; Add f one g; Mul g half i; "
        "Mul i h y",
        "GELU",
        gelu_by_tanh,
    ),
    "SiLU": ("Sigmoid h a; Mul h a y", "SiLU", silu),
    "SiLU in the other order": ("Sigmoid h a; Mul a h y", "SiLU", silu),
    "SiLU doubled": ("Sigmoid h a; Mul a h b; Mul b two y", "SiLU", lambda x: 2 * silu(x)),
    "SiLU of the double": ("Mul h two g; Sigmoid g a; Mul a g y", "Affine", lambda x: silu(2 * x)),
    "Softplus of beta": ("Mul h two a; Softplus a b; Div b two y", "Softplus", lambda x: np.logaddexp(2 * x, 0) / 2),
    "Softplus doubled": ("Softplus h b; Mul b two y", "Softplus", lambda x: 2 * np.logaddexp(x, 0)),
    "Softplus with a threshold": (
        "Softplus h a; Greater h three t; Where t h a y",
        "Softplus",
        lambda x: np.where(x > 3, x, np.logaddexp(x, 0)),
    ),
    "Softplus of beta with a threshold": (
        "Mul h two g; Softplus g a; Div a two b; Greater g three t; Where t h b y",
        "Softplus",
        lambda x: np.where(2 * x > 3, x, np.logaddexp(2 * x, 0) / 2),
    ),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", WRITTEN)
def test_written_out(name: str, dtype: str) -> None:
    """After a Linear, so that what x is made of is a sum as well."""
    text, layer, function = WRITTEN[name]
    w = draw(4, 4).astype(dtype)
    net = fp.from_onnx(
        written("MatMul x weight g0; Add g0 bias h; " + text, dtype=dtype, weight=w, bias=draw(4).astype(dtype))
    )
    assert names(net)[:2] == ["Linear", layer]
    assert_is(net, lambda x: function(x @ w.astype(float) + draw(4).astype(float)), dtype)


@pytest.mark.parametrize("order", ["v e", "e v"])
@pytest.mark.parametrize("weights", ["", "; Mul y0 w y1; Add y1 b y", "; Mul w y0 y"])
def test_layer_norm_written_out(weights: str, order: str) -> None:
    """As from opset 18 on, where the axis is an input; torch's exporter shows what is before."""
    text = f"ReduceMean x last m; Sub x m d; Pow d two p; ReduceMean p last v; Add {order} s; Sqrt s r; Div d r "
    made = written(text + ("y0" if weights else "y") + weights, w=S, b=P, e=0.125, last=np.array([-1]))
    net = fp.from_onnx(made)
    assert names(net) == ["LayerNorm"]
    w, b = (S if weights else 1.0), (P if "Add" in weights else 0.0)
    assert_is(net, lambda x: (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 0.125) * w + b)
