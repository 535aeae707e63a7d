"""from_keras: live models and their files answer as Keras does, within the bound."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import forwardpass as fp
from tests.support import Float, same_bits
from tests.support.keras_models import ARCHITECTURES, INPUTS, answers, build, chain, keras, layers

# NumPy's, of how Keras with torch makes arrays.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def test_there_are_enough_architectures() -> None:
    assert len(ARCHITECTURES) >= 30


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_answers_are_keras(name: str, dtype: Float, capsys: pytest.CaptureFixture[str]) -> None:
    model = build(name, dtype)
    net = fp.from_keras(model)
    assert capsys.readouterr().out == f"{net.verification}\n"
    assert net.verification.rows >= 64
    assert net.verification.largest_share <= 1
    # Independent of the verification: the tolerance is loose, as a wrong layer is off by far more.
    width = int(np.prod(model.input_shape[1:]))
    x = np.random.default_rng(1).standard_normal((33, width)).astype(dtype)
    # Of float64 too: Keras multiplies its matrices in float32, unless TensorFlow does it.
    expected = answers(model, x)
    np.testing.assert_allclose(net(x), expected, rtol=1e-5, atol=1e-5 * max(1.0, np.abs(expected).max()))
    if any(isinstance(layer, fp.Linear) for layer in net):
        assert net.dtype == dtype


def test_files_hold_the_same_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of every architecture; read where neither Keras nor torch can be imported."""
    hashes = {}
    for i, name in enumerate(ARCHITECTURES):
        model = build(name)
        model.save(tmp_path / f"{i}.keras")
        hashes[f"{i}.keras"] = fp.content_hash(fp.from_keras(model))
    code = """
import sys, pathlib
sys.modules["keras"] = sys.modules["torch"] = None
import forwardpass as fp
for path in pathlib.Path(sys.argv[1]).iterdir():
    print(path.name, fp.content_hash(fp.from_keras(path)), file=sys.stderr)
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.count("not verified, as the source cannot run here\n") == len(hashes)
    assert dict(line.split() for line in done.stderr.splitlines()) == hashes


def test_files_of_float64_and_of_compiled_models(tmp_path: Path) -> None:
    for name in ("policy", "residual", "adapted"):
        model = build(name, np.float64)
        model.compile("adam", "mse")
        model.save(tmp_path / "model.keras")
        assert fp.content_hash(fp.from_keras(tmp_path / "model.keras")) == fp.content_hash(fp.from_keras(model))


def test_float64_is_kept() -> None:
    """Although Keras with torch does not compute in it."""
    model = build("policy", np.float64)
    net = fp.from_keras(model)
    x = np.random.default_rng(4).standard_normal((20, INPUTS))
    y = x
    for i, layer in enumerate(model.layers):
        kernel, bias = map(keras.ops.convert_to_numpy, layer.weights)
        assert same_bits(net.state_dict()[f"{2 * i}.weight"], kernel.T)
        y = np.tanh(y @ kernel + bias)
    np.testing.assert_allclose(net(x), y, rtol=1e-13, atol=1e-13)


def test_kernels_are_transposed() -> None:
    model = build("policy")
    state = fp.from_keras(model).state_dict()
    kernels = [layer.get_weights()[0] for layer in model.layers]
    assert all(same_bits(state[f"{2 * i}.weight"], kernel.T) for i, kernel in enumerate(kernels))
    assert [*pairwise(kernel.shape[1] for kernel in kernels)] == [(64, 64), (64, 6)]


def test_defaults_are_keras() -> None:
    """Which are not PyTorch's."""
    model = chain(
        layers.Dense(4, activation="leaky_relu"),
        layers.LeakyReLU(),
        layers.BatchNormalization(),
        layers.LayerNormalization(),
    )
    assert [repr(layer) for layer in fp.from_keras(model)][1:] == [
        "LeakyReLU(negative_slope=0.2)",
        "LeakyReLU(negative_slope=0.3)",
        "BatchNorm1d(num_features=4, eps=0.001)",
        "LayerNorm(normalized_shape=4, eps=0.001)",
    ]


def test_what_only_training_sees_is_left_out() -> None:
    net = fp.from_keras(build("images"))
    assert [type(layer) for layer in net] == [fp.Flatten, fp.Affine, fp.Linear, fp.ReLU, fp.Linear, fp.Softmax]
    assert net.in_features == 14 * 14
    assert repr(fp.from_keras(build("only training"))[0]) == "Identity()"


def test_residual_blocks() -> None:
    net = fp.from_keras(build("residual"))
    kinds = [type(layer) for layer in net]
    assert kinds == [
        *(fp.Linear, fp.Tanh, fp.Residual, fp.LayerNorm, fp.Residual, fp.ReLU, fp.Residual, fp.ELU, fp.Residual),
        *(fp.Linear, fp.Softmax),
    ]


def test_the_model_is_not_changed() -> None:
    model = build("residual")
    model.trainable = True
    before = [array.copy() for array in model.get_weights()]
    fp.from_keras(model)
    assert all(same_bits(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert model.trainable


def test_a_single_input_in_a_list() -> None:
    x = keras.Input((INPUTS,))
    assert fp.from_keras(keras.Model([x], [layers.Dense(3)(x)])).out_features == 3


def test_a_model_that_was_built_by_a_call() -> None:
    model = keras.Sequential([layers.Dense(3, activation="tanh"), layers.Dense(1)])
    with pytest.raises(fp.ConversionError, match="a model that is built"):
        fp.from_keras(model)
    model(np.ones((2, 4), np.float32))
    assert fp.from_keras(model).in_features == 4
