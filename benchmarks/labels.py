"""What `predict` of one row costs: beside the bare call of the network, and beside scikit-learn's own `predict`.

Needs scikit-learn (pip install scikit-learn). One thread; the labels are compared before anything is timed. `dtype` is
that of the data: scikit-learn's network, and ours, have the same.
"""

from support import arguments, microseconds, print_machine  # isort: skip

import warnings
from functools import partial
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_linnerud
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import forwardpass as fp
from forwardpass.bench.timing import time_interleaved

HIDDEN = (64, 64)


def cases() -> list[tuple[str, Any, Any, Any]]:
    """What is predicted, the network of scikit-learn, and the data that it learns from."""
    iris, cancer, linnerud = load_iris(), load_breast_cancer(), load_linnerud()
    several = (linnerud.target > np.median(linnerud.target, axis=0)).astype(int)
    return [
        ("3 labels of text", MLPClassifier, iris.data, iris.target_names[iris.target]),
        ("2 labels of text", MLPClassifier, cancer.data, cancer.target_names[cancer.target]),
        ("10 integers", MLPClassifier, *load_digits(return_X_y=True)),
        ("several labels a row", MLPClassifier, linnerud.data, several),
        ("a number", MLPRegressor, *load_diabetes(return_X_y=True)),
    ]


def main() -> None:
    args = arguments(__doc__)
    print_machine()
    print("| predicted | x | the call, us | `predict`, us | more, us | scikit-learn's `predict`, us |")
    print("|---|---|---|---|---|---|")
    for title, kind, data, target in cases():
        x = data.astype(args.dtype)
        estimator = make_pipeline(StandardScaler(), kind(hidden_layer_sizes=HIDDEN, max_iter=20, random_state=0))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it has not learned to the end
            estimator.fit(x, target)
        net = fp.from_sklearn(estimator, verbose=False)
        same = np.allclose if kind is MLPRegressor else np.array_equal
        assert same(net.predict(x), estimator.predict(x))
        for shape, row in (("(features,)", x[0]), ("(1, features)", x[:1])):
            # scikit-learn takes the latter alone.
            calls = {"call": partial(net, row), "predict": partial(net.predict, row)}
            timings = time_interleaved(calls | {"sklearn": partial(estimator.predict, x[:1])}, args.seconds)
            more = (timings["predict"].median - timings["call"].median) * 1e6
            call, predict, sklearn = (microseconds(timings[name]) for name in ("call", "predict", "sklearn"))
            print(f"| {title} | {shape} | {call} | {predict} | {more:.2f} | {sklearn} |", flush=True)


if __name__ == "__main__":
    main()
