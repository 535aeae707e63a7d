"""ONNX models for the tests: node by node, and by the exporters of torch, scikit-learn and Keras."""

import io
import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper

import forwardpass as fp
from forwardpass.error_bound import agreement_bound
from tests.support import Array

WIDTH = 6  # of the models that exporters write
Shape = tuple[int | str | None, ...]
TYPES = {"float32": 1, "float16": 10, "float64": 11, "bfloat16": 16}


def model(
    nodes: list[Any],
    dims: Shape = ("N", 4),
    constants: dict[str, Any] | None = None,
    *,
    opset: int = 21,
    dtype: str = "float32",
    outputs: list[Any] | None = None,
) -> Any:
    """A model of nodes from "x" to "y"; constants of no dtype of their own get the model's."""
    tensors = []
    for name, value in (constants or {}).items():
        array = value if isinstance(value, np.ndarray) else np.array(value, np.dtype(dtype))
        tensors.append(onnx.numpy_helper.from_array(array, name))
    graph = onnx.helper.make_graph(
        nodes,
        "test",
        [onnx.helper.make_tensor_value_info("x", TYPES[dtype], dims)],
        outputs or [onnx.helper.make_tensor_value_info("y", TYPES[dtype], None)],
        tensors,
    )
    opsets = [onnx.helper.make_opsetid("", opset), onnx.helper.make_opsetid("ai.onnx.ml", 1)]
    return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8)


def node(operator: str, inputs: str, output: str = "y", *, domain: str = "", **attributes: Any) -> Any:
    """A node called as its output; inputs are separated by blanks, "-" is a missing one."""
    names = ["" if name == "-" else name for name in inputs.split()]
    return onnx.helper.make_node(operator, names, [output], name=output, domain=domain, **attributes)


def draw(*shape: int, seed: int = 0) -> Array:
    """float32 values, as weights have them."""
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


def by_torch(module: Any, example: Any, dynamo: bool, opset: int, free: bool = True) -> Any:
    """A module in eval mode as either of torch's exporters writes it, with a free number of rows or a fixed one."""
    import torch

    options: dict[str, Any] = {}
    if free:
        options = (
            {"dynamic_shapes": ({0: torch.export.Dim("rows")},)} if dynamo else {"dynamic_axes": {"x": {0: "rows"}}}
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if dynamo:
            return torch.onnx.export(
                module.eval(), (example,), dynamo=True, opset_version=opset, verbose=False, **options
            )
        file = io.BytesIO()
        torch.onnx.export(
            module.eval(), (example,), file, dynamo=False, opset_version=opset, input_names=["x"], **options
        )
        return onnx.load_model_from_string(file.getvalue())


def by_sklearn(estimator: Any, x: Array, **options: Any) -> Any:
    """A fitted estimator as skl2onnx writes it, for data of the dtype of x."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from skl2onnx import to_onnx

        return to_onnx(estimator, x[:1], options={id(estimator): options} if options else None)


def by_keras(network: Any, folder: Path) -> Path:
    """The file that Keras writes, on its torch backend."""
    network(np.zeros((2, *network.input_shape[1:]), np.float32))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network.export(folder / "net.onnx", format="onnx", verbose=False)
    return folder / "net.onnx"


CONSTANTS = {
    "root": math.sqrt(2), "inverse": math.sqrt(0.5), "half": 0.5, "one": 1.0, "two": 2.0, "three": 3.0,
    "factor": math.sqrt(2 / math.pi), "cubic": 0.044715, "minus": -1.0,
}  # fmt: skip


def written(text: str, dims: Any = ("N", 4), dtype: str = "float32", **constants: Any) -> Any:
    """A model of nodes in text, "Operator inputs output" each."""
    nodes = []
    for line in text.split(";"):
        operator, *inputs, output = line.split()
        nodes.append(node(operator, " ".join(inputs), output))
    return model(nodes, dims, CONSTANTS | constants, dtype=dtype)


def small_file() -> bytes:
    """A good file, with operators of several kinds."""
    nodes = [
        node("Gemm", "x w b", "h", transB=1),
        node("Gelu", "h", "g"),
        node("Add", "g h", "a"),
        node("Softmax", "a"),
    ]
    content: bytes = model(nodes, constants={"w": draw(4, 3).T, "b": draw(3)}).SerializeToString()
    return content


def assert_is(net: fp.Module, function: Callable[[Array], Array], dtype: Any = np.float32, width: int = 4) -> None:
    """The network is the function, given in float64."""
    x = np.random.default_rng(7).normal(0, 2, (50, width)).astype(dtype)
    with np.errstate(all="ignore"):
        expected = function(x.astype(np.float64))
    y = net(x)
    assert y.dtype == dtype
    assert y.shape == expected.shape
    assert (np.abs(y - expected) <= agreement_bound(net, x)).all()
    assert net.verification.rows > 60


def linear(net: fp.Sequential) -> fp.Linear:
    """Its first layer, which is one."""
    assert isinstance(net[0], fp.Linear)
    return net[0]


def names(net: Any) -> list[str]:
    return [type(layer).__name__ for layer in net]


erf = np.vectorize(math.erf)


def gelu(x: Array) -> Array:
    y: Array = 0.5 * x * (1 + erf(x / math.sqrt(2)))
    return y


def rows(*shape: int) -> Array:
    return np.random.default_rng(5).normal(0, 2, shape)


def assert_agrees(net: fp.Module, x: Array, expected: Array) -> None:
    y = net(x)
    assert y.shape == expected.shape
    assert net.verification.rows > 60
    assert net.verification.largest_share <= 1
    assert (np.abs(y.astype(np.float64) - expected) <= agreement_bound(net, x)).all()
    # Or everything would be near enough to everything.
    assert np.median(agreement_bound(net, x)) < np.abs(y).max() / 100
