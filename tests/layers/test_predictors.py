"""Classifier and Regressor: labels in the three ways that outputs can speak of them, and no other call than before."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import forwardpass as fp
from forwardpass import nn
from tests.support import Float, normal, same_bits

TEXT = ["red", "green", "blue"]
# Outputs of a row, and which of three is the largest; of equal ones, the first.
ROWS = np.array([[0.25, 3, 1], [-1, -1, -2], [0, 0, 0], [-5, -4, -4], [np.inf, 0, 1], [-np.inf, -1, -2], [-0.0, 0, -1]])
LARGEST = [1, 0, 0, 1, 0, 1, 0]
KINDS: list[Any] = [
    np.array(["no", "yes"]),
    np.array(["no", "yes"], "U7"),
    np.array(["no", "yes"], object),
    np.array([False, True]),
    np.array([-1.5, 0.25], np.float16),
    np.array([0.1, 0.2], np.float32),
    np.array([0.1, 0.2]),
    *(np.array([3, 100], dtype) for dtype in (np.int8, np.uint8, np.int32, np.uint64)),
    np.array([2**63, 2**64 - 1], np.uint64),
    np.array(["\x1b[2J", "\U0001f600 \ud800"]),
]


def scores(*ends: fp.Module, outputs: int = 3, dtype: Float = np.float64, **labels: Any) -> fp.Classifier:
    """Outputs that are its inputs, but for the layers at the end."""
    return fp.Classifier(fp.Linear(np.eye(outputs, dtype=dtype)), *ends, **labels)


@pytest.mark.parametrize(
    "ends",
    [
        [],
        [fp.Softmax()],
        [fp.LogSoftmax()],
        [fp.Softmax(), fp.Dropout(), fp.Identity(), fp.Flatten()],
        [fp.Sequential(fp.Softmax())],
        [fp.Residual(fp.ReLU())],
    ],
)
def test_the_label_of_the_largest_output(ends: list[fp.Module], dtype: Float) -> None:
    net, x = scores(*ends, dtype=dtype, classes=TEXT), ROWS[:4].astype(dtype)
    assert net.predict(x).tolist() == [TEXT[i] for i in LARGEST[:4]]
    assert [str(net.predict(row)) for row in x] == [TEXT[i] for i in LARGEST[:4]]
    assert net.predict(x).dtype == np.dtype("U5")
    expected = (
        net if isinstance(ends[0] if ends else None, fp.Softmax | fp.Sequential) else fp.Sequential(net, nn.Softmax())
    )
    assert same_bits(net.predict_proba(x), expected(x))


def test_scores_of_any_size() -> None:
    assert scores(classes=TEXT).predict(ROWS[:1] * 1e300).tolist() == ["green"]
    net = fp.Classifier(fp.Affine(np.ones(3), np.zeros(3)), fp.Clip(np.full(3, -np.inf), np.full(3, np.inf)))
    assert net.predict(ROWS).tolist() == LARGEST
    with np.errstate(all="raise"):
        assert net.predict(np.full((2, 3), 1e300)).tolist() == [0, 0]
        assert net.predict(np.full((2, 3), 5e-324)).tolist() == [0, 0]


@pytest.mark.parametrize("end", [fp.Sigmoid(), fp.Hardsigmoid(), fp.Tanh(), None])
def test_one_output_tells_two_classes_apart(end: fp.Module | None, dtype: Float) -> None:
    net = scores(*([] if end is None else [end]), outputs=1, dtype=dtype, classes=["no", "yes"])
    tiny = np.finfo(dtype).tiny
    x = np.array([[-3], [-tiny], [-0.0], [0.0], [0.5], [3], [np.inf], [-np.inf]], dtype)
    expected = ["no", "no", "no", "no", "yes", "yes", "yes", "no"]
    assert net.predict(x).tolist() == expected
    assert [net.predict(row) for row in x] == expected
    p = fp.Sequential(*net, *([] if isinstance(end, fp.Sigmoid | fp.Hardsigmoid) else [fp.Sigmoid()]))(x)
    assert same_bits(net.predict_proba(x), np.hstack([1 - p, p]))
    assert same_bits(net.predict_proba(x[4]), np.concatenate([1 - p[4], p[4]]))


def test_one_half_is_not_above_one_half() -> None:
    net = fp.Classifier(fp.Linear([[0.0]]), fp.Sigmoid(), classes=["no", "yes"])
    assert net([[1.0]]) == 0.5
    assert net.predict([[1.0]]).tolist() == ["no"]


def test_a_single_class() -> None:
    """Which scikit-learn takes, and gives one output."""
    net = scores(fp.Sigmoid(), outputs=1, classes=["all"])
    assert net.predict([[-1.0], [1.0]]).tolist() == ["all", "all"]
    assert net.predict_proba([[0.0]]).tolist() == [[0.5, 0.5]]
    assert scores(fp.Softmax(), outputs=1).predict([[3.0]]).tolist() == [0]  # the only share is 1


def test_several_labels_a_row(dtype: Float) -> None:
    net, x = scores(fp.Sigmoid(), dtype=dtype), np.array([[-1, 0, 1], [2, 2, 2], [-1, -1, -1]], dtype)
    assert same_bits(net.predict(x), np.array([[0, 0, 1], [1, 1, 1], [0, 0, 0]]))
    assert same_bits(net.predict(x[0]), np.array([0, 0, 1]))
    assert same_bits(net.predict_proba(x), net(x))
    assert net.classes_.tolist() == [0, 1, 2]


@pytest.mark.parametrize("kind", ["largest", "two", "several", "numbers", "number"])
def test_shapes(kind: str) -> None:
    """Leading axes stay, of any number of rows, and a row by itself gives a scalar."""
    width = 1 if kind in ("two", "number") else 3
    ends = [fp.Sigmoid()] if kind in ("two", "several") else []
    net = (fp.Regressor if kind in ("numbers", "number") else fp.Classifier)(fp.Linear(np.eye(width)), *ends)
    tail = (3,) if kind in ("several", "numbers") else ()
    x = normal(0, (2, 5, width), np.float64)
    flat = net.predict(x.reshape(10, width))
    assert flat.shape == (10, *tail)
    assert same_bits(net.predict(x), flat.reshape(2, 5, *tail))
    assert same_bits(net.predict(x[0, 0]), flat[0])
    assert np.isscalar(net.predict(x[0, 0])) == (not tail)
    for rows in (0, 1, 3):
        assert same_bits(net.predict(x[0, :rows]), flat[:rows])
        assert same_bits(net.predict(x[0, :rows].tolist() if rows else x[0, :0]), flat[:rows])
    if isinstance(net, fp.Classifier):
        columns = 2 if kind == "two" else 3
        assert net.predict_proba(x).shape == (2, 5, columns)
        assert net.predict_proba(x[0, 0]).shape == (columns,)
        assert net.predict_proba(x[0, :0]).shape == (0, columns)


@pytest.mark.parametrize("ends", [[], [fp.Softmax()], [fp.Sigmoid()]])
@pytest.mark.parametrize("outputs", [1, 3])
def test_nan_has_no_label(outputs: int, ends: list[fp.Module]) -> None:
    net = scores(*ends, outputs=outputs)
    x = normal(0, (4, outputs), np.float64)
    x[2, -1] = np.nan
    if outputs == 1 and ends and isinstance(ends[0], fp.Softmax):
        ends = []
    with pytest.raises(ValueError, match="x: row 2 gives NaN, which has no label"):
        net.predict(x)
    with pytest.raises(ValueError, match="x: row 0 gives NaN"):
        net.predict(x[2])
    assert np.isnan(net.predict_proba(x)).any(axis=1).tolist() == [False, False, True, False]
    assert np.isnan(fp.Regressor(*net).predict(x[2])).any()


@pytest.mark.parametrize("classes", KINDS, ids=lambda labels: labels.dtype.str)
def test_labels_keep_their_dtype(classes: Any) -> None:
    for outputs in (1, 2):
        net = scores(outputs=outputs, classes=classes)
        assert net.classes_.dtype == net.classes.dtype == classes.dtype
        assert net.classes_.tolist() == classes.tolist()
        got = net.predict(np.array([[-1.0, 1.0], [1.0, -1.0]])[:, -outputs:])
        assert got.dtype == classes.dtype
        assert got.tolist() == classes[[1, 0]].tolist()
        with pytest.raises(ValueError, match="read-only"):
            net.classes_[0] = classes[1]
        for x in ([[1.0, 5.0]], [[1.0, 5.0], [5.0, 1.0]]):
            net.predict(np.array(x)[:, -outputs:])[0] = classes[0]  # the caller's own
        assert net.predict(np.array([[1.0, 5.0]])[:, -outputs:]).tolist() == classes[1:].tolist()
    assert scores(outputs=2, classes=classes.tolist()).classes.tolist() == classes.tolist()
    assert scores(outputs=2, classes=classes.astype(classes.dtype.newbyteorder(">"))).classes.dtype == classes.dtype


def test_labels_are_copied() -> None:
    labels = np.array(TEXT, object)
    net = scores(classes=labels)
    labels[0] = "other"
    assert net.classes_.tolist() == TEXT
    labels.flags.writeable = True


def test_labels_that_are_none_are_numbers() -> None:
    assert same_bits(scores().classes_, np.arange(3))
    assert same_bits(scores(outputs=1).classes_, np.arange(2))


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (["a", "b"], ValueError, "classes: expected 3 labels for 3 outputs, got 2"),
        (["a", "b", "a"], ValueError, "classes: expected each label once, got 'a' 2 times"),
        ([0.0, -0.0, 1.0], ValueError, "classes: expected each label once"),
        ([[1, 2, 3]], ValueError, "classes: expected a list of labels, got"),
        ([[1], [2, 3]], ValueError, "classes: expected a list of labels: "),
        ("abc", ValueError, "classes: expected a list of labels, got 'abc'"),
        ({"a", "b", "c"}, ValueError, "classes: expected a list of labels"),
        ([], ValueError, "classes: expected a list of labels"),
        ([0.0, 1.0, np.nan], ValueError, "classes: expected finite numbers"),
        ([None, "a", "b"], TypeError, "classes: expected text, integers, floats or bools, got .* of dtype object"),
        ([b"a", b"b", b"c"], TypeError, "of dtype .S1"),
        ([1j, 2, 3], TypeError, "of dtype complex128"),
        (np.arange(3).astype("M8[D]"), TypeError, "of dtype datetime64"),
        (np.arange(3, dtype=np.longdouble), TypeError, "of dtype .*float128|longdouble"),
        ([2**70, 1, 2], TypeError, "of dtype object"),
    ],
)
def test_labels_that_are_refused(labels: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        scores(classes=labels)


@pytest.mark.parametrize("kind", [fp.Classifier, fp.Regressor])
def test_names_that_are_refused(kind: Any) -> None:
    layer = fp.Linear(np.eye(2))
    for names, error, message in (
        (["a"], ValueError, "feature_names: expected 2 names, one for each input, got 1"),
        (["a", "a"], ValueError, "feature_names: expected each label once"),
        ([1, 2], TypeError, "feature_names: expected text, got"),
    ):
        with pytest.raises(error, match=message):
            kind(layer, feature_names=names)
    with pytest.raises(AttributeError, match="made without names of columns"):
        _ = kind(layer).feature_names_in_
    assert not hasattr(kind(layer), "feature_names_in_")
    net = kind(layer, feature_names=["a", "b"])
    assert net.feature_names_in_.tolist() == ["a", "b"]
    assert net.feature_names_in_.dtype == object
    assert net.n_features_in_ == 2


def test_any_number_of_outputs_is_refused() -> None:
    with pytest.raises(ValueError, match="layers: expected a number of outputs, one for each class"):
        fp.Classifier(fp.ReLU())


@pytest.mark.parametrize("kind", [fp.Classifier, fp.Regressor])
def test_a_call_is_a_network_s(kind: Any, dtype: Float) -> None:
    layers = [fp.Linear(normal(0, (5, 4), dtype)), fp.GELU(), fp.Linear(normal(1, (3, 5), dtype)), fp.Softmax()]
    net, plain, x = kind(*layers), fp.Sequential(*layers), normal(2, (6, 4), dtype)
    assert type(net).__call__ is fp.Module.__call__
    assert same_bits(net(x), plain(x))
    assert list(net.state_dict()) == list(plain.state_dict())
    assert same_bits(fp.error_bound(net, x), fp.error_bound(plain, x))
    assert type(net[1:]) is fp.Sequential
    assert same_bits(fp.Sequential(net, fp.ReLU())(x), plain(x))
    before = net.predict(x)
    net.load_state_dict({name: -value for name, value in plain.state_dict().items()})
    assert same_bits(net(x), plain(x))
    assert not same_bits(net.predict(x), before)


def test_probabilities_follow_new_weights() -> None:
    net = scores(classes=TEXT)
    before = net.predict_proba(ROWS[:2])
    net.load_state_dict({"0.weight": -np.eye(3)})
    assert same_bits(net.predict_proba(-ROWS[:2]), before)


class Mine(fp.Classifier):
    """A user's own class, with arguments of its own."""

    def __init__(self, outputs: int) -> None:
        super().__init__(fp.Linear(np.eye(outputs)), classes=TEXT[:outputs])
        self.note = "mine"


@pytest.mark.parametrize(
    "net", [scores(classes=TEXT, feature_names=list("abc")), fp.Regressor(fp.Linear(np.eye(3))), Mine(3)]
)
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_copies(net: Any, duplicate: Any) -> None:
    labels = net.predict(ROWS[:4])
    again = duplicate(net)
    assert type(again) is type(net)
    assert repr(again) == repr(net)
    assert same_bits(again(ROWS), net(ROWS))
    assert again.predict(ROWS[:4]).tolist() == labels.tolist()
    for name in net.labels:
        before, after = getattr(net, name), getattr(again, name)
        assert (
            (after is None) if before is None else (after.dtype == before.dtype and after.tolist() == before.tolist())
        )
        assert before is None or not after.flags.writeable
        with pytest.raises(AttributeError, match=f"{name} does not change: make a new layer"):
            setattr(again, name, before)


def test_folding_keeps_labels() -> None:
    norm = fp.BatchNorm1d([1.0, 2, 3], [4.0, 4, 4])
    net = fp.fold_batch_norm(scores(norm, classes=TEXT, feature_names=list("abc")))
    assert isinstance(net, fp.Classifier)
    assert net.classes_.tolist() == TEXT
    assert net.feature_names_in_.tolist() == ["a", "b", "c"]
    assert type(fp.fold_batch_norm(fp.Sequential(fp.ReLU()))) is fp.Sequential


def test_repr_shows_labels() -> None:
    assert repr(scores(classes=TEXT)).startswith("Classifier(\n  classes=['red', 'green', 'blue']\n  (0): Linear(")
    many = fp.Classifier(fp.Linear(np.ones((1000, 1))), classes=[f"\x1b{i}" for i in range(1000)])
    assert len(repr(many)) < 300
    assert "\x1b" not in repr(many)
    assert "classes=" in many._repr_html_()
    assert repr(fp.Regressor(fp.Linear([[1.0]]))).startswith("Regressor(\n  (0): ")
