"""What a model file may cost: sizes are known before anything is inflated, and memory is bounded by the tensors."""

import json
import os
import subprocess
import sys
import traceback
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import forwardpass as fp
from forwardpass.files import cost
from forwardpass.files.zip import Archive
from forwardpass.limits import MAX_BYTES, SPARE, TIMES, Budget, json_bytes
from tests import ROOT
from tests.support import bad_documents, bad_files, normal


def test_a_budget() -> None:
    budget = Budget(100, KeyError)  # type: ignore[arg-type]  # any class will do
    budget.count_tensors(60)
    budget.take(TIMES * 60 + SPARE, "its header")
    with pytest.raises(
        KeyError, match="its header: would take 64 MiB of memory, more than 4 times its 0 MiB of tensors"
    ):
        budget.take(1, "its header")
    with pytest.raises(KeyError, match="its tensors take 101 bytes, more than max_bytes=100"):
        budget.count_tensors(41)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_max_bytes(suffix: str, tmp_path: Path) -> None:
    net = fp.Linear(normal(0, (30, 40), np.float32))
    path = tmp_path / f"net{suffix}"
    fp.save(net, path)
    header = 128 if suffix == ".npz" else 0  # of the .npy array
    assert fp.content_hash(fp.load(path, max_bytes=4800 + header)) == fp.content_hash(net)
    with pytest.raises(fp.ModelFileError, match=rf"net\{suffix}: .* more than max_bytes=4799"):
        fp.load(path, max_bytes=4799)
    numpy_integer: Any = np.int64(MAX_BYTES)
    fp.load(path, max_bytes=numpy_integer)
    for wrong in ("4 GiB", 4.0, None, True):
        value: Any = wrong
        with pytest.raises(TypeError, match="max_bytes: expected a number of bytes, got"):
            fp.load(path, max_bytes=value)
    with pytest.raises(ValueError, match="max_bytes: expected a number of bytes, got -1"):
        fp.load(path, max_bytes=-1)


def test_compressed_members_count_as_inflated(tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    np.savez_compressed(path, weight=np.zeros((1, 2**25), np.float32))
    assert path.stat().st_size < 1 << 20
    tracemalloc.start()
    try:
        with pytest.raises(fp.ModelFileError, match="more than max_bytes=134217727"):
            fp.load(path, f"{2**25}-1", max_bytes=2**27 - 1)
        with pytest.raises(fp.ModelFileError, match=r"weight: expected shape \(1, 33554431\), got \(1, 33554432\)"):
            fp.load(path, f"{2**25 - 1}-1")
        assert tracemalloc.get_traced_memory()[1] < 1 << 20  # nothing is inflated before the sizes are right
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", ["pruned", "bfloat16 values", "zeros"])
def test_weights_that_compress_well(kind: str, tmp_path: Path) -> None:
    """A file is not refused for being small."""
    w = normal(0, (3000, 3000), np.float32)
    if kind == "pruned":
        w[np.abs(w) < 3] = 0
    w = (w.view(np.uint32) & 0xFFFF0000).view(np.float32) if kind == "bfloat16 values" else w * (kind != "zeros")
    np.savez_compressed(tmp_path / "w.npz", weight=w)
    assert np.array_equal(fp.load(tmp_path / "w.npz", "3000-3000").state_dict()["0.weight"], w)


def test_json_counts_for_what_it_becomes() -> None:
    for text in ("[" + "[]," * 100_000 + "[]]", json.dumps([{"a": 1}] * 50_000), json.dumps("é\U0001f600" * 100_000)):
        tracemalloc.start()
        try:
            parsed = json.loads(text)
            assert tracemalloc.get_traced_memory()[1] < json_bytes(text.encode())
        finally:
            tracemalloc.stop()
        del parsed


@pytest.mark.parametrize(
    "network",
    [
        fp.Linear(np.ones((outputs, depth), dtype))
        for outputs in (0, 1, 2, 5, 8, 9, 17, 65)
        for depth in (0, 3, 10, 512, 545)
        for dtype in (np.float32, np.float64)
    ]
    + [fp.Sequential(*[fp.Linear(np.ones((2000, 1))), fp.Linear(np.ones((1, 2000)))] * 10)]
    + [fp.LayerNorm(1000), fp.Normalize(np.ones(77), np.ones(77)), fp.Sequential(*[fp.ReLU()] * 5)],
)  # fmt: skip
def test_the_cost_of_a_network_is_no_less_than_it_takes(network: fp.Module) -> None:
    """Nor much more, where it is large."""
    dtype = "float32" if network.dtype is None else network.dtype.name
    counted = cost.memory(fp.files.architecture.describe(network), dtype)
    assert network.nbytes <= counted
    assert counted <= 4 * network.nbytes + 5 * 4096


def chain(layer: fp.Module, count: int) -> fp.Module:
    return fp.Sequential(*[layer] * count)


TINY = fp.Linear(np.ones((1, 1), np.float32), np.ones(1, np.float32))
NEAR = {
    "norm": (fp.LayerNorm(220_000), True),
    "norm, larger": (fp.LayerNorm(240_000), False),
    "affine": (fp.Affine(np.ones(270_000), np.ones(270_000)), True),
    "affine, larger": (fp.Affine(np.ones(320_000), np.ones(320_000)), False),
    "tiny layers": (chain(TINY, 4000), True),
    "more tiny layers": (chain(TINY, 9999), False),
    "norms": (chain(fp.BatchNorm1d([1.0], [1.0], [1.0], [1.0]), 2500), True),
    "residuals": (chain(fp.Residual(fp.ReLU()), 4900), True),
}


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("name", NEAR)
def test_what_is_saved_can_be_loaded(name: str, suffix: str, tmp_path: Path) -> None:
    """Near the limits save refuses what load would."""
    network, taken = NEAR[name]
    path = tmp_path / f"net{suffix}"
    if taken:
        fp.save(network, path)
        assert fp.content_hash(fp.load(path)) == fp.content_hash(network)
        return
    with pytest.raises(fp.ModelFileError, match="its architecture: would take"):
        fp.save(network, path)
    assert not path.exists()


@pytest.mark.parametrize("layer", [fp.Softmax(), fp.Residual(fp.Tanh()), fp.ReLU()], ids=repr)
def test_many_layers_of_wide_rows(layer: fp.Module, tmp_path: Path) -> None:
    """Few bytes make each of them compute a million numbers."""
    first = fp.Linear(np.ones((2**20, 1), np.float32))
    fp.save(fp.Sequential(first, *[layer] * 20), tmp_path / "net.npz")
    fp.load(tmp_path / "net.npz")
    many = fp.Sequential(first, *[layer] * 200)
    with pytest.raises(fp.ModelFileError, match=r"its architecture: would compute [0-9]+ numbers"):
        fp.save(many, tmp_path / "many.npz")
    text = json.dumps(bad_documents.document(many))
    (tmp_path / "many.npz").write_bytes(bad_files.written(".npz", text, many.state_dict()))
    with pytest.raises(fp.ModelFileError, match=r"its architecture: would compute [0-9]+ numbers"):
        fp.load(tmp_path / "many.npz")


def attempt(path: Path, tensors: int, architecture: str = "") -> str:
    """What is wrong with reading a file in a process whose memory and time are measured; or nothing."""
    code = f"""
import sys
from pathlib import Path
from tests.fuzz import files, harness
content = Path({str(path)!r}).read_bytes()
made = harness.Input(content, {architecture + path.suffix!r}, {tensors})
for good in files.FILES.good:
    harness.attempt(files.FILES, good, Path({str(path.parent)!r}))
came = harness.attempt(files.FILES, made, Path({str(path.parent)!r}))
print(came.wrong or ("" if came.taken else "refused"))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_files_that_are_taken_stay_within_their_budget(suffix: str, dtype: str, tmp_path: Path) -> None:
    """Of float16 four times the file is needed: for one array as float32, and for it packed."""
    w = np.zeros((6000, 6000), dtype)
    path = tmp_path / f"net{suffix}"
    path.write_bytes(bad_files.bare(suffix, {"weight": w}))
    assert attempt(path, w.nbytes, ".6000-6000") == ""


@pytest.mark.parametrize("older", [{"row_order": "rows-v0"}, {"contract": "fma-v1"}], ids=["rows", "sums"])
def test_files_of_another_order_stay_within_their_budget(older: dict[str, str], tmp_path: Path) -> None:
    """Their bounds are computed from the weights as float64."""
    path = tmp_path / "net.npz"
    fp.save(fp.Sequential(fp.Linear(np.ones((4000, 4000), np.float32)), fp.Softmax()), path)
    with np.load(path) as file:
        arrays = dict(file)
    text = json.loads(arrays.pop("forwardpass").tobytes()) | older
    text["answer"] = (np.frombuffer(bytes.fromhex(text["answer"]), np.float32) * np.float32(1 - 1e-7)).tobytes().hex()
    path.write_bytes(bad_files.written(".npz", text, arrays))
    assert attempt(path, 4000 * 4000 * 4) == ""


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    for suffix in (".npz", ".safetensors"):
        os.mkfifo(tmp_path / f"pipe{suffix}")
        (tmp_path / f"device{suffix}").symlink_to("/dev/zero")
        (tmp_path / f"folder{suffix}").mkdir()
        for name in ("pipe", "device", "folder"):
            with pytest.raises(fp.ModelFileError, match=rf"{name}\{suffix}: expected a regular file"):
                fp.load(tmp_path / f"{name}{suffix}")
        fp.save(fp.ReLU(), tmp_path / f"net{suffix}")
        (tmp_path / f"link{suffix}").symlink_to(f"net{suffix}")
        assert repr(fp.load(tmp_path / f"link{suffix}")) == "ReLU()"


def test_memory_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: Any) -> Any:
        raise MemoryError

    fp.save(fp.Linear(np.eye(2)), tmp_path / "net.npz")
    monkeypatch.setattr(Archive, "read", none)
    with pytest.raises(fp.ModelFileError, match=r"net\.npz: takes more memory than there is"):
        fp.load(tmp_path / "net.npz")


def test_control_characters_do_not_reach_a_terminal(tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("\x1b[2J\x07\u202e.txt", b"")
    with pytest.raises(fp.ModelFileError) as refused:
        fp.load(path)
    path.write_bytes(bad_files.bare(".npz", {"\x1b[2J.weight": np.ones((1, 2), np.float32)}))
    with pytest.raises(fp.ModelFileError) as missing:
        fp.load(path, "3-1")
    for error in (refused, missing):
        assert str(error.value).isprintable()
        assert "x1b[2J" in str(error.value)
        assert "\x1b" not in "".join(traceback.format_exception(error.value))


def test_messages_are_short(tmp_path: Path) -> None:
    """However long the names in a file are."""
    path = tmp_path / "net.npz"
    path.write_bytes(bad_files.bare(".npz", {f"{i}{'n' * 60_000}.weight": np.ones((1, 1)) for i in range(9)}))
    with pytest.raises(fp.ModelFileError) as refused:
        fp.load(path, "1-1")
    assert len(str(refused.value)) < 2500
