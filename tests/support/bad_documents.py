"""What model files say of their network: three good ones, and documents and tensors that must be refused."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import forwardpass as fp
from forwardpass import _core, files

NETWORK = fp.Sequential(
    fp.Linear(np.arange(12, dtype=np.float32).reshape(4, 3) / 8, np.ones(4, np.float32)),
    fp.ReLU(),
    fp.Linear(np.full((2, 4), -0.5, np.float32)),
)
STATE = NETWORK.state_dict()
# What else a document may speak of.
RICH = fp.Sequential(
    fp.Normalize([0.5, 1, 2], [1, 2, 3], 4.0),
    fp.Residual(fp.Linear(np.eye(3, dtype=np.float32))),
    fp.LeakyReLU(0.25),
    fp.BatchNorm1d([0.5, 1, 2], [1, 2, 3], [1, 1, 1], [0, 0, 1]),
    fp.GELU(),
    fp.LayerNorm(3, [1, 2, 3], [0, 0, 1]),
    fp.Hardtanh(-3, 4),
    fp.Softmax(),
)
RICH_STATE = RICH.state_dict()
LABELLED = fp.Classifier(
    fp.Linear(np.eye(2, 3, dtype=np.float32)), classes=["no", "yes"], feature_names=["a", "b", "c"]
)
LABELLED_STATE = LABELLED.state_dict()
Document = dict[str, Any]


def document(network: fp.Module = NETWORK) -> Document:
    """What save() puts beside its values."""
    spec = files.arch.describe(network)
    return {
        "forwardpass": 1,
        "contract": "fma-v2",
        "row_order": _core.ROW_ORDER,
        "functions": _core.FUNCTIONS,
        "dtype": "float32",
        "architecture": spec,
        "answer": network(files.arch.test_input(spec, "float32"))[:4096].astype("<f4").tobytes().hex(),
        "hash": files.document.hash_of(spec, "float32", network.state_dict()),
    }


def rich(position: int, **fields: Any) -> Document:
    """The document of RICH with other fields in one layer, its hash made to fit."""
    made = document(RICH)
    made["architecture"]["layers"][position].update(fields)
    return {**made, "hash": files.document.hash_of(made["architecture"], "float32", RICH_STATE)}


def rich_documents() -> Iterator[tuple[str, Document]]:
    """Documents that no file may have, with the tensors of RICH."""
    yield "clip negative", rich(0, clip=-4.0)
    yield "clip a text", rich(0, clip="4")
    yield "clip infinite", rich(0, clip=float("inf"))
    yield "features wrong", rich(0, features=4)
    yield "features a float", rich(0, features=3.0)
    yield "residual of nothing", rich(1, inner=None)
    yield "residual of a list", rich(1, inner=[{"type": "ReLU"}])
    inner = {"type": "Linear", "in_features": 3, "out_features": 2, "bias": False}
    yield "residual of another width", rich(1, inner=inner)
    yield "residual with more", rich(1, more=1)
    yield "slope a text", rich(2, negative_slope="0.25")
    yield "slope true", rich(2, negative_slope=True)
    yield "slope NaN", rich(2, negative_slope=float("nan"))
    yield "slope infinite", rich(2, negative_slope="inf")
    yield "slope of 400 digits", rich(2, negative_slope=10**400)
    yield "slope another", rich(2, negative_slope=0.5)
    yield "eps negative", rich(3, eps=-1e-5)
    yield "eps a list", rich(3, eps=[1e-5])
    yield "weight no flag", rich(3, weight=1)
    yield "weight that is there denied", rich(3, weight=False)
    yield "approximation unknown", rich(4, approximate="sigmoid")
    yield "approximation a number", rich(4, approximate=0)
    yield "norm of another width", rich(5, features=2)
    yield "limits swapped", rich(6, min_val=4.0, max_val=-3.0)
    yield "limit NaN", rich(6, min_val="nan")
    yield "axis 0", rich(7, dim=0)
    yield "axis a float", rich(7, dim=-1.0)
    yield "function with a parameter too many", rich(7, beta=1.0)
    yield "deep residuals", deep_residuals(100_000)


def labelled(change: Callable[[Document], Any]) -> Document:
    """The document of LABELLED after a change of its network, its hash made to fit."""
    made = document(LABELLED)
    change(made["architecture"])
    return {**made, "hash": files.document.hash_of(made["architecture"], "float32", LABELLED_STATE)}


def labelled_documents() -> Iterator[tuple[str, Document]]:
    """Documents that no file may have, with the tensors of LABELLED."""

    def classes(dtype: Any, values: Any) -> Document:
        return labelled(lambda spec: spec.update(classes={"dtype": dtype, "values": values}))

    yield "labels missing", labelled(lambda spec: spec.pop("classes"))
    yield "labels null", labelled(lambda spec: spec.update(classes=None))
    yield "labels a list", labelled(lambda spec: spec.update(classes=["no", "yes"]))
    yield "labels with more", labelled(lambda spec: spec["classes"].update(more=1))
    yield "labels of a network without", labelled(lambda spec: spec.update(type="Sequential"))
    yield "labels too few", classes("U3", ["no"])
    yield "labels too many", classes("U3", ["no", "yes", "no!"])
    yield "labels none", classes("U3", [])
    yield "labels twice", classes("U3", ["no", "no"])
    yield "labels that are cut", classes("U2", ["no", "yes"])
    yield "labels that end in NUL", classes("U4", ["no\0", "yes"])
    yield "labels numbers in text", classes("U3", ["no", 1])
    yield "labels text in numbers", classes("i8", ["0", "1"])
    yield "labels bools in integers", classes("i8", [False, True])
    yield "labels integers in floats", classes("f8", [0, 1])
    yield "labels integers too large", classes("i1", [0, 128])
    yield "labels of 400 digits", classes("i8", [0, 10**400])
    yield "labels negative", classes("u1", [-1, 1])
    yield "labels rounded", classes("f4", [0.1, 0.2])
    yield "labels NaN", classes("f8", [0.0, float("nan")])
    yield "labels infinite", classes("f8", [0.0, float("inf")])
    yield "labels lists", classes("O", [["no"], ["yes"]])
    yield "labels nested", classes("i8", [[0, 1], [2, 3]])
    yield "labels numbers as objects", classes("O", [0, 1])
    yield "labels values a text", classes("U3", "no")
    for dtype in (
        "",
        "U",
        "U0",
        "U-3",
        "U03",
        "U3 ",
        "<U3",
        "V8",
        "S3",
        "M8",
        "c8",
        "f16",
        "object",
        "i8,i8",
        None,
        ["U3"],
    ):
        yield f"labels of dtype {dtype}", classes(dtype, ["no", "yes"])
    # A few bytes that would become 80 MB and more: no label is as wide as the dtype says.
    yield "labels very wide", classes("U2000000000", ["no", "yes"])
    yield "labels wide", classes("U9999999", [str(i) for i in range(8)])
    yield "labels wide and fitting", classes("U9999999", ["no", "yes"])
    yield "columns too few", labelled(lambda spec: spec["feature_names"].update(values=["a", "b"]))
    yield "columns twice", labelled(lambda spec: spec["feature_names"].update(values=["a", "b", "a"]))
    yield "columns numbers", labelled(lambda spec: spec["feature_names"].update(values=[0, 1, 2]))
    yield "columns of another dtype", labelled(lambda spec: spec["feature_names"].update(dtype="U1"))


def deep_residuals(depth: int) -> Any:
    spec = '{"type": "Residual", "inner": ' * depth + '{"type": "ReLU"}' + "}" * depth
    return json.dumps(document(RICH) | {"architecture": 0}).replace('"architecture": 0', f'"architecture": {spec}')


def rich_tensors() -> Iterator[tuple[str, dict[str, Any]]]:
    """Tensors that do not go with RICH's document."""
    state = RICH_STATE
    yield "variance negative", {**state, "3.running_var": np.array([1.0, -2, 3])}
    yield "deviation zero", {**state, "0.std": np.zeros(3)}
    yield "deviation NaN", {**state, "0.std": np.array([1, np.nan, 1])}
    yield "columns in float32", {k: v.astype(np.float32) for k, v in state.items()}
    yield "mean of two axes", {**state, "0.mean": np.ones((3, 1))}
    yield "columns missing", {k: v for k, v in state.items() if k != "5.bias"}


def changed(change: Callable[[Document], Any]) -> Document:
    """The document after a change of its architecture, to which the hash is made to fit."""
    made = document()
    change(made)
    return {**made, "hash": files.document.hash_of(made["architecture"], "float32", NETWORK.state_dict())}


def layer(change: Callable[[Document], Any]) -> Document:
    """The document after a change of its first layer."""
    return changed(lambda d: change(d["architecture"]["layers"][0]))


def nested(depth: int) -> str:
    """A document whose Sequentials lie so deep inside each other, right in all else."""
    spec = '{"type": "Sequential", "layers": [' * depth + '{"type": "ReLU"}' + "]}" * depth
    made = document(fp.ReLU())
    if depth < 1000:
        made["hash"] = files.document.hash_of(json.loads(spec), "float32", {})
    return json.dumps(made | {"architecture": 0}).replace('"architecture": 0', f'"architecture": {spec}')


def without_tensors() -> Iterator[tuple[str, Any]]:
    """Documents of networks that have no values."""
    yield "layers nested 10^5 deep", nested(100_000)
    yield "layers nested 100 deep", nested(100)
    spec = {"type": "Sequential", "layers": [{"type": "ReLU"}] * 100_000}
    made = document(fp.ReLU()) | {"architecture": spec, "hash": files.document.hash_of(spec, "float32", {})}
    yield "architecture of 10^5 layers", made


def documents() -> Iterator[tuple[str, Any]]:
    """Documents that no file may have, with the tensors of NETWORK."""
    yield "document empty", ""
    yield "document no json", "{"
    yield "document no object", "[1, 2]"
    yield "document null", "null"
    yield "document of 3 MB", document() | {"answer": [[]] * 1_000_000}
    yield "document nested 10^5 deep", "[" * 100_000 + "]" * 100_000
    for key in document().keys() - files.document.NEWER_KEYS:  # which older files have not
        yield f"document without {key}", {name: value for name, value in document().items() if name != key}
    yield "document with more", document() | {"more": 1}
    yield "another version", document() | {"forwardpass": 2}
    yield "another contract", document() | {"contract": "fma-v3"}
    yield "contract of another type", document() | {"contract": ["fma-v2"]}
    yield "older contract of another type", document() | {"contract": ["fma-v1"]}
    yield "another answer in an older order", document() | {"contract": "fma-v1", "answer": "00" * 8}
    yield "answer of another length in an older order", document() | {"contract": "fma-v1", "answer": "00" * 4}
    yield "answer of another type in an older order", document() | {"contract": "fma-v1", "answer": 5}
    yield "another dtype", document() | {"dtype": "float64"}
    yield "unknown dtype", document() | {"dtype": "object"}
    yield "dtype of another type", document() | {"dtype": 32}
    yield "another answer", document() | {"answer": "00" * 8}
    yield "answer of another type", document() | {"answer": 5}
    yield "another hash", document() | {"hash": "0" * 64}
    yield "architecture null", document() | {"architecture": None}
    yield "architecture of no layers", changed(lambda d: d["architecture"].update(layers=[]))
    yield "layers no list", changed(lambda d: d["architecture"].update(layers={"0": {"type": "ReLU"}}))
    yield "unknown layer", layer(lambda d: d.update(type="Conv2d"))
    yield "layer of another type", layer(lambda d: d.update(type=["Linear"]))
    yield "layer without bias", layer(lambda d: d.pop("bias"))
    yield "layer with more", layer(lambda d: d.update(stride=2))
    yield "bias a number", layer(lambda d: d.update(bias=1))
    yield "bias missing", changed(lambda d: d["architecture"]["layers"][2].update(bias=True))
    for value in (-3, 3.0, True, "3", None, 2**31, 2**63, 2**64, 10**300, float("nan")):
        made = document()
        made["architecture"]["layers"][0]["in_features"] = value
        yield (
            f"in_features {value!r:.20}",
            {**made, "hash": files.document.hash_of(made["architecture"], "float32", STATE)},
        )
    yield "out_features wrong", layer(lambda d: d.update(out_features=3))
    yield "sizes swapped", layer(lambda d: d.update(in_features=4, out_features=3))
    yield "layers that do not chain", changed(lambda d: d["architecture"]["layers"].reverse())


def tensors() -> Iterator[tuple[str, dict[str, Any]]]:
    """Tensors that do not go with NETWORK's document."""
    state = NETWORK.state_dict()
    yield "no tensors", {}
    yield "tensor missing", {k: v for k, v in state.items() if k != "2.weight"}
    yield "tensor too many", {**state, "3.weight": np.ones((2, 2), np.float32)}
    yield "tensor renamed", {k.replace("0.w", "../../0.w"): v for k, v in state.items()}
    yield "tensor transposed", {k: np.ascontiguousarray(v.T) for k, v in state.items()}
    yield "tensor in float64", {k: v.astype(np.float64) for k, v in state.items()}
    yield "tensor in float16", {k: v.astype(np.float16) for k, v in state.items()}
    yield "tensor in int32", {k: v.astype(np.int32) for k, v in state.items()}
    yield "other values", {k: v + np.float32(1) for k, v in state.items()}
    yield "negative zeros", {k: np.where(v == 0, np.float32(-0.0), v) for k, v in state.items()}
