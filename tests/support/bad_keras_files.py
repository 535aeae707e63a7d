""".keras files, made without Keras: a good one, and those that must be refused."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

import forwardpass as fp
from tests.support.bad_files import zipped

JSON = dict[str, Any]
KERNEL = np.arange(12, dtype=np.float32).reshape(3, 4) / 8
POLICY = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None}


def layer(kind: str, name: str, **options: Any) -> JSON:
    config = {"name": name, "trainable": True, "dtype": POLICY, **options}
    return {"module": "keras.layers", "class_name": kind, "config": config, "registered_name": None}


def config() -> JSON:
    """As Keras writes it, of a Dense and an activation."""
    layers = [
        layer("InputLayer", "input_layer", batch_shape=[None, 3], sparse=False, ragged=False, optional=False),
        layer("Dense", "dense", units=4, activation="tanh", use_bias=True, quantization_config=None),
        layer("LeakyReLU", "leaky_re_lu", negative_slope=0.3),
    ]
    inside = {"name": "sequential", "trainable": True, "dtype": POLICY, "layers": layers}
    return {"module": "keras", "class_name": "Sequential", "config": inside, "registered_name": None}


def functional() -> JSON:
    """The same, in the form of a graph."""
    made = config()
    layers = made["config"].pop("layers")
    for before, one in zip([None, *layers], layers, strict=False):
        one["name"] = one["config"]["name"]
        one["inbound_nodes"] = [] if before is None else [{"args": [tensor(before["name"])], "kwargs": {}}]
    ends = {f"{end}_layers": [layers[i]["name"], 0, 0] for end, i in (("input", 0), ("output", -1))}
    return {**made, "module": "keras.src.models.functional", "class_name": "Functional"} | {
        "config": {"name": "functional", "layers": layers, **ends}
    }


def tensor(name: Any, node: Any = 0) -> JSON:
    return {"class_name": "__keras_tensor__", "config": {"shape": [None, 4], "keras_history": [name, node, 0]}}


def weights(change: Callable[[Any], None] = lambda file: None) -> bytes:
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        group = file.create_group("layers/dense/vars")
        group.attrs["name"] = "dense"
        group["0"], group["1"] = KERNEL, np.ones(4, np.float32)
        for name in ("vars", "layers/leaky_re_lu/vars"):
            file.create_group(name)
        change(file)
    return content.getvalue()


def keras_file(spec: Any = None, hdf5: bytes | None = None, **members: bytes | None) -> bytes:
    text = spec if isinstance(spec, bytes) else json.dumps(config() if spec is None else spec).encode()
    made = {"metadata.json": b"{}", "config.json": text, "model.weights.h5": weights() if hdf5 is None else hdf5}
    return zipped({name: data for name, data in {**made, **members}.items() if data is not None})


def load(content: bytes, folder: Path) -> fp.Sequential:
    (folder / "model.keras").write_bytes(content)
    return fp.from_keras(folder / "model.keras")


def changed(change: Callable[[Any], Any], make: Callable[[], JSON] = config) -> bytes:
    made = make()
    change(made)
    return keras_file(made)


def options(position: int, **values: Any) -> bytes:
    """The file after a change of a layer's options."""
    return changed(lambda c: c["config"]["layers"][position]["config"].update(values))


def dense(**values: Any) -> bytes:
    return options(1, **values)


def without(key: str) -> bytes:
    return changed(lambda c: c.pop(key))


def graph(change: Callable[[list[Any]], Any]) -> bytes:
    return changed(lambda c: change(c["config"]["layers"]), functional)


def nested_models(depth: int) -> JSON:
    made = config()
    for _ in range(depth):
        inner = {**made, "config": {**made["config"], "name": "inner"}}
        made = {**made, "config": {**made["config"], "layers": [made["config"]["layers"][0], inner]}}
    return made


def rescaled(count: int, width: int) -> JSON:
    """Layers whose few bytes ask for many numbers."""
    made = config()
    made["config"]["layers"][0]["config"]["batch_shape"] = [None, width]
    made["config"]["layers"][1:] = [layer("Rescaling", f"r{i}", scale=2.0, offset=0.0) for i in range(count)]
    return made


def configs() -> Iterator[tuple[str, bytes]]:
    """What a configuration cannot be."""
    yield "config empty", keras_file(b"")
    yield "config no json", keras_file(b"{]")
    yield "config not UTF-8", keras_file(b'{"a": "\xff"}')
    yield "config null", keras_file(b"null")
    yield "config nested 10^5 deep", keras_file(b"[" * 100_000 + b"]" * 100_000)
    yield "config of 3 MB", keras_file(json.dumps({**config(), "more": "x" * 3_000_000}).encode())
    yield "a key twice", keras_file(json.dumps(config()).encode().replace(b'"units": 4', b'"units": 9, "units": 4'))
    yield "NaN", dense(units=float("nan"))
    for key in ("module", "class_name", "config"):
        yield f"config without {key}", without(key)
    yield "another class", changed(lambda c: c.update(class_name="Model"))
    yield "a registered class", changed(lambda c: c.update(registered_name="Custom>Sequential"))
    yield "a module of one's own", changed(lambda c: c.update(module="kerasx"))
    yield "no layers", changed(lambda c: c["config"].update(layers=[]))
    yield "layers no list", changed(lambda c: c["config"].update(layers={"0": 1}))
    yield "a layer that is a number", changed(lambda c: c["config"]["layers"].append(5))
    yield "a layer twice", changed(lambda c: c["config"]["layers"].append(c["config"]["layers"][1]))
    yield "no input", changed(lambda c: c["config"]["layers"].pop(0))
    yield "two inputs", changed(lambda c: c["config"]["layers"].append(layer("InputLayer", "i", batch_shape=[None, 4])))
    yield "lambda", changed(lambda c: c["config"]["layers"].append(layer("Lambda", "l", function={"class_name": "x"})))
    own = {**layer("Dense", "own"), "module": "os", "registered_name": "Custom>system"}
    yield "a layer of one's own", changed(lambda c: c["config"]["layers"].append(own))
    yield "models nested 60 deep", keras_file(nested_models(60))
    yield "rescaling of 2^30 features", keras_file(rescaled(1, 2**30))
    yield "1000 rescalings", keras_file(rescaled(1000, 2**19))
    units: list[Any] = [0, -4, 4.0, True, "4", None, 5, 2**63, 10**300]
    for value in units:
        yield f"units {value!r:.20}", dense(units=value)
    activations: list[Any] = ["relu7", 5, ["relu"], {"class_name": "function", "config": "system"}]
    for value in activations:
        yield f"activation {value!r:.40}", dense(activation=value)
    yield "activation with options", dense(activation=layer("LeakyReLU", "x", negative_slope=0.3, more=1))
    yield "use_bias a number", dense(use_bias=1)
    yield "use_bias false", dense(use_bias=False)
    yield "dtype of int8", dense(dtype={**POLICY, "config": {"name": "int8_from_float32"}})
    yield "dtype of float64", dense(dtype={**POLICY, "config": {"name": "float64"}})
    yield "quantized", dense(quantization_config={"class_name": "Int8"})
    yield "unknown option", dense(spread=2)
    sizes: list[Any] = [4, 0, -3, 3.0, True, None, 2**40, [3]]
    shapes: list[Any] = [None, [], "3", [None], *([None, size] for size in sizes)]
    for shape in shapes:
        yield f"batch_shape {shape}", options(0, batch_shape=shape)
    slopes: list[Any] = ["0.3", None, True, [0.3], 10**400]
    for slope in slopes:
        yield f"slope {slope!r:.20}", options(2, negative_slope=slope)
    huge = layer("Rescaling", "r", scale=10**400, offset=0)
    yield "a huge scale", changed(lambda c: c["config"]["layers"].append(huge))


def graphs() -> Iterator[tuple[str, bytes]]:
    """What the graph of a functional model cannot be."""
    yield "graph without outputs", changed(lambda c: c["config"].pop("output_layers"), functional)
    yield "graph with an unknown output", changed(lambda c: c["config"].update(output_layers=["x", 0, 0]), functional)
    yield "graph with another output", changed(lambda c: c["config"]["output_layers"].__setitem__(1, 1), functional)
    yield "graph of a cycle", graph(lambda g: g[1]["inbound_nodes"][0].update(args=[tensor("leaky_re_lu")]))
    yield "graph of itself", graph(lambda g: g[1]["inbound_nodes"][0].update(args=[tensor("dense")]))
    yield "graph of an unknown input", graph(lambda g: g[1]["inbound_nodes"][0].update(args=[tensor("x")]))
    yield "graph of a nameless input", graph(lambda g: g[1]["inbound_nodes"][0].update(args=[tensor(5)]))
    yield "graph of another call", graph(lambda g: g[1]["inbound_nodes"][0].update(args=[tensor("input_layer", 1)]))
    yield "graph of two inputs", graph(lambda g: g[1]["inbound_nodes"][0]["args"].append(tensor("input_layer")))
    yield "graph of no call", graph(lambda g: g[1].update(inbound_nodes=[]))
    yield "graph of two calls", graph(lambda g: g[1]["inbound_nodes"].append(g[1]["inbound_nodes"][0]))
    yield "graph of Keras 2", graph(lambda g: g[1].update(inbound_nodes=[[["input_layer", 0, 0, {}]]]))
    yield "graph with training", graph(lambda g: g[1]["inbound_nodes"][0].update(kwargs={"training": True}))
    yield "graph with options", graph(lambda g: g[1]["inbound_nodes"][0].update(kwargs={"scale": 2}))
    yield "graph without arguments", graph(lambda g: g[1]["inbound_nodes"][0].pop("args"))


def replaced(name: str, make: Callable[[Any, str], Any]) -> bytes:
    """The file after a member of the Dense's weights has been replaced."""

    def change(file: Any) -> None:
        del file[f"layers/dense/vars/{name}"]
        make(file["layers/dense/vars"], name)

    return keras_file(hdf5=weights(change))


def hdf5_files() -> Iterator[tuple[str, bytes]]:
    """What the weights cannot be."""
    good = weights()
    yield "weights empty", keras_file(hdf5=b"")
    yield "weights no HDF5", keras_file(hdf5=b"not HDF5" * 100)
    yield "weights cut short", keras_file(hdf5=good[:-40])
    yield "weights cut in half", keras_file(hdf5=good[: len(good) // 2])
    yield "weights of no layers", keras_file(hdf5=weights(lambda f: f.pop("layers")))
    yield "weights missing", keras_file(hdf5=weights(lambda f: f.pop("layers/dense")))
    yield "weights of another layer", keras_file(hdf5=weights(lambda f: f["layers/dense/vars"].attrs.update(name="x")))
    yield "a name that is a number", keras_file(hdf5=weights(lambda f: f["layers/dense/vars"].attrs.update(name=5)))
    yield "bias missing", keras_file(hdf5=weights(lambda f: f.pop("layers/dense/vars/1")))
    yield "array too many", keras_file(hdf5=weights(lambda f: f["layers/dense/vars"].update({"2": KERNEL})))
    yield "array renamed", keras_file(hdf5=weights(lambda f: f.move("layers/dense/vars/1", "layers/dense/vars/bias")))
    yield "kernel transposed", replaced("0", lambda g, n: g.create_dataset(n, data=KERNEL.T))
    yield "kernel in float64", replaced("0", lambda g, n: g.create_dataset(n, data=KERNEL.astype(np.float64)))
    yield "kernel of integers", replaced("0", lambda g, n: g.create_dataset(n, data=KERNEL.astype(np.int32)))
    yield "kernel of text", replaced("0", lambda g, n: g.create_dataset(n, data=b"text"))
    yield "kernel a group", replaced("0", lambda g, n: g.create_group(n))
    yield "kernel of three axes", replaced("0", lambda g, n: g.create_dataset(n, data=KERNEL[None]))
    yield "kernel empty", replaced("0", lambda g, n: g.create_dataset(n, data=h5py.Empty("f4")))
    yield "kernel never written", replaced("0", lambda g, n: g.create_dataset(n, (3, 4), "f4"))
    yield "kernel of 4 TB that is not there", replaced("0", lambda g, n: g.create_dataset(n, (2**20, 2**20), "f4"))
    yield "kernel in chunks", replaced("0", lambda g, n: g.create_dataset(n, data=KERNEL, chunks=(3, 4)))
    yield "kernel compressed", replaced("0", lambda g, n: g.create_dataset(n, data=KERNEL, compression="gzip"))
    yield "bias behind a name", replaced("1", lambda g, n: g.update({n: h5py.SoftLink("/bias"), "/bias": KERNEL[0]}))
    yield "layers in a circle", keras_file(hdf5=weights(lambda f: f["layers"].update({"a": f["/"]})))


def zip_files() -> Iterator[tuple[str, bytes]]:
    """What a zip file of Keras cannot be."""
    good = keras_file()
    yield "empty", b""
    yield "text", b"not a model " * 100
    yield "truncated", good[: len(good) // 2]
    yield "one byte too short", good[:-1]
    yield "one byte too long", good + b"\0"
    yield "bytes before", b"#!/bin/sh\n" + good
    yield "HDF5 itself", weights()
    for name in ("metadata.json", "config.json", "model.weights.h5"):
        yield f"without {name}", keras_file(**{name: None})
    yield "with assets", keras_file(**{"assets/vocabulary.txt": b"x"})
    yield "with a path", keras_file(**{"../config.json": b"{}"})
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in (("metadata.json", b""), ("config.json", b"{}"), ("model.weights.h5", bytes(2**27))):
            archive.writestr(name, data)
    yield "a zip bomb", bomb.getvalue()
    broken = bytearray(good)
    broken[broken.index(KERNEL.tobytes()) + 3] ^= 1
    yield "a value that fails its checksum", bytes(broken)


def corpus() -> dict[str, bytes]:
    """Every bad file by its name."""
    return dict([*configs(), *graphs(), *hdf5_files(), *zip_files()])
