"""Keras models for the tests, of every layer and activation that from_keras knows."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from tests.support import Array, Float

os.environ["KERAS_BACKEND"] = "torch"  # read when Keras is imported
import keras as keras
from keras import layers as layers
from keras import ops

INPUTS, HIDDEN = 6, 24


@contextmanager
def dtype_policy(dtype: Float) -> Iterator[None]:
    """Everything in a dtype: the layers, the inputs, and the models themselves."""
    name = np.dtype(dtype).name
    keras.config.set_dtype_policy(name)
    keras.config.set_floatx(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy("float32")
        keras.config.set_floatx("float32")


def chain(*made: Any, inputs: tuple[int | None, ...] = (INPUTS,)) -> Any:
    return keras.Sequential([keras.Input(inputs), *made])


def mlp(activation: Any, *widths: int) -> Any:
    return chain(*[layers.Dense(width, activation=activation) for width in widths])


def between(make: Callable[[], Any]) -> Any:
    return chain(layers.Dense(HIDDEN), make(), layers.Dense(HIDDEN), make(), layers.Dense(3))


def adapted(**options: Any) -> Any:
    layer = layers.Normalization(**options)
    layer.adapt(np.random.default_rng(2).standard_normal((200, INPUTS)) * [1, 50, 1e-3, 8, 1, 2] + [0, 90, 0, 3, -5, 1])
    return layer


def residual() -> Any:
    """Blocks with the sum in either order, as a layer and as +, nested and with an activation after it."""
    x = inputs = keras.Input((INPUTS,))
    x = layers.Dense(16, activation="tanh")(x)
    x = layers.Add()([x, layers.Dense(16)(layers.Dense(32, activation="gelu")(x))])
    x = layers.LayerNormalization()(x)
    x = ops.relu(layers.Dense(16)(x) + x)
    inner = layers.Dense(16, activation="silu")(x)
    inner = inner + layers.Dropout(0.2)(layers.Dense(16)(inner))
    x = layers.Activation("elu")(x + inner)
    x = layers.Add()([x, x])
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(x))


def by_operation(function: Callable[[Any], Any]) -> Any:
    x = inputs = keras.Input((INPUTS,))
    x = function(layers.Dense(HIDDEN)(x))
    return keras.Model(inputs, layers.Dense(3)(x))


def models_inside() -> Any:
    x = inputs = keras.Input((INPUTS,))
    x = chain(layers.Dense(5, activation="relu"), layers.Dense(4))(x)
    other = keras.Input((4,))
    x = keras.Model(other, other + layers.Dense(4)(other))(x)
    return chain(layers.Dense(INPUTS), keras.Model(inputs, layers.Dense(2)(x)))


# Names for Dense and Activation, layers of their own, and those that only training sees.
ACTIVATIONS: dict[str, Callable[[], Any]] = {
    **{
        name: partial(layers.Activation, name)
        for name in (
            *("linear", "relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "swish", "tanh", "hard_tanh"),
            *("sigmoid", "softplus", "softmax", "log_softmax", "mish", "softsign", "celu", "hard_silu", "hard_sigmoid"),
        )
    },
    "LeakyReLU": layers.LeakyReLU,
    "LeakyReLU 0.1": lambda: layers.LeakyReLU(negative_slope=0.1),
    "ELU": layers.ELU,
    "ELU 0.5": lambda: layers.ELU(alpha=0.5),
    "ReLU": layers.ReLU,
    "ReLU to 4": lambda: layers.ReLU(max_value=4.0),
    "ReLU with a slope": lambda: layers.ReLU(negative_slope=0.2),
    "PReLU": lambda: layers.PReLU("uniform"),
    "RMSNormalization": layers.RMSNormalization,
    "Softmax": layers.Softmax,
    "LayerNormalization": layers.LayerNormalization,
    "LayerNormalization bare": lambda: layers.LayerNormalization(center=False, scale=False, epsilon=1e-5),
    "LayerNormalization, scale": lambda: layers.LayerNormalization(center=False, axis=1),
    "BatchNormalization": layers.BatchNormalization,
    "BatchNormalization bare": lambda: layers.BatchNormalization(center=False, scale=False, epsilon=1e-2),
    "BatchNormalization, centre": lambda: layers.BatchNormalization(scale=False),
    "Dropout": lambda: layers.Dropout(0.5),
    "AlphaDropout": lambda: layers.AlphaDropout(0.5),
    "GaussianDropout": lambda: layers.GaussianDropout(0.5),
    "GaussianNoise": lambda: layers.GaussianNoise(0.5),
    "ActivityRegularization": lambda: layers.ActivityRegularization(0.1),
    "Identity": layers.Identity,
    "Flatten": layers.Flatten,
    "Reshape": lambda: layers.Reshape((-1,)),
    "Rescaling": lambda: layers.Rescaling(1 / 3, offset=-0.1),
    "Rescaling of each": lambda: layers.Rescaling([*np.linspace(-2, 2, HIDDEN)], offset=[*np.linspace(0, 1, HIDDEN)]),
    "Normalization": lambda: layers.Normalization(mean=[*np.linspace(-2, 2, HIDDEN)], variance=[2.0] * HIDDEN),
    "Normalization of all": lambda: layers.Normalization(axis=None, mean=0.3, variance=0.0),
    "Normalization back": lambda: layers.Normalization(mean=0.3, variance=2.0, invert=True),
}
OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "ops.gelu, tanh": lambda t: ops.gelu(t, approximate=True),
    "ops.gelu": lambda t: ops.gelu(t, approximate=False),
    "ops.leaky_relu": lambda t: ops.leaky_relu(t, 0.7),
    "ops.elu": lambda t: ops.elu(t, 0.5),
    "activations.relu": lambda t: keras.activations.relu(t, max_value=3.0),
    **{
        f"ops.{function.__name__}": function
        for function in (
            *(ops.relu, ops.relu6, ops.selu, ops.silu, ops.softplus, ops.hard_tanh, ops.tanh, ops.sigmoid),
            *(ops.log_softmax, ops.softmax, ops.softsign, ops.celu, ops.hard_silu, ops.hard_sigmoid),
        )
    },
}
ARCHITECTURES: dict[str, Callable[[], Any]] = {
    **{name: partial(between, make) for name, make in ACTIVATIONS.items()},
    "one layer": lambda: mlp(None, 1),
    "no biases": lambda: chain(layers.Dense(9, use_bias=False, activation="tanh"), layers.Dense(2, use_bias=False)),
    "policy": lambda: mlp("tanh", 64, 64, 6),
    "towers": lambda: mlp("elu", 512, 256, 128, 12),
    "deep": lambda: mlp("leaky_relu", *[32] * 20),
    "activation layers": lambda: mlp(layers.LeakyReLU(0.05), 16, 16, 2),
    "layer of softmax": lambda: chain(layers.Dense(5, activation=layers.Softmax())),
    "adapted": lambda: chain(adapted(), layers.Dense(16, activation="relu"), layers.Dense(1, activation="sigmoid")),
    "adapted as one": lambda: chain(adapted(axis=None), layers.Dense(2)),
    "adapted and back": lambda: chain(layers.Dense(INPUTS, activation="tanh"), adapted(invert=True)),
    "images": lambda: chain(
        layers.Rescaling(1 / 255),
        layers.Flatten(),
        layers.Dense(32, activation="relu"),
        layers.Dropout(0.3),
        layers.Dense(10, activation="softmax"),
        inputs=(14, 14, 1),
    ),
    "only training": lambda: chain(layers.Dropout(0.5)),
    "residual": residual,
    **{name: partial(by_operation, function) for name, function in OPERATIONS.items()},
    "models inside": models_inside,
}


def build(name: str, dtype: Float = np.float32) -> Any:
    """With values everywhere, moving statistics and biases among them."""
    keras.utils.set_random_seed(0)
    with dtype_policy(dtype):
        model = ARCHITECTURES[name]()
    rng = np.random.default_rng(0)
    for layer in model._flatten_layers():
        if isinstance(layer, (layers.Dense, layers.BatchNormalization, layers.LayerNormalization)):
            values = [array + 0.1 * rng.standard_normal(array.shape) for array in layer.get_weights()]
            if isinstance(layer, layers.BatchNormalization):
                values[-1] = rng.uniform(0.3, 3, values[-1].shape)
            layer.set_weights(values)
    return model


def answers(model: Any, x: Array) -> Array:
    rows = keras.ops.convert_to_tensor(x.reshape(-1, *model.input_shape[1:]), dtype=x.dtype.name)
    y: Array = keras.ops.convert_to_numpy(model(rows, training=False))
    return y
