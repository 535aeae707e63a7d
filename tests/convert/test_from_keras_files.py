"""Bad .keras files get one exception, soon, in little memory, and cannot touch anything else."""

import io
import os
import subprocess
import sys
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import forwardpass as fp
from forwardpass.convert.keras import hdf5, interpreter
from tests.fuzz import harness, keras_files
from tests.support.bad_keras_files import (
    JSON,
    KERNEL,
    changed,
    config,
    corpus,
    functional,
    keras_file,
    layer,
    load,
    replaced,
    weights,
)

CORPUS = corpus()


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
