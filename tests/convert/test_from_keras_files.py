"""Bad .keras files get one exception, soon, in little memory, and cannot touch anything else."""

import io
import json
import os
import subprocess
import sys
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import forwardpass as fp
from forwardpass.convert.keras import hdf5, interpreter
from tests.fuzz import harness, keras_files
from tests.support.bad_files import zipped
from tests.support.mutation import mutated

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
    yield "dtype of float16", dense(dtype={**POLICY, "config": {"name": "float16"}})
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


CORPUS = dict([*configs(), *graphs(), *hdf5_files(), *zip_files()])


def test_the_corpus_is_large() -> None:
    assert len(CORPUS) >= 100


@pytest.mark.parametrize("make", [config, functional])
def test_good_files_load(make: Callable[[], JSON], tmp_path: Path) -> None:
    """Or nothing else here would mean anything."""
    net = load(keras_file(make()), tmp_path)
    x = np.array([1.0, -2.0, 0.5], np.float32)
    expected = np.tanh(x @ KERNEL + 1)
    np.testing.assert_allclose(net(x), np.where(expected < 0, 0.3 * expected, expected), rtol=1e-6)
    assert net.verification.rows == 0


def test_weights_without_names_load(tmp_path: Path) -> None:
    """As the first versions of Keras 3 wrote them."""
    load(keras_file(hdf5=weights(lambda f: f["layers/dense/vars"].attrs.pop("name"))), tmp_path)


@pytest.mark.parametrize("name", CORPUS)
def test_bad_files_are_refused(name: str, tmp_path: Path) -> None:
    content = CORPUS[name]
    start = time.perf_counter()
    tracemalloc.start()
    try:
        with pytest.raises(fp.ConversionError, match=r"model\.keras: "):
            load(content, tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= 2 * len(content) + (64 << 20)
    assert time.perf_counter() - start < 20  # seconds; ordinarily a third of one, but others may keep the machine busy
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]


@pytest.mark.parametrize("way", ["link", "storage", "virtual"])
def test_other_files_are_not_read(way: str, tmp_path: Path) -> None:
    """Although what lies there would fit."""
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["x"] = KERNEL
    (tmp_path / "other.bin").write_bytes(KERNEL.tobytes())
    virtual = h5py.VirtualLayout((3, 4), "f4")
    virtual[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", (3, 4))
    storage = [(str(tmp_path / "other.bin"), 0, KERNEL.nbytes)]
    make: dict[str, Callable[[Any, str], Any]] = {
        "link": lambda g, n: g.update({n: h5py.ExternalLink(str(tmp_path / "other.h5"), "/x")}),
        "storage": lambda g, n: g.create_dataset(n, (3, 4), "f4", external=storage),
        "virtual": lambda g, n: g.create_virtual_dataset(n, virtual),
    }
    content = replaced("0", make[way])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extract("model.weights.h5", tmp_path)
    with h5py.File(tmp_path / "model.weights.h5") as file:
        assert np.array_equal(file["layers/dense/vars/0"], KERNEL)
    with pytest.raises(fp.ConversionError, match=r"expected a dataset '0'|expected an array as it is, in this file"):
        load(content, tmp_path)


def test_a_missing_file_and_another_suffix(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        fp.from_keras(tmp_path / "model.keras")
    with pytest.raises(fp.ConversionError, match=r"expected a name that ends in \.keras"):
        fp.from_keras(str(tmp_path / "model.h5"))


@pytest.mark.parametrize("ending", ["crash", "hang", "memory"])
def test_a_library_that_fails_is_a_refusal(ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HDF5's does crash on some files; here its place is taken by one that does so whenever it is asked."""
    failures = {
        "crash": "os.kill(os.getpid(), 11)",
        "hang": "exec('while 1: pass')",
        "memory": "bytes(2**40)",
    }
    (tmp_path / "h5py.py").write_text(f"import os\nclass File:\n    def __init__(*a): {failures[ending]}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    message = {"crash": "signal 11", "hang": "signal", "memory": "damaged"}[ending]
    with pytest.raises(fp.ConversionError, match=message):
        hdf5.read_groups(np.frombuffer(weights(), np.uint8))


def test_the_working_directory_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules of these names that lie in the working directory are not asked."""
    for name in ("h5py", "json", "numpy"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    assert list(hdf5.read_groups(np.frombuffer(weights(), np.uint8))) == ["layers/dense/", "layers/leaky_re_lu/"]


def test_without_the_library(tmp_path: Path) -> None:
    (tmp_path / "model.keras").write_bytes(keras_file())
    code = """
import sys, importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "h5py" else find(name, *more)
import forwardpass as fp
try:
    fp.from_keras(sys.argv[1])
except ImportError as error:
    print(error)
"""
    command = [sys.executable, "-c", code, str(tmp_path / "model.keras")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "pip install h5py" in done.stdout


# ---- what a file may cost ----


def compressed(content: bytes) -> bytes:
    """The same members, deflated."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    return made.getvalue()


def wide(units: int, kernel: Any) -> bytes:
    spec = config()
    spec["config"]["layers"][1]["config"]["units"] = units

    def change(file: Any) -> None:
        group = file["layers/dense/vars"]
        del group["0"], group["1"]
        group["0"], group["1"] = kernel, np.zeros(units, np.float32)

    return keras_file(spec, weights(change))


def test_weights_that_compress_well_are_taken(tmp_path: Path) -> None:
    """Pruned ones do: 48 MB are 50 KB."""
    kernel = np.zeros((3, 4_000_000), np.float32)
    kernel[1, 5] = 2.0
    content = compressed(wide(4_000_000, kernel))
    assert len(content) < 100_000
    assert load(content, tmp_path)([0.0, 1.0, 0.0])[5] == pytest.approx(np.tanh(2.0))


def test_weights_larger_than_the_model_needs_are_not_inflated(tmp_path: Path) -> None:
    """Some more are: an optimizer's state stands beside them."""
    content = compressed(keras_file(hdf5=weights() + bytes(1 << 27)))
    assert len(content) < 1 << 18
    with pytest.raises(fp.ConversionError, match="more than an optimizer adds"):
        load(content, tmp_path)


def test_more_than_max_bytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(keras_file())
    with pytest.raises(fp.ConversionError, match="more than max_bytes=1000; "):
        fp.from_keras(path, max_bytes=1000)


def test_a_layer_without_arrays_counts(tmp_path: Path) -> None:
    """A LayerNormalization of 2^25 features takes gigabytes, and no byte of weights."""
    spec = config()
    options = {"axis": -1, "epsilon": 0.001, "scale": False, "center": False}
    spec["config"]["layers"][0]["config"]["batch_shape"] = [None, 1 << 25]
    spec["config"]["layers"][1:] = [layer("LayerNormalization", "n", **options)]
    with pytest.raises(fp.ConversionError, match="its layers: would take 8192 MiB"):
        load(keras_file(spec), tmp_path)


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_only_regular_files_are_read(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    {"pipe": os.mkfifo, "device": lambda p: p.symlink_to("/dev/zero"), "folder": Path.mkdir}[kind](path)
    with pytest.raises((fp.ConversionError, IsADirectoryError), match=r"model\.keras"):
        fp.from_keras(path)


def test_arrays_in_the_other_byte_order(tmp_path: Path) -> None:
    content = replaced("0", lambda g, n: g.create_dataset(n, data=KERNEL.astype(">f4")))
    assert fp.content_hash(load(content, tmp_path)) == fp.content_hash(load(keras_file(), tmp_path))


def test_messages_are_fit_for_a_terminal(tmp_path: Path) -> None:
    with pytest.raises(fp.ConversionError) as caught:
        load(changed(lambda c: c["config"]["layers"][1].update(class_name="De\x1b[2J\nnse")), tmp_path)
    assert str(caught.value).isprintable()


# ---- in which process it is read ----


@pytest.mark.parametrize("way", ["frozen", "nuitka", "uwsgi", "nothing", "a child of ours"])
def test_no_other_program_is_started(way: str, tmp_path: Path) -> None:
    """A packaged program would start itself, and come here again."""
    program = tmp_path / ("python" if way in ("frozen", "nuitka", "a child of ours") else "uwsgi")
    program.write_text(f"#!/bin/sh\necho started >> {tmp_path}/starts\n")
    program.chmod(0o755)
    (tmp_path / "model.keras").write_bytes(keras_file())
    spoil = {"frozen": "sys.frozen = True", "nuitka": "__compiled__ = 1", "nothing": "sys.executable = None"}
    code = f"""
import os, sys, forwardpass as fp
sys.executable = {str(program)!r}
{spoil.get(way, "")}
if {way!r} == "a child of ours": os.environ["FORWARDPASS_INSIDE"] = "1"
try: fp.from_keras({str(tmp_path / "model.keras")!r})
except RuntimeError as error: print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert "convert the file in an ordinary Python, fp.save(fp.from_keras(path), 'net.npz')" in done.stdout
    assert not (tmp_path / "starts").exists()


def test_a_program_that_is_no_python_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "python3"
    program.write_text("#!/bin/sh\necho Usage: python3\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(RuntimeError, match="does not answer as Python does"):
        load(keras_file(), tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python3.99"))
    with pytest.raises(RuntimeError, match="cannot start"):
        load(keras_file(), tmp_path)


@pytest.mark.parametrize(
    "name", ["python", "python3", "python3.11", "python3.13t", "pythonw.exe", "python3-dbg", "pypy3", "pypy3.10"]
)
def test_names_of_pythons(name: str) -> None:
    assert interpreter.NAME.fullmatch(name)
    assert not interpreter.NAME.fullmatch(f"my{name}")
    assert not interpreter.NAME.fullmatch(f"{name}-app")


def test_quick_fuzzing(tmp_path: Path) -> None:
    """Run python -m tests.fuzz.keras_files for longer."""
    assert harness.run(keras_files.FUZZER, seed=3, seconds=30, inputs=50, kept=tmp_path) == 0


# ---- mutations ----


def check_mutations(count: int, folder: Path) -> None:
    """Of the zip file, of the configuration in it, and of the weights in it, the latter two with right checksums."""
    rng = np.random.default_rng(0)
    good = keras_file()
    expected = fp.content_hash(load(good, folder))
    loaded = 0
    for i in range(count):
        if i % 4 == 3:
            content = keras_file(hdf5=mutated(weights(), rng))
        elif i % 4 == 1:
            content = keras_file(mutated(json.dumps(config()).encode(), rng))
        else:
            content = mutated(good, rng)
        try:
            net = load(content, folder)
        except fp.ConversionError:
            continue
        # Who writes the checksums himself may write other values.
        assert i % 2 or fp.content_hash(net) == expected
        loaded += 1
    assert 0 < loaded < count / 2


def test_mutations(tmp_path: Path) -> None:
    check_mutations(120, tmp_path)


@pytest.mark.full
def test_20_000_mutations(tmp_path: Path) -> None:
    check_mutations(20_000, tmp_path)
