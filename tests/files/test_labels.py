"""Labels and names of columns come back from files as they were, and belong to the content hash."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import forwardpass as fp
from tests.support import normal, same_bits

LABELS: list[Any] = [
    ["no", "yes", "\U0001f600 \ud800 \x1b[2J \"'"],
    np.array(["a", "b", "c"], "U20"),
    np.array(["", "b\0", "c\n"], object),
    [3, 1, 2],
    np.array([-128, 0, 127], np.int8),
    np.array([2**64 - 1, 0, 2**53 + 1], np.uint64),
    np.array([0.1, -2.5, 1e-7], np.float16),
    np.array([0.1, 3e-45, 1e38], np.float32),
    [0.1, 5e-324, -1.7e308],
]


def classifier(classes: Any, names: Any = None) -> fp.Classifier:
    return fp.Classifier(fp.Linear(normal(0, (3, 2), np.float32)), fp.Softmax(), classes=classes, feature_names=names)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("classes", LABELS, ids=lambda labels: np.asarray(labels).dtype.str)
def test_labels_come_back(classes: Any, suffix: str, tmp_path: Path) -> None:
    net, path = classifier(classes, ["width", "\xe4ge\x1b"]), tmp_path / f"net{suffix}"
    fp.save(net, path)
    again: Any = fp.load(path)
    assert type(again) is fp.Classifier
    assert again.classes_.dtype == net.classes_.dtype
    assert again.classes_.tolist() == net.classes_.tolist()
    assert again.feature_names_in_.tolist() == ["width", "\xe4ge\x1b"]
    assert again.feature_names_in_.dtype == object
    assert repr(again) == repr(net)
    assert fp.content_hash(again) == fp.content_hash(net)
    x = normal(1, (40, 2), np.float32)
    assert again.predict(x).tolist() == net.predict(x).tolist()
    assert again.predict(x).dtype == net.predict(x).dtype
    assert same_bits(again.predict_proba(x), net.predict_proba(x))


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_bools_and_two_labels_of_one_output(suffix: str, tmp_path: Path) -> None:
    net = fp.Classifier(fp.Linear([[1.0]]), classes=[False, True])
    fp.save(net, tmp_path / f"net{suffix}")
    again: Any = fp.load(tmp_path / f"net{suffix}")
    assert same_bits(again.predict([[-1.0], [1.0]]), np.array([False, True]))


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_a_regressor_comes_back_inside_of_another_network_too(suffix: str, tmp_path: Path) -> None:
    inner = fp.Classifier(fp.Linear(np.ones((1, 2))))
    net = fp.Regressor(fp.Linear(np.eye(2)), inner, feature_names=["a", "b"])
    fp.save(net, tmp_path / f"net{suffix}")
    again: Any = fp.load(tmp_path / f"net{suffix}")
    assert repr(again) == repr(net)
    assert same_bits(again.predict([[1.0, 2.0]]), np.array([3.0]))
    assert again[1].predict([[1.0, 2.0]]).tolist() == [1]


def test_labels_belong_to_the_hash() -> None:
    variants: list[fp.Module] = [
        classifier(["a", "b", "c"]),
        classifier(["a", "c", "b"]),
        classifier(np.array(["a", "b", "c"], "U2")),
        classifier(np.array(["a", "b", "c"], object)),
        classifier(["a", "b", "c"], ["x", "y"]),
        classifier(["a", "b", "c"], ["y", "x"]),
        classifier([0, 1, 2]),
        classifier([0.0, 1.0, 2.0]),
        fp.Regressor(*classifier([0, 1, 2])),
        fp.Sequential(*classifier([0, 1, 2])),
    ]
    assert len({fp.content_hash(net) for net in variants}) == len(variants)
    assert fp.content_hash(classifier(["a", "b", "c"])) == fp.content_hash(variants[0])


def test_what_a_file_says(tmp_path: Path) -> None:
    fp.save(classifier(["no", "yes", "or"], ["a", "b"]), tmp_path / "net.npz")
    with np.load(tmp_path / "net.npz", allow_pickle=False) as file:
        assert sorted(file) == ["0.weight", "forwardpass"]  # labels stand in the document
        spec = json.loads(file["forwardpass"].tobytes())["architecture"]
    assert spec["type"] == "Classifier"
    assert spec["classes"] == {"dtype": "U3", "values": ["no", "yes", "or"]}
    assert spec["feature_names"] == {"dtype": "O", "values": ["a", "b"]}


def test_many_labels(tmp_path: Path) -> None:
    """As many as a network of words has; the longest is longer than the others."""
    words = [f"word {i}" for i in range(30_000)] + ["a word " * 20]
    net = fp.Classifier(fp.Linear(normal(0, (len(words), 64), np.float32)), classes=words)
    for suffix in (".npz", ".safetensors"):
        fp.save(net, tmp_path / f"net{suffix}")
        again: Any = fp.load(tmp_path / f"net{suffix}")
        assert again.classes_.tolist() == words
        assert again.classes_.dtype == np.dtype("U140")


def test_labels_that_no_file_could_bring_back_are_not_saved(tmp_path: Path) -> None:
    wide = fp.Classifier(fp.Linear([[1.0]]), classes=np.array(["no", "yes"], "U6000000"))
    with pytest.raises(fp.ModelFileError, match="would take"):
        fp.save(wide, tmp_path / "net.npz")
    assert list(tmp_path.iterdir()) == []
