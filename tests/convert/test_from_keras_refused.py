"""What from_keras does not know it refuses, naming the layer and what is wrong with it."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import forwardpass as fp
from tests.support.keras_models import INPUTS, build, chain, keras, layers, mlp

# NumPy's, of how Keras with torch makes arrays.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


class Doubled(layers.Dense):
    """A layer of a user's own."""

    def call(self, inputs: Any, training: Any = None) -> Any:
        return 2 * super().call(inputs, training=training)


class Unable(layers.Layer):
    """One that cannot describe itself."""

    def __init__(self, function: Any) -> None:
        super().__init__()

    def call(self, x: Any) -> Any:
        return x


class Own(keras.Sequential):
    """A model of a user's own."""


class Subclassed(keras.Model):
    """As most of PyTorch's users would write one."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, x: Any) -> Any:
        return self.dense(x)


def functional(make: Callable[[Any], Any]) -> Callable[[], Any]:
    def build() -> Any:
        x = keras.Input((INPUTS,))
        return keras.Model(x, make(x))

    return build


def two_inputs() -> Any:
    x, y = keras.Input((3,)), keras.Input((3,))
    return keras.Model([x, y], layers.Add()([x, y]))


def shared() -> Any:
    dense = layers.Dense(INPUTS)
    return functional(lambda x: dense(dense(x)))()


def own_activation(x: Any) -> Any:
    return x


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "subclassed model": (Subclassed, "the model: Subclassed is not supported"),
    "own sequential": (lambda: Own([keras.Input((3,)), layers.Dense(3)]), "the model: Own is not supported"),
    "own layer": (
        lambda: chain(layers.Dense(3), Doubled(3)),
        f"layer 1 'doubled.*': {__name__}.Doubled is not supported",
    ),
    "own layer, inside": (lambda: chain(chain(Doubled(3))), "layer 0.0: Doubled is not supported"),
    "unable": (lambda: chain(Unable(print)), f"layer 0 'unable.*': {__name__}.Unable is not supported"),
    "lambda": (lambda: chain(layers.Lambda(own_activation)), r"layer 0 'lambda.*' \(Lambda\): not supported"),
    "own activation": (
        lambda: chain(layers.Dense(3, activation=own_activation)),
        r"\(Dense\): activation 'own_activation' is not supported",
    ),
    "unknown activation": (
        lambda: mlp("hard_shrink", 3),
        r"layer 0 'dense.*' \(Dense\): activation 'hard_shrink' is not supported",
    ),
    "unknown activation, alone": (
        lambda: chain(layers.Activation("squareplus")),
        "activation 'squareplus' is not supported",
    ),
    "exponential": (lambda: mlp("exponential", 3), "activation 'exponential' is not supported"),
    "UnitNormalization": (lambda: chain(layers.UnitNormalization()), r"\(UnitNormalization\): not supported"),
    "PReLU in a Dense": (lambda: mlp(layers.PReLU(), 3), "activation 'PReLU' is not supported"),
    "ReLU from 1": (lambda: chain(layers.ReLU(threshold=1.0)), r"threshold = 1.0, .* are not supported"),
    "ReLU bent twice": (lambda: chain(layers.ReLU(6.0, negative_slope=0.1)), "max_value = 6.0 are not supported"),
    "convolution": (lambda: chain(layers.Conv1D(3, 1), inputs=(4, 2)), r"\(Conv1D\): not supported"),
    "softmax of the batch": (lambda: chain(layers.Softmax(axis=0)), "axis: expected the last axis, -1, got 0"),
    "channels first": (
        lambda: chain(layers.Flatten(data_format="channels_first"), inputs=(4, 2)),
        "data_format: expected channels_last",
    ),
    "reshape": (lambda: chain(layers.Reshape((3, 2))), r"target_shape: expected one axis of 6, got \[3, 2\]"),
    "two dtypes": (lambda: chain(layers.Dense(3, dtype="float64")), "dtype: expected float32, got 'float64'"),
    "integers": (
        lambda: keras.Sequential([keras.Input((3,), dtype="uint8"), layers.Rescaling(1 / 255)]),
        r"\(InputLayer\): dtype: expected float32, got 'uint8'",
    ),
    "any width": (lambda: chain(layers.Rescaling(2.0), inputs=(None,)), "batch_shape: expected"),
    "concatenate": (functional(lambda x: layers.Concatenate()([x, x])), r"\(Concatenate\): not supported"),
    "product": (functional(lambda x: x * layers.Dense(INPUTS)(x)), r"\(Multiply\): not supported"),
    "sum with a number": (functional(lambda x: x + 1.0), r"\(Add\): expected the output of a layer, got 1.0"),
    "sum of three": (functional(lambda x: layers.Add()([x, x, x])), r"\(Add\): expected 2 inputs"),
    "two branches": (
        functional(lambda x: layers.Dense(3)(x) + layers.Dense(3)(x)),
        r"layer 3 'add.*' \(Add\): expected a residual block, x \+ f\(x\)",
    ),
    "broadcast sum": (functional(lambda x: x + layers.Dense(1)(x)), r"\(Add\): expected two tensors of one shape"),
    "two inputs": (two_inputs, r"\(InputLayer\): expected one InputLayer"),
    "two outputs": (functional(lambda x: [layers.Dense(3)(x), x]), r"2 outputs, .*: choose one by its name, output="),
    "shared layer": (shared, r"\(Dense\): expected to be called once"),
    "dropout always": (
        functional(lambda x: layers.Dropout(0.5)(x, training=True)),
        r"\(Dropout\): called with {'training': True}",
    ),
    "recurrent": (lambda: chain(layers.SimpleRNN(3), inputs=(4, 2)), r"\(SimpleRNN\): not supported"),
    "low rank": (lambda: chain(layers.Dense(3, lora_rank=2)), r"lora_rank = 2 is not supported|expected 2 arrays"),
    "no model": (
        lambda: layers.Dense(3),
        "expected a model of Keras 3 or the path of a .keras file, got keras.src.layers.core.dense.Dense",
    ),
    "no keras": (lambda: 5, "expected a model of Keras 3 or the path of a .keras file, got int"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    make, message = REFUSED[name]
    model = make()
    with pytest.raises(fp.ConversionError, match=message):
        fp.from_keras(model)


def test_wrong_answers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras's own answers are asked for: a layer that is a little off is an error."""
    model = build("policy")
    original = layers.Dense.call
    monkeypatch.setattr(layers.Dense, "call", lambda self, x, **more: original(self, x, **more) * 1.001)
    with pytest.raises(fp.ConversionError, match="Keras: the converted network does not answer as its source: row"):
        fp.from_keras(model)


def test_keras_is_not_imported() -> None:
    code = (
        "import sys, forwardpass as fp\n"
        "try:\n    fp.from_keras('model.h5')\n"
        "except fp.ConversionError:\n    print('keras' in sys.modules, 'h5py' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"


@pytest.mark.parametrize(
    ("row", "build"),
    [
        ((2, 3), lambda: [layers.Flatten(), layers.Softmax()]),
        ((2, 3), lambda: [layers.ReLU(), layers.Flatten()]),
        ((2, 3), lambda: [layers.Reshape((6,)), layers.Activation("softmax")]),
        ((3,), lambda: [layers.Softmax(axis=1)]),
        ((3,), lambda: [layers.LayerNormalization(axis=1)]),
        ((3,), lambda: [layers.Flatten(), layers.Dense(2)]),
    ],
)
def test_x_of_more_axes_gets_the_model_s_answer_or_is_refused(row: tuple[int, ...], build: Any) -> None:
    model = keras.Sequential([layers.Input(row), *build()])
    net = fp.from_keras(model, verbose=False)
    if len(row) == 2:
        x = np.random.default_rng(0).standard_normal((5, *row)).astype(np.float32)
        np.testing.assert_allclose(net(x), model(x, training=False).detach().numpy(), rtol=1e-5)
        return
    with pytest.raises(ValueError, match="x: expected"):
        net(np.zeros((5, 2, *row), np.float32))
