"""from_keras: live models and their files answer as Keras does, within the bound; what is not known is refused."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import forwardpass as fp
from tests.support import Array, Float, same_bits

os.environ["KERAS_BACKEND"] = "torch"  # read when Keras is imported
import keras
from keras import layers, ops

INPUTS, HIDDEN = 6, 24

# NumPy's, of how Keras with torch makes arrays.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


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


# ---- refusals ----


class Doubled(layers.Dense):  # type: ignore[misc]
    """A layer of a user's own."""

    def call(self, inputs: Any, training: Any = None) -> Any:
        return 2 * super().call(inputs, training=training)


class Unable(layers.Layer):  # type: ignore[misc]
    """One that cannot describe itself."""

    def __init__(self, function: Any) -> None:
        super().__init__()

    def call(self, x: Any) -> Any:
        return x


class Own(keras.Sequential):  # type: ignore[misc]
    """A model of a user's own."""


class Subclassed(keras.Model):  # type: ignore[misc]
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


def half() -> Any:
    return chain(layers.Dense(3, dtype="mixed_bfloat16"))


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
    "no flattening": (lambda: chain(layers.Dense(3), inputs=(4, 2)), "a Flatten must come before it"),
    "softmax of images": (lambda: chain(layers.Softmax(), inputs=(4, 2)), "a Flatten must come before it"),
    "softmax of the batch": (lambda: chain(layers.Softmax(axis=0)), "axis: expected the last axis, -1, got 0"),
    "channels first": (
        lambda: chain(layers.Flatten(data_format="channels_first"), inputs=(4, 2)),
        "data_format: expected channels_last",
    ),
    "reshape": (lambda: chain(layers.Reshape((3, 2))), r"target_shape: expected one axis of 6, got \[3, 2\]"),
    "half": (half, r"\(Dense\): dtype: expected float32, got 'mixed_bfloat16'"),
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
    "two outputs": (functional(lambda x: [layers.Dense(3)(x), x]), "expected a single tensor as output_layers"),
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
