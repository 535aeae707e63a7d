"""classes= makes a Classifier of a Keras model and of its file."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import forwardpass as fp
from tests.support import normal

os.environ["KERAS_BACKEND"] = "torch"  # read when Keras is imported
import keras

# NumPy's, of how Keras with torch makes arrays.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def test_labels(tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(8, activation="relu"), keras.layers.Dense(3, activation="softmax")]
    model = keras.Sequential([keras.Input((4,)), *layers])
    model.save(tmp_path / "net.keras")
    x = normal(0, (40, 4), np.float32)
    answers = keras.ops.convert_to_numpy(model(x))
    for source in (model, tmp_path / "net.keras"):
        net: Any = fp.from_keras(source, classes=["a", "b", "c"], verbose=False)
        assert (net.verification.rows > 0) == (source is model)
        assert net.predict(x).tolist() == np.array(["a", "b", "c"])[answers.argmax(-1)].tolist()
        np.testing.assert_allclose(net.predict_proba(x), answers, rtol=1e-5)


def test_several_labels_of_a_sigmoid() -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="sigmoid")])
    net: Any = fp.from_keras(model, classes=["a", "b", "c"], verbose=False)
    x = normal(0, (40, 4), np.float32)
    assert np.array_equal(net.predict(x), keras.ops.convert_to_numpy(model(x)) > 0.5)
