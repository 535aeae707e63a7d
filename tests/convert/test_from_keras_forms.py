"""Keras models of (steps, features), of several outputs and in half precision."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import forwardpass as fp
from tests.support import Array, same_bits
from tests.support.keras_models import chain, keras, layers

# NumPy's, of how Keras with torch makes arrays.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

X = np.random.default_rng(0).standard_normal((3, 4, 5)).astype(np.float32)


def answers(model: Any, x: Array) -> Any:
    made = model(x, training=False)
    return [part.detach().numpy() for part in made] if isinstance(made, list) else made.detach().numpy()


STEPS = {
    "dense": lambda: chain(layers.Dense(7, activation="relu"), layers.Dense(2), inputs=(4, 5)),
    "any length": lambda: chain(layers.Dense(7, activation="tanh"), layers.Dense(2), inputs=(None, 5)),
    "norms": lambda: chain(layers.LayerNormalization(), layers.Dense(3), layers.Softmax(), inputs=(4, 5)),
    "scaled": lambda: chain(layers.Rescaling([1.0, 2.0, 3.0, 4.0, 5.0], 0.5), layers.Dense(3), inputs=(4, 5)),
    "distributed": lambda: chain(
        layers.TimeDistributed(layers.Dense(7, activation="relu")),
        layers.TimeDistributed(layers.Dense(2)),
        inputs=(4, 5),
    ),
    "nested": lambda: chain(chain(layers.Dense(3), inputs=(4, 5)), layers.Dense(2), inputs=(4, 5)),
}


@pytest.mark.parametrize("name", STEPS)
def test_steps(name: str, tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    model = STEPS[name]()
    net = fp.from_keras(model)
    assert net.verification.rows > 60
    np.testing.assert_allclose(net(X), answers(model, X), rtol=1e-5, atol=1e-6)
    model.save(tmp_path / "net.keras")
    assert fp.content_hash(fp.from_keras(tmp_path / "net.keras")) == fp.content_hash(net)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ([layers.Dense(3), layers.Flatten()], "a Flatten must come before it"),
        ([layers.BatchNormalization(), layers.Dense(3)], "supported only behind a Flatten"),
        ([layers.PReLU(), layers.Dense(3)], "supported only behind a Flatten"),
        ([layers.TimeDistributed(layers.Flatten())], "Flatten inside of it is not supported"),
        ([layers.Softmax(axis=1)], "axis: expected the last axis, -1, got 1"),
    ],
)
def test_steps_that_are_refused(made: list[Any], message: str) -> None:
    with pytest.raises(fp.ConversionError, match=message):
        fp.from_keras(chain(*made, inputs=(4, 5)))


def test_one_of_several_outputs(tmp_path: Path) -> None:
    start = keras.Input((5,))
    inner = layers.Dense(4, activation="tanh")(start)
    model = keras.Model(start, [layers.Dense(3, name="action")(inner), layers.Dense(1, name="value")(inner)])
    model.save(tmp_path / "net.keras")
    for source in (model, tmp_path / "net.keras"):
        for position, name in enumerate(("action", "value")):
            expected = answers(model, X[0])[position]
            np.testing.assert_allclose(fp.from_keras(source, output=name)(X[0]), expected, rtol=1e-5, atol=1e-6)
        with pytest.raises(fp.ConversionError, match=r"2 outputs, 'action', 'value': choose one by its name, output="):
            fp.from_keras(source)
        with pytest.raises(fp.ConversionError, match=r"output: expected the name of an output, 'action', 'value', got"):
            fp.from_keras(source, output="policy")


@pytest.mark.parametrize("policy", ["float16", "bfloat16", "mixed_float16", "mixed_bfloat16"])
def test_half_precision(policy: str, tmp_path: Path) -> None:
    """Keras writes bfloat16 as opaque elements of two bytes, marked by an attribute."""
    keras.config.set_dtype_policy(policy)
    try:
        model = chain(layers.Dense(4, activation="relu"), layers.Dense(2), inputs=(5,))
    finally:
        keras.config.set_dtype_policy("float32")
    net = fp.from_keras(model)
    assert net.dtype == np.float32
    kernel = model.layers[0].kernel.value.detach().float().numpy()
    assert same_bits(net.state_dict()["0.weight"], kernel.T)
    model.save(tmp_path / "net.keras")
    assert fp.content_hash(fp.from_keras(tmp_path / "net.keras")) == fp.content_hash(net)
