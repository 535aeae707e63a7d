"""Models that were changed at random are refused, or answer as onnx's evaluator does: nothing is converted wrongly."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper
import pytest

import forwardpass as fp
from forwardpass.convert.onnx.operators import OPERATORS
from tests.support.mutation import mutated
from tests.support.onnx_models import draw, model, node, small_file

W = draw(4, 3)


def check_mutations(count: int, folder: Path) -> None:
    """Each is refused, or a network that answers as onnx's evaluator does."""
    rng = np.random.default_rng(0)
    path, good, converted = folder / "net.onnx", small_file(), 0
    for _ in range(count):
        path.write_bytes(mutated(good, rng))
        try:
            net = fp.from_onnx(path)
        except fp.ConversionError:
            continue
        assert net.verification.rows > 60
        converted += 1
    assert 0 < converted < count / 2


def test_mutations(tmp_path: Path) -> None:
    check_mutations(2000, tmp_path)


@pytest.mark.full
def test_many_mutations(tmp_path: Path) -> None:
    check_mutations(50_000, tmp_path)


def exchanged(made: Any, rng: np.random.Generator) -> None:
    """One change of a graph that leaves it a graph."""

    def any_of(values: Any) -> Any:
        return values[int(rng.integers(len(values)))]

    graph = made.graph
    values = ["", "x", *(tensor.name for tensor in graph.initializer), *(n.output[0] for n in graph.node)]
    changed, other, sizes = any_of(graph.node), any_of(graph.node), any_of(graph.initializer).dims
    match int(rng.integers(9)):
        case 0:
            changed.op_type = any_of([*OPERATORS])
        case 1:
            changed.input[int(rng.integers(len(changed.input)))] = any_of(values)
        case 2:
            changed.input.append(any_of(values))
        case 3:
            changed.op_type, other.op_type = other.op_type, changed.op_type
        case 4:
            name = any_of(["alpha", "axis", "transA", "transB", "perm", "to", "min", "epsilon", "keepdims"])
            changed.attribute.append(
                onnx.helper.make_attribute(name, any_of([-1.0, 0.5, 0, 1, -1, 11, [1, 0], "tanh"]))
            )
        case 5 if sizes:
            sizes[int(rng.integers(len(sizes)))] = any_of([0, 1, 2, 3, 4, -1, 2**40])
        case 6:
            made.opset_import[0].version = int(rng.integers(7, 24))
        case 7:
            graph.input[0].CopyFrom(input_info(any_of([("N", 4), (4,), ("N", 2, 2), (3, 4), ("N", None), ("N", 1)])))
        case _:
            tensor = onnx.numpy_helper.from_array(any_of([np.float32(2.0), draw(4), draw(3), draw(4, 4), W, W.T]))
            tensor.name = any_of(graph.initializer).name
            any_of(graph.initializer).CopyFrom(tensor)


def input_info(dims: Any) -> Any:
    return onnx.helper.make_tensor_value_info("x", 1, dims)


def check_exchanges(count: int) -> None:
    """Each is refused before the verification, or answers as onnx's evaluator does: nothing is converted wrongly."""
    nodes = [
        *(node("Sub", "x m", "s"), node("Div", "s d", "n"), node("Gemm", "n w b", "h"), node("Sigmoid", "h", "g")),
        *(node("Mul", "h g", "a"), node("MatMul", "a v", "r"), node("Add", "n r", "t"), node("Relu", "t", "u")),
        *(node("Flatten", "u", "f"), node("LayerNormalization", "f d m", "l"), node("Softmax", "l")),
    ]
    constants = {"m": draw(4), "d": np.abs(draw(4)), "w": W, "b": draw(3), "v": draw(3, 4)}
    rng, converted = np.random.default_rng(0), 0
    for _ in range(count):
        made = model(nodes, constants=constants)
        for _ in range(int(rng.integers(1, 4))):
            exchanged(made, rng)
        try:
            net = fp.from_onnx(made)
        except fp.ConversionError as refusal:
            if "does not answer as its source" in str(refusal):
                raise
            continue
        assert net.verification.rows > 60
        converted += 1
    assert 0 < converted < count / 2


def test_exchanges() -> None:
    check_exchanges(2000)


@pytest.mark.full
def test_many_exchanges() -> None:
    check_exchanges(100_000)
