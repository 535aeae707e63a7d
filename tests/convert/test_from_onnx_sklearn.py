"""Estimators of scikit-learn as skl2onnx writes them, against scikit-learn itself."""

from typing import Any

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

import forwardpass as fp
from tests.support import Array
from tests.support.onnx_models import WIDTH, assert_agrees, by_sklearn, rows

X = rows(80, WIDTH) + np.arange(WIDTH)
NAMES = ["identity", "logistic", "tanh", "relu"]
CLASSES = {"two classes": X[:, 0] > 0, "three classes": np.digitize(X[:, 1], [0, 2]), "labels": X[:, :3] > X[:, 3:]}


def fitted(kind: Any, y: Array, activation: str, dtype: str, *scalers: Any) -> Any:
    network = kind(hidden_layer_sizes=(7, 5), activation=activation, solver="lbfgs", max_iter=20, random_state=0)
    estimator = make_pipeline(*scalers, network) if scalers else network
    return estimator.fit(X.astype(dtype), y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", NAMES)
def test_sklearn_regressor(activation: str, dtype: str) -> None:
    estimator = fitted(MLPRegressor, X[:, 0] * X[:, 1], activation, dtype)
    x = X.astype(dtype)
    assert_agrees(fp.from_onnx(by_sklearn(estimator, x)), x, estimator.predict(x).reshape(-1, 1))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("zipmap", [False, True])
@pytest.mark.parametrize("target", CLASSES)
def test_sklearn_classifier(target: str, zipmap: bool) -> None:
    estimator = fitted(MLPClassifier, CLASSES[target], "tanh", "float32")
    x = X.astype(np.float32)
    options = {} if zipmap or target == "labels" else {"zipmap": False}
    assert_agrees(fp.from_onnx(by_sklearn(estimator, x, **options)), x, estimator.predict_proba(x))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "scaler", [StandardScaler(), MinMaxScaler(), MinMaxScaler(clip=True), MaxAbsScaler(), RobustScaler()], ids=str
)
def test_sklearn_pipeline(scaler: Any, dtype: str) -> None:
    estimator = fitted(MLPRegressor, X[:, 0] * X[:, 1], "relu", dtype, scaler)
    x = X.astype(dtype)
    assert_agrees(fp.from_onnx(by_sklearn(estimator, x)), x, estimator.predict(x).reshape(-1, 1))
