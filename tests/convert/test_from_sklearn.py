"""Networks of scikit-learn: each gives what its own predict or predict_proba gives, within the bound, or is refused."""

import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, RobustScaler, StandardScaler

import forwardpass as fp
from forwardpass.convert import sklearn as importer
from forwardpass.error_bound import agreement_bound
from tests.support import Array, Float

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning"),
]

FEATURES = 5
ACTIVATIONS = {"identity": fp.Identity, "logistic": fp.Sigmoid, "tanh": fp.Tanh, "relu": fp.ReLU}
SCALERS: dict[str, list[Any]] = {
    "standard": [StandardScaler()],
    "no mean": [StandardScaler(with_mean=False)],
    "no std": [StandardScaler(with_std=False)],
    "neither": [StandardScaler(with_mean=False, with_std=False)],
    "min-max": [MinMaxScaler()],
    "range": [MinMaxScaler((-3, 5))],
    "clip": [MinMaxScaler((-1, 1), clip=True)],
    "both": [StandardScaler(), "passthrough", MinMaxScaler(clip=True)],
    "passthrough": ["passthrough"],
}


def data(dtype: Float, constant: bool = False) -> Array:
    """Features of several scales, far from 0 or near; `constant` makes the last of them one number."""
    x = np.random.default_rng(0).standard_normal((120, FEATURES)) * [1, 50, 1e-3, 8, 1] + [0, 1000, 0, 3, -50]
    if constant:
        x[:, -1] = 7
    return x.astype(dtype)


def targets(task: str, x: Array) -> Any:
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    return {
        "one value": z[:, 0] * z[:, 1],
        "a column": z[:, :1],
        "values": z[:, :3] ** 2,
        "two classes": np.where(z[:, 0] > 0, "yes", "no"),
        "classes": np.digitize(z[:, 0], [-0.5, 0.5]) * 10,
        "labels": (z[:, :3] > 0).astype(int),
    }[task]


TASKS = {
    "one value": (MLPRegressor, 1),
    "a column": (MLPRegressor, 1),
    "values": (MLPRegressor, 3),
    "two classes": (MLPClassifier, 1),
    "classes": (MLPClassifier, 3),
    "labels": (MLPClassifier, 3),
}


def network(task: str, hidden: tuple[int, ...] = (8, 6), activation: str = "relu") -> Any:
    return TASKS[task][0](hidden_layer_sizes=hidden, activation=activation, max_iter=20, random_state=0)


def check(estimator: Any, x: Array, task: str) -> fp.Sequential:
    """The network converted, after a comparison of our own on the data that it learned from."""
    net: fp.Sequential = fp.from_sklearn(estimator)
    assert net.dtype == x.dtype
    verification = net.verification
    assert verification.rows >= 64
    assert verification.largest_share <= 1

    got = net(x)
    assert got.shape == (len(x), TASKS[task][1])
    if TASKS[task][0] is MLPRegressor:
        expected = estimator.predict(x).reshape(len(x), -1)
    else:
        expected = estimator.predict_proba(x)
        if task == "two classes":
            np.testing.assert_array_equal(expected[:, :1], 1 - expected[:, 1:])
            expected = expected[:, 1:]
    assert expected.dtype == x.dtype
    bound = agreement_bound(net, x)
    assert (np.abs(got - expected.astype(np.float64)) <= bound).all()

    # The mapping to labels that the documentation gives, but where rounding decides.
    classes: Any = getattr(estimator, "classes_", None)
    labels = estimator.predict(x)
    if task == "classes":
        best = np.sort(got, axis=1)
        sure = best[:, -1] - best[:, -2] > 2 * bound.max(axis=1)
        np.testing.assert_array_equal(classes[got.argmax(-1)][sure], labels[sure])
    elif task in ("two classes", "labels"):
        chosen = classes[(got[:, 0] > 0.5).astype(int)] if task == "two classes" else got > 0.5
        sure = (np.abs(got - 0.5) > bound).all(axis=1)
        np.testing.assert_array_equal(chosen[sure], labels[sure])
    return net


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_network(activation: str, task: str, dtype: Float) -> None:
    x = data(dtype) / 50
    net = check(network(task, activation=activation).fit(x, targets(task, x)), x, task)
    kinds = [type(layer) for layer in net]
    hidden = ACTIVATIONS[activation]
    output: dict[str, list[Any]] = {"two classes": [fp.Sigmoid], "labels": [fp.Sigmoid], "classes": [fp.Softmax]}
    assert kinds == [fp.Linear, hidden, fp.Linear, hidden, fp.Linear, *output.get(task, [])]


@pytest.mark.parametrize("task", ["values", "two classes"])
@pytest.mark.parametrize("scalers", SCALERS)
def test_pipeline(scalers: str, task: str, dtype: Float) -> None:
    x = data(dtype, constant=scalers in ("standard", "min-max"))
    estimator = make_pipeline(*SCALERS[scalers], network(task, activation="tanh")).fit(x, targets(task, data(dtype)))
    check(estimator, x, task)


@pytest.mark.parametrize("hidden", [(), (1,), (33,), (4, 3, 2, 5), (100, 100)])
def test_sizes(hidden: tuple[int, ...], dtype: Float) -> None:
    x = data(dtype) / 50
    net = check(network("classes", hidden).fit(x, targets("classes", x)), x, "classes")
    assert [layer.out_features for layer in net if isinstance(layer, fp.Linear)] == [*hidden, 3]


def test_weights_are_transposed() -> None:
    x = data(np.float64)
    estimator = network("values").fit(x, targets("values", x))
    state = fp.from_sklearn(estimator).state_dict()
    assert list(state) == ["0.weight", "0.bias", "2.weight", "2.bias", "4.weight", "4.bias"]
    for i, (weight, bias) in enumerate(zip(estimator.coefs_, estimator.intercepts_, strict=True)):
        np.testing.assert_array_equal(state[f"{2 * i}.weight"], weight.T)
        np.testing.assert_array_equal(state[f"{2 * i}.bias"], bias)


def test_names_of_columns_do_not_matter(capsys: pytest.CaptureFixture[str]) -> None:
    x = data(np.float64)
    estimator = make_pipeline(StandardScaler(), network("values")).fit(x, targets("values", x))
    estimator[0].feature_names_in_ = np.array(["a", "b", "c", "d", "e"], object)  # as a DataFrame leaves them
    net = fp.from_sklearn(estimator)
    assert capsys.readouterr().out == f"{net.verification}\n"
    assert "rows agree with scikit-learn StandardScaler + MLPRegressor, within" in str(net.verification)


def test_another_function_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    x = data(np.float64) / 50
    estimator = network("values").fit(x, targets("values", x))
    monkeypatch.setitem(importer.HIDDEN, "relu", fp.Identity)
    with pytest.raises(fp.ConversionError, match="does not answer as its source"):
        fp.from_sklearn(estimator)


class Doubled(MLPRegressor):
    def predict(self, X: Any) -> Any:
        return 2 * super().predict(X)


def piped(*steps: Any, last: Any = None) -> Pipeline:
    names = [("scale", StandardScaler()), *(("other", step) for step in steps)]
    return Pipeline([*names, ("net", last or network("values"))])


def poisson() -> MLPRegressor:
    return MLPRegressor(loss="poisson", hidden_layer_sizes=3, max_iter=2, random_state=0)


KNOWN = "expected MLPClassifier, MLPRegressor, a Pipeline or a search, got "
# Estimators, fitted where `fit` is called, and what the message says.
REFUSED: dict[str, tuple[Callable[[Array, Array], Any], str]] = {
    "not fitted": (lambda x, y: network("values"), "MLPRegressor is not fitted"),
    "not fitted in a pipeline": (
        lambda x, y: Pipeline([("scale", StandardScaler().fit(x)), ("net", network("classes"))]),
        "step 'net': MLPClassifier is not fitted",
    ),
    "scaler not fitted": (
        lambda x, y: piped(last=network("values").fit(x, y)),
        "step 'scale': StandardScaler is not fitted",
    ),
    "poisson": (
        lambda x, y: poisson().fit(x, abs(y) + 1),
        "out_activation_: 'exp' is not supported; expected one of identity, logistic, softmax",
    ),
    "poisson in a pipeline": (
        lambda x, y: piped(last=poisson()).fit(x, abs(y) + 1),
        "step 'net': out_activation_: 'exp' is not supported",
    ),
    "robust scaler": (
        lambda x, y: piped(RobustScaler()).fit(x, y),
        "step 'other': RobustScaler is not supported; expected StandardScaler or MinMaxScaler",
    ),
    "function": (lambda x, y: piped(FunctionTransformer()).fit(x, y), "step 'other': FunctionTransformer is not"),
    "PCA": (lambda x, y: piped(PCA(2)).fit(x, y), "step 'other': PCA is not supported"),
    "another last step": (
        lambda x, y: piped(last=LogisticRegression()),
        "step 'net': expected MLPClassifier or MLPRegressor as the last step, got LogisticRegression",
    ),
    "another estimator": (lambda x, y: LogisticRegression(), f"{KNOWN}LogisticRegression"),
    "a subclass": (
        lambda x, y: Doubled(hidden_layer_sizes=3, max_iter=2).fit(x, y),
        f"{KNOWN}{__name__}.Doubled",
    ),
    "no estimator": (lambda x, y: {"weight": x}, f"{KNOWN}builtins.dict"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusal_names_step_and_class(case: str) -> None:
    build, message = REFUSED[case]
    x = data(np.float64)
    with pytest.raises(fp.ConversionError, match=re.escape(message)):
        fp.from_sklearn(build(x, targets("values", x)))


def test_a_pipeline_without_steps() -> None:
    with pytest.raises(fp.ConversionError, match="a Pipeline without steps"):
        fp.from_sklearn(Pipeline([]))


def test_scikit_learn_is_not_imported() -> None:
    code = "import sys, forwardpass as fp; fp.from_sklearn; assert 'sklearn' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
