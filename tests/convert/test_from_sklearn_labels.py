"""What scikit-learn predicts on all data sets that it has, before and after files, and where it cannot be imported."""

import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 (which is what makes it importable)
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, RandomizedSearchCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import forwardpass as fp
from forwardpass.error_bound import agreement_bound
from tests.support import Array, Float

ACTIVATIONS = ("identity", "logistic", "tanh", "relu")
SETS = ("iris", "wine", "breast_cancer", "digits", "diabetes", "linnerud")
Case = tuple[Any, Any, Array]  # the fitted estimator, ours, and the rows


def quiet(estimator: Any, x: Any, y: Any) -> Any:
    """The estimator, fitted: whether it has learned much does not matter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(x, y)


def labels(name: str, data: Any) -> Any:
    """Of classes: text, integers, two of text, integers, floats, and several labels a row."""
    y = data.target
    if name in ("iris", "breast_cancer"):
        return data.target_names[y]
    if name == "diabetes":
        return np.digitize(y, np.quantile(y, [0.3, 0.6])) / 1.0
    return (y > np.median(y, axis=0)).astype(int) if name == "linnerud" else y


def fitted(kind: Any, name: str, activation: str, dtype: Float = np.float64) -> Case:
    data = getattr(datasets, f"load_{name}")()
    x = data.data.astype(dtype)
    network = kind(hidden_layer_sizes=(8,), activation=activation, max_iter=12, random_state=0)
    estimator = make_pipeline(StandardScaler() if name != "wine" else MinMaxScaler(), network)
    quiet(estimator, x, labels(name, data) if kind is MLPClassifier else data.target)
    return estimator, fp.from_sklearn(estimator, verbose=False), x


CASES = {
    f"{kind.__name__}-{name}-{activation}": (kind, name, activation)
    for kind in (MLPClassifier, MLPRegressor)
    for name in SETS
    for activation in ACTIVATIONS
}


@pytest.fixture(scope="module")
def cases() -> dict[str, Case]:
    return {case: fitted(*what) for case, what in CASES.items()}


def check(net: Any, estimator: Any, x: Array) -> None:
    """All rows at once and one by one, in values, shapes and dtypes."""
    expected, got = estimator.predict(x), net.predict(x)
    assert (got.shape, got.dtype) == (expected.shape, expected.dtype)
    if isinstance(net, fp.Regressor):
        bound = agreement_bound(net, x).reshape(expected.shape)
        assert (np.abs(got - expected.astype(np.float64)) <= bound).all()
    else:
        np.testing.assert_array_equal(got, expected)
        assert net.classes_.dtype == estimator.classes_.dtype
        np.testing.assert_array_equal(net.classes_, estimator.classes_)
        probable, p = estimator.predict_proba(x), net.predict_proba(x)
        assert (p.shape, p.dtype) == (probable.shape, probable.dtype)
        bound = agreement_bound(net, x)  # 1 - p rounds once more, there and here
        assert (np.abs(p - probable.astype(np.float64)) <= bound + 2 * np.finfo(p.dtype).eps).all()
    for row, wanted in list(zip(x, got, strict=True))[:9]:
        for one in (net.predict(row), net.predict(row[np.newaxis])[0]):
            assert (type(one), np.shape(one)) == (type(wanted), np.shape(wanted))
            np.testing.assert_array_equal(one, wanted)
    assert net.n_features_in_ == estimator.n_features_in_ == x.shape[1]


@pytest.mark.parametrize("case", CASES)
def test_predictions(case: str, cases: dict[str, Case], tmp_path: Path) -> None:
    estimator, net, x = cases[case]
    check(net, estimator, x)
    for suffix in (".npz", ".safetensors"):
        fp.save(net, tmp_path / f"net{suffix}")
        check(fp.load(tmp_path / f"net{suffix}"), estimator, x)
    check(pickle.loads(pickle.dumps(net)), estimator, x)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_predictions_in_float32(kind: Any, name: str) -> None:
    estimator, net, x = fitted(kind, name, "tanh", np.float32)
    assert net.dtype == np.float32
    check(net, estimator, x)


WITHOUT = """
import pickle, sys
from pathlib import Path
sys.modules["sklearn"] = None  # importing it fails
import numpy as np, forwardpass as fp
folder = Path(sys.argv[1])
for path in sorted(folder.glob("*.pickle")):
    x, predicted, probable, pickled = pickle.loads(path.read_bytes())
    saved = [fp.load(path.with_suffix(suffix)) for suffix in (".npz", ".safetensors")]
    for net in (pickle.loads(pickled), *saved):
        got = net.predict(x)
        assert got.dtype == predicted.dtype and got.shape == predicted.shape and (got == predicted).all(), path
        assert probable is None or (net.predict_proba(x) == probable).all(), path
        print("right")
assert not [name for name in sys.modules if name.startswith("sklearn.")]
"""


def test_without_scikit_learn(cases: dict[str, Case], tmp_path: Path) -> None:
    for case, (_, net, x) in cases.items():
        probable = net.predict_proba(x) if isinstance(net, fp.Classifier) else None
        pickled = pickle.dumps((x, net.predict(x), probable, pickle.dumps(net)))
        (tmp_path / f"{case}.pickle").write_bytes(pickled)
        for suffix in (".npz", ".safetensors"):
            fp.save(net, tmp_path / f"{case}{suffix}")
    command = [sys.executable, "-W", "error", "-c", WITHOUT, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["right"] * 3 * len(CASES)


KINDS_OF_LABELS: dict[str, Any] = {
    "bools": lambda y: y > 0,
    "int8": lambda y: y.astype(np.int8),
    "uint64": lambda y: y.astype(np.uint64) + 2**63,
    "float32": lambda y: y.astype(np.float32),
    "text": lambda y: np.array(["zero", "one", "two"])[y],
    "wide text": lambda y: np.array(["zero", "one", "two"], "U40")[y],
    "objects": lambda y: np.array(["zero", "one", "two"], object)[y],
    "a list": lambda y: [str(label) for label in y],
    "one class": lambda y: np.full(len(y), "all"),
    "a column of several labels": lambda y: np.eye(3, dtype=int)[y][:, :2],
    "several bools": lambda y: np.eye(3, dtype=bool)[y],
    "several floats": lambda y: np.eye(3)[y],
}


@pytest.mark.parametrize("labels", KINDS_OF_LABELS)
def test_kinds_of_labels(labels: str) -> None:
    x, y = datasets.load_iris(return_X_y=True)
    estimator = quiet(MLPClassifier(4, max_iter=3, random_state=0), x, KINDS_OF_LABELS[labels](y))
    check(fp.from_sklearn(estimator, verbose=False), estimator, x)


def searched(kind: Any, estimator: Any, grid: dict[str, Any], **options: Any) -> Any:
    x, y = datasets.load_iris(return_X_y=True)
    search: Any = kind(estimator, grid, cv=2, **options)
    return quiet(search, x, y)


NETWORK = MLPClassifier(6, max_iter=4, random_state=0)
SEARCHES: dict[str, Any] = {
    "grid": lambda: searched(GridSearchCV, NETWORK, {"alpha": [1e-4, 1.0]}),
    "grid of a pipeline": lambda: searched(
        GridSearchCV, make_pipeline(StandardScaler(), NETWORK), {"mlpclassifier__alpha": [1e-4, 1.0]}
    ),
    "random": lambda: searched(RandomizedSearchCV, NETWORK, {"alpha": [1e-4, 1.0]}, n_iter=2, random_state=0),
    "halving": lambda: searched(HalvingGridSearchCV, NETWORK, {"alpha": [1e-4, 1.0]}, random_state=0),
    "pipeline with a grid at its end": lambda: quiet(
        make_pipeline(MinMaxScaler(), GridSearchCV(make_pipeline(StandardScaler(), NETWORK), {}, cv=2)),
        *datasets.load_iris(return_X_y=True),
    ),
    "grid of a grid": lambda: searched(GridSearchCV, GridSearchCV(NETWORK, {"alpha": [1.0]}, cv=2), {}),
}


@pytest.mark.parametrize("search", SEARCHES)
def test_a_search_gives_its_best_estimator(search: str) -> None:
    estimator = SEARCHES[search]()
    check(fp.from_sklearn(estimator, verbose=False), estimator, datasets.load_iris().data)


def test_a_search_without_a_best_estimator() -> None:
    unfitted = GridSearchCV(NETWORK, {"alpha": [1.0]})
    for estimator in (unfitted, searched(GridSearchCV, NETWORK, {"alpha": [1.0]}, refit=False)):
        with pytest.raises(fp.ConversionError, match="GridSearchCV has no best_estimator_: fit it, with refit=True"):
            fp.from_sklearn(estimator)
    with pytest.raises(fp.ConversionError, match="step 'gridsearchcv': GridSearchCV has no best_estimator_"):
        fp.from_sklearn(make_pipeline(StandardScaler(), unfitted))


def test_a_pipeline_in_a_pipeline_names_both_steps() -> None:
    inner = make_pipeline(StandardScaler(), MLPClassifier())
    with pytest.raises(fp.ConversionError, match="step 'pipeline': step 'mlpclassifier': MLPClassifier is not fitted"):
        fp.from_sklearn(make_pipeline(inner))
