"""Models of Keras as its export() writes them, against Keras itself."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import forwardpass as fp
from tests.support.onnx_models import WIDTH, assert_agrees, by_keras, draw, rows


@pytest.fixture(scope="module")
def keras() -> Any:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    assert keras.backend.backend() == "torch"
    keras.utils.set_random_seed(0)
    return keras


def with_activation(name: str) -> Callable[[Any, Any], Any]:
    return lambda layers, input: layers.Dense(3)(layers.Dense(8, activation=name)(input))


KERAS: dict[str, Callable[[Any, Any], Any]] = {
    **{
        name: with_activation(name)
        for name in (
            *("relu", "leaky_relu", "elu", "selu", "gelu", "silu", "tanh", "sigmoid", "softplus", "softmax"),
            *("log_softmax", "relu6", "hard_tanh", "linear"),
        )
    },
    "residual": lambda layers, input: layers.Dense(3)(layers.Add()([input, layers.Dense(WIDTH)(input)])),
    "batch normalization": lambda layers, input: layers.Dense(3)(layers.BatchNormalization()(layers.Dense(8)(input))),
    "scalers": lambda layers, input: layers.Dense(3)(
        layers.Rescaling(2.0, 1.0)(layers.Normalization(mean=[1.0] * WIDTH, variance=[2.0] * WIDTH)(input))
    ),
    "layers": lambda layers, input: layers.Softmax()(
        layers.ELU()(layers.LeakyReLU()(layers.Dropout(0.5)(layers.ReLU(max_value=2.0)(layers.Dense(4)(input)))))
    ),
    "reshape": lambda layers, input: layers.Reshape((4,))(layers.Dense(4)(input)),
}


@pytest.mark.parametrize("name", KERAS)
def test_keras(name: str, keras: Any, tmp_path: Path) -> None:
    input = keras.Input((WIDTH,))
    network = keras.Model(input, KERAS[name](keras.layers, input))
    for seed, value in enumerate(network.weights):
        if value.dtype == "float32":
            value.assign(np.abs(draw(*value.shape, seed=seed)) + 0.2 if "moving" in value.path else draw(*value.shape))
    x = rows(40, WIDTH).astype(np.float32)
    expected = network(x).detach().numpy()
    assert_agrees(fp.from_onnx(by_keras(network, tmp_path)), x, expected)


def test_keras_image(keras: Any, tmp_path: Path) -> None:
    network = keras.Sequential([keras.Input((4, 3)), keras.layers.Flatten(), keras.layers.Dense(3)])
    x = rows(10, 4, 3).astype(np.float32)
    net = fp.from_onnx(by_keras(network, tmp_path))
    assert_agrees(net, x.reshape(10, 12), network(x).detach().numpy())
