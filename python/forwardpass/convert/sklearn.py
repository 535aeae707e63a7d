"""Networks of scikit-learn: MLPRegressor and MLPClassifier, with the scalers before them in a Pipeline."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import nn
from ..environment import undisturbed
from .classes import class_name
from .errors import ConversionError
from .verification import rows_for, verify

NETWORKS = ("MLPClassifier", "MLPRegressor")
SEARCHES = ("GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV")
SCALERS = ("StandardScaler", "MinMaxScaler")
HIDDEN: dict[str, type[nn.Module]] = {"identity": nn.Identity, "logistic": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU}
OUTPUT: dict[str, list[type[nn.Module]]] = {"identity": [], "logistic": [nn.Sigmoid], "softmax": [nn.Softmax]}


@undisturbed
@np.errstate(all="ignore")  # values that float32 cannot hold become infinite, as in the source
def from_sklearn(estimator: Any, *, verbose: bool = True) -> nn.Classifier | nn.Regressor:
    """A fitted MLPRegressor or MLPClassifier, alone or after scalers in a Pipeline.

    The network predicts what the estimator predicts, and needs no scikit-learn, nor do files and pickles of it.
    scikit-learn's ``coefs_`` are (in, out): they are transposed. The network has their dtype, float32 or float64, as
    the data of ``fit`` had. Its answers are compared with the estimator's, and the comparison is printed and kept as
    ``net.verification``.

    Parameters
    ----------
    estimator : sklearn.neural_network.MLPRegressor, MLPClassifier, or sklearn.pipeline.Pipeline
        In a Pipeline, StandardScaler and MinMaxScaler may come before it. Of a fitted search, such as GridSearchCV,
        the best estimator is taken. Read, not changed; scikit-learn is not imported.
    verbose : bool
        Print the line about the comparison.

    Returns
    -------
    Classifier or Regressor
        A Sequential with the estimator's ``predict``, ``n_features_in_`` and ``feature_names_in_``; a Classifier also
        has ``predict_proba`` and ``classes_``. A call gives the outputs of the layers, shape (..., out_features):

        - a regressor: what ``predict`` gives, one column where that is 1-d;
        - a classifier of three classes or more, or of several labels: ``predict_proba``;
        - of two classes: one column p, the probability of ``classes_[1]``.

    Raises
    ------
    ConversionError
        Another estimator or step, one that is not fitted, or answers that differ.

    Examples
    --------
    >>> import numpy as np, forwardpass as fp
    >>> from sklearn.neural_network import MLPRegressor
    >>> x = np.random.default_rng(0).uniform(-1, 1, (50, 2))
    >>> model = MLPRegressor(hidden_layer_sizes=8, max_iter=2000, random_state=0).fit(x, x[:, 0] * x[:, 1])
    >>> net = fp.from_sklearn(model)  # doctest: +ELLIPSIS
    from_sklearn: 72 rows agree with scikit-learn MLPRegressor, ...
    >>> net
    Regressor(
      (0): Linear(in_features=2, out_features=8, bias=True)
      (1): ReLU()
      (2): Linear(in_features=8, out_features=1, bias=True)
    )
    >>> net.predict(x[0]), net.predict(x[:3]).shape  # doctest: +ELLIPSIS
    (np.float64(...), (3,))
    """
    scalers, network, where = _parts(estimator)
    linears = _linears(network, where)
    dtype = linears[0].weight.dtype
    width = linears[0].in_features
    layers = [layer for step, scaler in scalers for layer in _scaling(scaler, step, dtype)]
    # Whatever is asked first has seen the names of the columns.
    names = getattr(scalers[0][1] if scalers else network, "feature_names_in_", None)
    net = _predictor(network, [*layers, *_chain(network, linears, where)], names)
    source = "scikit-learn " + " + ".join([*(_kind(scaler) for _, scaler in scalers), _kind(network)])
    run, more = partial(_answers, estimator, network), _typical(scalers, width)
    verify(net, run, width, importer="from_sklearn", source=source, more=more, verbose=verbose)
    return net


def _typical(scalers: list[tuple[str, Any]], width: int) -> list[NDArray[Any]]:
    """What the scalers were made for: other rows they may bring to where everything saturates or is clipped."""
    rows: NDArray[Any] = rows_for(width, np.dtype(np.float64))
    for _, scaler in reversed(scalers):
        rows = _before(scaler, rows)
    return [rows] if scalers else []


def _predictor(network: Any, layers: list[nn.Module], names: Any) -> nn.Classifier | nn.Regressor:
    if _kind(network) == "MLPRegressor":
        return nn.Regressor(*layers, feature_names=names)
    return nn.Classifier(*layers, classes=network.classes_, feature_names=names)


def _chain(network: Any, linears: list[nn.Linear], where: str) -> list[nn.Module]:
    """The network's layers, with its activations between and behind them."""
    hidden = _known(HIDDEN, network.activation, f"{where}activation")
    output = _known(OUTPUT, network.out_activation_, f"{where}out_activation_")
    inner = [layer for linear in linears[:-1] for layer in (linear, hidden())]
    return [*inner, linears[-1], *(activation() for activation in output)]


def _answers(estimator: Any, network: Any, x: nn.FloatArray) -> NDArray[Any]:
    """What the estimator gives where ours gives its outputs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that an array has no names of columns
        if _kind(network) == "MLPRegressor":
            return np.asarray(estimator.predict(x)).reshape(len(x), -1)
        probabilities = np.asarray(estimator.predict_proba(x))
        return probabilities[:, 1:] if network.n_outputs_ == 1 else probabilities


def _kind(estimator: Any) -> str:
    return class_name(estimator, "sklearn")


def _parts(estimator: Any, at: str = "") -> tuple[list[tuple[str, Any]], Any, str]:
    """Scalers with what messages call them, the network, and what messages begin with for that."""
    if _kind(estimator) in SEARCHES:
        if not hasattr(estimator, "best_estimator_"):
            raise ConversionError(f"{at}{_kind(estimator)} has no best_estimator_: fit it, with refit=True")
        return _parts(estimator.best_estimator_, at)
    if _kind(estimator) in NETWORKS:
        return [], estimator, at
    if _kind(estimator) != "Pipeline":
        wanted = f"{' or '.join(NETWORKS)} as the last step" if at else f"{', '.join(NETWORKS)}, a Pipeline or a search"
        raise ConversionError(f"{at}expected {wanted}, got {_kind(estimator)}")
    named = [(f"{at}step {name!r}: ", step) for name, step in estimator.steps]
    scalers = [(where, step) for where, step in named[:-1] if step is not None and step != "passthrough"]
    for where, step in scalers:
        if _kind(step) not in SCALERS:
            raise ConversionError(f"{where}{_kind(step)} is not supported; expected {' or '.join(SCALERS)}")
    if not named:
        raise ConversionError(f"{at}expected {' or '.join(NETWORKS)} as the last step, got a Pipeline without steps")
    where, last = named[-1]
    inner, network, where = _parts(last, where)  # which may be a search, or a Pipeline again
    return scalers + inner, network, where


def _linears(network: Any, where: str) -> list[nn.Linear]:
    if not hasattr(network, "coefs_"):
        raise ConversionError(f"{where}{_kind(network)} is not fitted")
    pairs = zip(network.coefs_, network.intercepts_, strict=True)
    return [nn.Linear(np.asarray(weight).T, bias) for weight, bias in pairs]


def _scaling(scaler: Any, where: str, dtype: np.dtype[Any]) -> list[nn.Module]:
    if not hasattr(scaler, "n_features_in_"):
        raise ConversionError(f"{where}{_kind(scaler)} is not fitted")
    width = scaler.n_features_in_
    if _kind(scaler) == "StandardScaler":
        # Its transform rounds both to the dtype of x.
        mean = scaler.mean_.astype(dtype) if scaler.with_mean else np.zeros(width)
        return [nn.Normalize(mean, scaler.scale_.astype(dtype) if scaler.with_std else np.ones(width))]
    affine = nn.Affine(scaler.scale_, scaler.min_)
    if not scaler.clip:
        return [affine]
    low, high = scaler.feature_range
    return [affine, nn.Clip(np.full(width, low, dtype), np.full(width, high, dtype))]


def _before(scaler: Any, y: NDArray[Any]) -> NDArray[Any]:
    """Rows that the scaler makes y of (if it does not clip them)."""
    if _kind(scaler) == "MinMaxScaler":
        rows: NDArray[Any] = (y - scaler.min_) / scaler.scale_
        return rows
    return y * (scaler.scale_ if scaler.with_std else 1.0) + (scaler.mean_ if scaler.with_mean else 0.0)


def _known(table: dict[str, Any], name: Any, where: str) -> Any:
    if name not in table:
        raise ConversionError(f"{where}: {name!r} is not supported; expected one of {', '.join(table)}")
    return table[name]
