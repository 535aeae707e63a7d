"""Files and pickles of before load as what they were, and those of an older order within both bounds."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import forwardpass as fp
from forwardpass import _core, files
from forwardpass.error_bound import older_bound
from tests import ROOT
from tests.support import FMA_V1, Array, Float, normal, same_bits

FORMER = ROOT / "tests" / "support"
SUFFIXES = (".npz", ".safetensors")


def saved() -> dict[str, Any]:
    """Networks of every layer of then, one input, their answers, what repr() showed, and their content hashes."""
    kept: dict[str, Any] = pickle.loads((FORMER / "every-layer.pickle").read_bytes())
    return kept


@pytest.mark.parametrize("name", ["float32", "float64"])
def test_a_file_of_before(name: str) -> None:
    """load() itself compares the hash and the answer, and warns of an older order."""
    net, former = fp.load(FORMER / f"every-layer-{name}.npz"), saved()
    assert same_bits(net(former["x"].astype(name)), former["y"][name])
    assert fp.content_hash(net) == former["hash"][name == "float64"]


def test_a_pickle_of_before() -> None:
    former = saved()
    for name in ("float32", "float64"):
        assert same_bits(former["layers"][name](former["x"].astype(name)), former["y"][name])
    assert repr(former["layers"]) == former["repr"]
    assert [fp.content_hash(former["layers"][name]) for name in ("float32", "float64")] == former["hash"]
    for layer in former["layers"]["alone"]:
        again, x = pickle.loads(pickle.dumps(layer)), np.ones(layer.in_features or 3)
        assert repr(again) == repr(layer)
        assert same_bits(again(x), layer(x))


def rewritten(network: fp.Module, path: Path, change: Any) -> Path:
    """The network's file with another document: change(document, answer) in place."""
    fp.save(network, path)
    arrays = {name: np.array(value) for name, value in network.state_dict().items()}
    spec = files.arch.describe(network)
    text = json.loads(files.document.written(network, spec, arrays))
    answer = np.frombuffer(bytes.fromhex(text["answer"]), text["dtype"]).copy()
    change(text, answer)
    text["answer"] = answer.tobytes().hex()
    with path.open("wb") as target:
        files.FORMATS[path.suffix].write(target, json.dumps(text), arrays)
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_files_of_the_order_before(suffix: str, dtype: Float, tmp_path: Path) -> None:
    """Answers may differ by the bounds of both orders of sums; without sums, or in our own order, not by a bit."""
    path = tmp_path / f"net{suffix}"
    net = fp.Sequential(fp.Linear(normal(0, (5, 2000), dtype)), fp.Tanh(), fp.Linear(normal(1, (3, 5), dtype)))
    x = files.arch.test_input(files.arch.describe(net), np.dtype(dtype).name)
    ours, theirs = fp.error_bound(net, x), older_bound(net, x, "fma-v1")
    assert (theirs > 1.1 * ours).all()

    def moved(by: Any, contract: str) -> Any:
        def change(text: Any, answer: Array) -> None:
            answer[1] += dtype(by)
            text["contract"] = contract

        return change

    for by in (0, 0.9 * ours[1], 0.99 * (ours + theirs)[1]):
        with pytest.warns(UserWarning, match="it was saved in the order of 'fma-v1', which has changed") as noted:
            loaded = fp.load(rewritten(net, path, moved(by, "fma-v1")))
        assert noted[0].filename == __file__
        assert str(noted[0].message).startswith(f"{path}: ")
        assert same_bits(loaded(x), net(x))
    for by, contract in ((1.01 * (ours + theirs)[1], "fma-v1"), (np.nan, "fma-v1"), (0.9 * ours[1], _core.CONTRACT)):
        with pytest.raises(fp.ModelFileError, match="does not answer the test input"):
            fp.load(rewritten(net, path, moved(by, contract)))
    for unknown in ("fma-v0", "fma-v3", "", None, 1):
        with pytest.raises(fp.ModelFileError, match="expected contract fma-v2, got"):
            fp.load(rewritten(net, path, moved(0, unknown)))  # type: ignore[arg-type]  # whatever stands there
    without_sums = fp.Sequential(fp.Tanh(), fp.ReLU())
    fp.load(rewritten(without_sums, path, moved(0, "fma-v1")))  # and no warning
    with pytest.raises(fp.ModelFileError, match="does not answer the test input"):
        fp.load(rewritten(without_sums, path, moved(1e-6, "fma-v1")))


def test_a_file_from_before(tmp_path: Path) -> None:
    """Which a library that summed in the order of fma-v1 has saved. Saved again it is like any other."""
    path = FMA_V1
    with pytest.warns(UserWarning, match=r"fma-v1\.npz: it was saved in the order of 'fma-v1'"):
        net = fp.load(path)
    with np.load(path) as file:
        text = json.loads(file["forwardpass"].tobytes())
    assert text["contract"] == "fma-v1"
    assert text["hash"] == fp.content_hash(net)
    x = files.arch.test_input(text["architecture"], "float32")
    assert net(x).tobytes().hex() != text["answer"]
    fp.save(net, tmp_path / "net.npz")
    assert fp.content_hash(fp.load(tmp_path / "net.npz")) == text["hash"]


@pytest.mark.parametrize(
    ("key", "ours", "orders"),
    [
        ("row_order", _core.ROW_ORDER, (None, "rows-v1", "rows-v99")),
        ("functions", _core.FUNCTIONS, (None, "functions-v1", "functions-v99")),
    ],
)
def test_files_of_another_order_of_rows_or_functions(
    key: str, ours: str, orders: tuple[str | None, ...], tmp_path: Path
) -> None:
    """Answers may differ by the bounds of both; without such layers, not by a bit."""

    def written(network: fp.Module, change: Any) -> Path:
        return rewritten(network, tmp_path / "net.npz", change)

    last: list[fp.Module] = [fp.LayerNorm(5), fp.Softmax()] if key == "row_order" else [fp.Tanh()]
    net = fp.Sequential(fp.Linear(normal(0, (5, 3), np.float32)), *last)
    x = files.arch.test_input(files.arch.describe(net), "float32")
    bound = fp.error_bound(net, x)

    def moved(times: float, order: str | None) -> Any:
        def change(text: Any, answer: Array) -> None:
            answer[1] += np.float32(times * bound[1])
            text.pop(key)
            if order is not None:
                text[key] = order

        return change

    for order in orders:
        path = written(net, moved(1.9, order))
        named = order or f"{ours.partition('-')[0]} without a name"
        with pytest.warns(UserWarning, match=rf"net\.npz: it was saved in the order of '?{named}"):
            assert fp.content_hash(fp.load(path)) == fp.content_hash(net)
        for times in (2.5, np.nan):
            with pytest.raises(fp.ModelFileError, match="does not answer the test input"):
                fp.load(written(net, moved(times, order)))
    with pytest.raises(fp.ModelFileError, match="does not answer the test input"):
        fp.load(written(net, moved(1.9, ours)))

    def last_bit(text: Any, answer: Array) -> None:
        answer.view(np.uint32)[0] ^= 1
        text.pop(key)

    for exact in ([], [fp.ReLU(), fp.LeakyReLU(), fp.Hardtanh(-9, 9)]):
        with pytest.raises(fp.ModelFileError, match="does not answer the test input"):
            fp.load(written(fp.Sequential(fp.Linear(normal(0, (5, 3), np.float32)), *exact), last_bit))
    with np.load(written(net, lambda text, answer: None)) as file:
        assert json.loads(file["forwardpass"].tobytes())[key] == ours
