"""DataFrames of pandas: what scikit-learn takes and refuses of them, so do we."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import forwardpass as fp
from forwardpass.error_bound import agreement_bound
from tests.support import same_bits

FRAME: Any
FRAME, TARGET = load_iris(return_X_y=True, as_frame=True)
NAMES = list(FRAME.columns)


def fitted(*steps: Any, y: Any = TARGET, x: Any = FRAME) -> tuple[Any, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator = make_pipeline(*steps).fit(x, y)
    return estimator, fp.from_sklearn(estimator, verbose=False)


ESTIMATORS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "classifier": lambda: fitted(MLPClassifier(5, max_iter=4, random_state=0)),
    "behind a scaler": lambda: fitted(StandardScaler(), MLPClassifier(5, max_iter=4, random_state=0)),
    "behind nothing": lambda: fitted("passthrough", StandardScaler(), MLPClassifier(5, max_iter=4, random_state=0)),
    "behind a scaler of frames": lambda: fitted(
        StandardScaler().set_output(transform="pandas"), MLPClassifier(5, max_iter=4, random_state=0)
    ),
    "regressor": lambda: fitted(StandardScaler(), MLPRegressor(hidden_layer_sizes=(5,), max_iter=4, random_state=0)),
}


@pytest.fixture(scope="module", params=ESTIMATORS)
def pair(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    return ESTIMATORS[request.param]()


def ways(net: Any) -> list[str]:
    return ["predict", "predict_proba"] if isinstance(net, fp.Classifier) else ["predict"]


def test_names_are_kept(pair: tuple[Any, Any], tmp_path: Path) -> None:
    _, net = pair
    fp.save(net, tmp_path / "net.npz")
    again: Any = fp.load(tmp_path / "net.npz")
    for each in (net, again):
        assert each.feature_names_in_.tolist() == NAMES
        assert each.feature_names_in_.dtype == object
        assert same_bits(each.predict(FRAME), each.predict(FRAME.to_numpy()))


REFUSED: dict[str, Callable[[Any], Any]] = {
    "another order": lambda x: x[NAMES[::-1]],
    "a column less": lambda x: x[NAMES[:3]],
    "a column more": lambda x: x.assign(more=1.0),
    "another name": lambda x: x.rename(columns={NAMES[1]: "width"}),
    "one of text": lambda x: x.assign(**{NAMES[0]: "a"}),
    "one of dates": lambda x: x.assign(**{NAMES[0]: pd.Timestamp(0)}),
    "one of categories": lambda x: x.assign(**{NAMES[0]: pd.Categorical(["a"] * len(x))}),
}


@pytest.mark.parametrize("change", REFUSED)
def test_what_scikit_learn_refuses(change: str, pair: tuple[Any, Any]) -> None:
    estimator, net = pair
    x = REFUSED[change](FRAME)
    for way in ways(net):
        with pytest.raises((ValueError, TypeError)):
            getattr(estimator, way)(x)
        with pytest.raises((ValueError, TypeError), match=r"^x: .*(sepal|petal)"):
            getattr(net, way)(x)


TAKEN: dict[str, Callable[[Any], Any]] = {
    "as it was": lambda x: x,
    "nullable": lambda x: x.convert_dtypes(),
    "Float32": lambda x: x.astype("Float32"),
    "Arrow": lambda x: x.convert_dtypes(dtype_backend="pyarrow"),
    "Arrow's floats": lambda x: x.astype("float64[pyarrow]"),
    "integers": lambda x: x.astype(int),
    "nullable integers": lambda x: x.astype(int).astype("Int8"),
    "mixed": lambda x: x.astype({NAMES[0]: "Float64", NAMES[1]: "int64", NAMES[2]: "float32"}, errors="ignore"),
    "bools": lambda x: x > x.mean(),
    "another index": lambda x: x.set_index(np.arange(len(x))[::-1] * 3),
    "numbers for names": lambda x: x.set_axis(range(4), axis=1),
    "no rows": lambda x: x[:0],
}


@pytest.mark.parametrize("change", TAKEN)
def test_what_scikit_learn_takes(change: str, pair: tuple[Any, Any]) -> None:
    estimator, net = pair
    x = TAKEN[change](FRAME)
    expected = np.asarray(x.astype(float))
    for way in ways(net):
        got = getattr(net, way)(x)
        assert same_bits(got, getattr(net, way)(expected))
        if len(x) == 0:  # which scikit-learn refuses
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of names that are numbers
            wanted = getattr(estimator, way)(x)
        if got.dtype.kind == "f":
            np.testing.assert_allclose(got, wanted, atol=agreement_bound(net, expected).max())
        else:
            np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("backend", ["numpy_nullable", "pyarrow"])
def test_what_is_missing_is_nan(backend: Any, pair: tuple[Any, Any]) -> None:
    """Which scikit-learn refuses; a classifier does, and a regressor's answer is NaN."""
    estimator, net = pair
    x = FRAME.convert_dtypes(dtype_backend=backend)
    x.iloc[2, 1] = pd.NA
    with pytest.raises(ValueError, match="NaN"):
        estimator.predict(x)
    if isinstance(net, fp.Classifier):
        with pytest.raises(ValueError, match="x: row 2 gives NaN"):
            net.predict(x)
        assert np.flatnonzero(np.isnan(net.predict_proba(x)).any(axis=1)).tolist() == [2]
    else:
        assert np.flatnonzero(np.isnan(net.predict(x))).tolist() == [2]


@pytest.mark.parametrize("dtype", ["object", "str", "string", "category", "string[pyarrow]", "Int64", "boolean"])
def test_labels_in_a_series(dtype: str) -> None:
    y = TARGET.map({0: "a", 1: "b", 2: "c"}) if dtype not in ("Int64", "boolean") else TARGET > 0
    estimator, net = fitted(MLPClassifier(5, max_iter=4, random_state=0), y=y.astype(dtype))
    assert net.predict(FRAME).dtype == estimator.predict(FRAME).dtype
    np.testing.assert_array_equal(net.predict(FRAME), estimator.predict(FRAME))
