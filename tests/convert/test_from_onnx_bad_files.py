"""Damaged and malicious models get one exception, soon, in little memory."""

import pickle
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import onnx.helper
import pytest

import forwardpass as fp
from tests.support.onnx_models import draw, model, node, small_file

W = draw(4, 3)


def changed(change: Callable[[Any], Any]) -> Any:
    made = model([node("MatMul", "x w", "h"), node("Tanh", "h", "y")], constants={"w": W})
    change(made)
    return made


def external(made: Any) -> None:
    made.graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL
    made.graph.initializer[0].external_data.add(key="location", value="/etc/passwd")


def input_of(dims: Any, kind: int = 1) -> Callable[[Any], None]:
    return lambda m: m.graph.input[0].CopyFrom(onnx.helper.make_tensor_value_info("x", kind, dims))


def tensor(**fields: Any) -> Callable[[Any], None]:
    def change(made: Any) -> None:
        values = made.graph.initializer[0]
        for name, value in fields.items():
            values.ClearField(name)
            if isinstance(value, list):
                getattr(values, name).extend(value)
            else:
                setattr(values, name, value)

    return change


def redefined(made: Any) -> None:
    made.functions.append(
        onnx.helper.make_function(
            "", "Tanh", ["a"], ["b"], [node("Relu", "a", "b")], [onnx.helper.make_opsetid("", 21)]
        )
    )


def computed(operator: str, count: int, sizes: tuple[int, ...] = (4, 3)) -> Any:
    """Constants that are made of constants."""
    nodes = [node(operator, f"c{i} c{i}" if operator == "Add" else f"c{i}", f"c{i + 1}") for i in range(count)]
    return model([*nodes, node("MatMul", f"x c{count}")], constants={"c0": draw(*sizes)})


def shared_weight(count: int) -> Any:
    nodes = [node("MatMul", f"{f'h{i}' if i else 'x'} w", f"h{i + 1}") for i in range(count)]
    return model([*nodes, node("Identity", f"h{count}")], ("N", 300), {"w": draw(300, 300) / 30})


def long_chain(count: int) -> Any:
    nodes = [node("Relu", f"h{i}" if i else "x", f"h{i + 1}") for i in range(count)]
    return model([*nodes, node("Identity", f"h{count}")])


BAD: dict[str, tuple[str, Any]] = {
    "no input": (r"the model has 0 inputs", changed(lambda m: m.graph.ClearField("input"))),
    "two inputs": (r"the model has 2 inputs \('x', 'z'\)", changed(lambda m: m.graph.input.add(name="z"))),
    "no output": (r"the model has 0 outputs", changed(lambda m: m.graph.ClearField("output"))),
    "two outputs": (
        r"the model has 2 outputs \('y', 'h'\): choose one, output='y'",
        changed(lambda m: m.graph.output.add(name="h")),
    ),
    "output of no node": (
        r"the output 'z' is made by no node",
        changed(lambda m: setattr(m.graph.output[0], "name", "z")),
    ),
    "output that is constant": (r"'w' does not depend", changed(lambda m: setattr(m.graph.output[0], "name", "w"))),
    "integer input": (r"the input 'x': expected floats", changed(input_of(("N", 4), 7))),
    "input without a shape": (r"the input 'x': expected a shape", changed(input_of(None))),
    "input of no dimensions": (r"the input 'x': expected a shape of 1", changed(input_of(()))),
    "input of 9 dimensions": (r"the input 'x': expected a shape of 1", changed(input_of((1,) * 9))),
    "size of zero": (r"the input 'x': expected positive", changed(input_of((0, 4)))),
    "opset 6": (r"opset 6", changed(lambda m: setattr(m.opset_import[0], "version", 6))),
    "no opset": (r"names no version", changed(lambda m: m.ClearField("opset_import"))),
    "operator redefined": (r"redefines the operator 'Tanh'", changed(redefined)),
    "value of no node": (
        r"node 'y' \(Tanh\): its input 'z' is made by no",
        changed(lambda m: m.graph.node[1].input.__setitem__(0, "z")),
    ),
    "cycle": (
        r"node 'h' \(MatMul\): it waits for its own result",
        changed(lambda m: m.graph.node[0].input.__setitem__(0, "y")),
    ),
    "value made twice": (r"node 'y' \(Tanh\) gives 'h'", changed(lambda m: m.graph.node[1].output.__setitem__(0, "h"))),
    "initializer made again": (r"gives 'w'", changed(lambda m: m.graph.node[0].output.__setitem__(0, "w"))),
    "initializer twice": (
        r"'w' stands there twice",
        changed(lambda m: m.graph.initializer.append(m.graph.initializer[0])),
    ),
    "no inputs": (r"node 'y' \(Tanh\): it has 0 inputs", changed(lambda m: m.graph.node[1].ClearField("input"))),
    "missing input": (
        r"node 'y' \(Tanh\): its input 0 is missing",
        changed(lambda m: m.graph.node[1].input.__setitem__(0, "")),
    ),
    "no result": (r"the output 'y' is made by no", changed(lambda m: m.graph.node[1].ClearField("output"))),
    "external data": (r"'w': its values are in the file '/etc/passwd', and a model in memory", changed(external)),
    "sizes that are too large": (r"the initializer 'w': damaged", changed(tensor(dims=[2**31, 2**31]))),
    "sizes whose product wraps": (r"the initializer 'w': damaged", changed(tensor(dims=[2**62, 4]))),
    "negative sizes": (r"the initializer 'w'", changed(tensor(dims=[-4, -3]))),
    "size -1": (r"the initializer 'w'", changed(tensor(dims=[-1, 3]))),
    "values missing": (r"the initializer 'w': damaged", changed(tensor(raw_data=b"\0" * 44))),
    "values too many": (r"the initializer 'w': damaged", changed(tensor(raw_data=b"\0" * 52))),
    "bytes that are no floats": (r"the initializer 'w': damaged", changed(tensor(raw_data=b"\0" * 47))),
    "strings": (r"the initializer 'w': ONNX's element type 8", changed(tensor(data_type=8))),
    "float8": (r"the initializer 'w': ONNX's element type 17", changed(tensor(data_type=17))),
    "no type": (r"the initializer 'w': ONNX's element type 0", changed(tensor(data_type=0))),
    "weight of no rows": (r"'w'|features", changed(tensor(raw_data=b"", dims=[2**40, 0]))),
    "sparse": (r"its input 's' is made by no", model([node("MatMul", "x s")])),
    "attribute of a function": (
        r"its attribute 'alpha' is not supported",
        model([onnx.helper.make_node("Elu", ["x"], ["y"])]),
    ),
    "constants computed for long": (r"\(MatMul\): neither", computed("Neg", 5000)),
    "constants that grow": (
        r"grows by broadcasting",
        model([node("Add", "a b", "w"), node("MatMul", "x w")], constants={"a": draw(4000, 1), "b": draw(1, 4000)}),
    ),
    "constants of unequal shapes": (
        r"node 'w' \(Add\)",
        model([node("Add", "a b", "w"), node("MatMul", "x w")], constants={"a": draw(4, 3), "b": draw(4, 2)}),
    ),
    "one weight for all layers": (r"node 'h\d+' \(MatMul\): would take", shared_weight(5000)),
    "30,000 nodes": (r"the model has 30001 nodes", long_chain(30_000)),
    "100,000 nodes": (r"more than 250000 fields", long_chain(100_000)),
}
BAD["attribute of a function"][1].graph.node[0].attribute.add(name="alpha", type=1, ref_attr_name="a")


@pytest.mark.parametrize("name", BAD)
def test_bad_models_are_refused(name: str) -> None:
    message, made = BAD[name]
    tracemalloc.start()
    started = time.monotonic()
    try:
        with pytest.raises(fp.ConversionError, match=message):
            fp.from_onnx(made)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert time.monotonic() - started < 10  # seconds, some ten times what it takes
    assert peak < 128 << 20


def test_many_layers_take_seconds() -> None:
    started = time.monotonic()
    net = fp.from_onnx(long_chain(10_000))
    assert len(net) == 10_000
    assert time.monotonic() - started < 20


# ---- files ----


GOOD = small_file()
FILES: dict[str, bytes] = {
    "empty": b"",
    "text": b"no model\n",
    "zeros": bytes(100),
    "ones": b"\xff" * 100,
    "pickle": pickle.dumps({"weight": [1.0]}),
    "zip": b"PK\x05\x06" + bytes(18),
    "half": GOOD[: len(GOOD) // 2],
    "one byte short": GOOD[:-1],
    "a byte more": GOOD + b"\x0a",
    "nested groups": b"\x3b" * 100_000,
    "nested messages": b"",
}
deep = b""
for _ in range(500):
    deep = b"\x0a" + onnx.helper.make_node("x", [], []).SerializeToString()[:0] + bytes([min(len(deep), 127)]) + deep
FILES["nested messages"] = deep


@pytest.mark.parametrize("name", FILES)
def test_bad_files_are_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(FILES[name])
    with pytest.raises(fp.ConversionError):
        fp.from_onnx(path)


def test_a_good_file(tmp_path: Path) -> None:
    """Or nothing else here would mean anything."""
    (tmp_path / "net.onnx").write_bytes(GOOD)
    assert len(fp.from_onnx(str(tmp_path / "net.onnx"))) == 3


def test_what_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"expected a path or an onnx\.ModelProto, got dict"):
        fp.from_onnx({})
    with pytest.raises(FileNotFoundError):
        fp.from_onnx(tmp_path / "none.onnx")


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"pip install onnx"):
        fp.from_onnx("net.onnx")
