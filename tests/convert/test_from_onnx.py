"""Models as exporters and people write them, against the library that they come from."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler
from torch import nn

import forwardpass as fp
from forwardpass.error_bound import agreement_bound
from tests.support import Array
from tests.support.onnx_models import by_keras, by_sklearn, by_torch, draw, linear

WIDTH = 6


def rows(*shape: int) -> Array:
    return np.random.default_rng(5).normal(0, 2, shape)


def assert_agrees(net: fp.Module, x: Array, expected: Array) -> None:
    y = net(x)
    assert y.shape == expected.shape
    assert net.verification.rows > 60
    assert net.verification.largest_share <= 1
    assert (np.abs(y.astype(np.float64) - expected) <= agreement_bound(net, x)).all()
    # Or everything would be near enough to everything.
    assert np.median(agreement_bound(net, x)) < np.abs(y).max() / 100


# ---- torch ----

# The exporter of dynamo takes a second for each.
BOTH = pytest.mark.parametrize("dynamo", [False, pytest.param(True, marks=pytest.mark.full)], ids=["script", "dynamo"])


class Residual(nn.Module):  # type: ignore[misc]  # torch has no types where these are checked
    def __init__(self, *inner: nn.Module) -> None:
        super().__init__()
        self.inner = nn.Sequential(*inner)

    def forward(self, x: Any) -> Any:
        return x + self.inner(x)


class Function(nn.Module):  # type: ignore[misc]  # torch has no types where these are checked
    """A module that is a function of its input and of one Linear."""

    def __init__(self, function: Callable[[Any, Any], Any], *sizes: int) -> None:
        super().__init__()
        self.function, self.linear = function, nn.Linear(*sizes)

    def forward(self, x: Any) -> Any:
        return self.function(x, self.linear)


def trained(layer: Any) -> Any:
    """A layer whose weight, bias and statistics are not those of a new one."""
    for seed, (_, value) in enumerate([*layer.named_parameters(), *layer.named_buffers()]):
        if value.is_floating_point():
            value.data = torch.from_numpy(np.abs(draw(*value.shape, seed=seed)) + 0.5)
    return layer


# An epsilon is a float32 in ONNX: 2^-10 is one in float64 as well.
ACTIVATIONS: dict[str, Callable[[], Any]] = {
    "ReLU": nn.ReLU,
    "LeakyReLU": lambda: nn.LeakyReLU(0.2),
    "ELU": lambda: nn.ELU(1.5),
    "SELU": nn.SELU,
    "GELU": nn.GELU,
    "GELU by tanh": lambda: nn.GELU("tanh"),
    "SiLU": nn.SiLU,
    "Tanh": nn.Tanh,
    "Sigmoid": nn.Sigmoid,
    "Softplus": nn.Softplus,
    "Softplus of 2": lambda: nn.Softplus(2.0, 100.0),
    "Hardtanh": lambda: nn.Hardtanh(-0.5, 1.5),
    "ReLU6": nn.ReLU6,
    "Mish": nn.Mish,
    "Softsign": nn.Softsign,
    "PReLU": nn.PReLU,
    "CELU": lambda: nn.CELU(0.5),
    "Hardswish": nn.Hardswish,
    "Hardsigmoid": nn.Hardsigmoid,
    "Softmax": lambda: nn.Softmax(-1),
    "LogSoftmax": lambda: nn.LogSoftmax(-1),
    "Dropout": nn.Dropout,
    "Identity": nn.Identity,
    "LayerNorm": lambda: trained(nn.LayerNorm(8, eps=2.0**-10)),
    "LayerNorm without weights": lambda: nn.LayerNorm(8, elementwise_affine=False),
    "BatchNorm1d": lambda: trained(nn.BatchNorm1d(8, eps=2.0**-10)),
    "BatchNorm1d without weights": lambda: trained(nn.BatchNorm1d(8, affine=False)),
}


def between(activation: Callable[[], Any]) -> Callable[[], Any]:
    return lambda: nn.Sequential(nn.Linear(WIDTH, 8), activation(), nn.Linear(8, 3))


TORCH: dict[str, Callable[[], Any]] = {
    **{name: between(activation) for name, activation in ACTIVATIONS.items()},
    "one Linear": lambda: nn.Linear(WIDTH, 2),
    "no bias": lambda: nn.Sequential(nn.Linear(WIDTH, 8, bias=False), nn.Tanh(), nn.Linear(8, 1, bias=False)),
    "norms first": lambda: nn.Sequential(trained(nn.BatchNorm1d(WIDTH)), nn.Linear(WIDTH, 3)),
    "norm after activation": lambda: nn.Sequential(
        nn.Linear(WIDTH, 8), nn.ReLU(), trained(nn.BatchNorm1d(8)), nn.Linear(8, 2), nn.Softmax(-1)
    ),
    "residual": lambda: nn.Sequential(
        nn.Linear(WIDTH, 8), Residual(nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 8)), nn.Linear(8, 2)
    ),
    "residual of SiLU": lambda: nn.Sequential(nn.Linear(WIDTH, 8), Residual(nn.SiLU()), nn.Linear(8, 2)),
    "residual at the input": lambda: nn.Sequential(Residual(nn.Linear(WIDTH, WIDTH), nn.GELU()), nn.Linear(WIDTH, 2)),
    "residuals": lambda: nn.Sequential(
        nn.Linear(WIDTH, 8),
        *[Residual(trained(nn.LayerNorm(8)), nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8)) for _ in range(3)],
        nn.Linear(8, 2),
    ),
    "residual in a residual": lambda: nn.Sequential(
        nn.Linear(WIDTH, 8), Residual(nn.Linear(8, 8), Residual(nn.Linear(8, 8), nn.Tanh()), nn.SiLU())
    ),
    "deep": lambda: nn.Sequential(*[nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ELU()) for _ in range(12)]),
    "scaled and clamped": lambda: Function(
        lambda x, f: torch.clamp(f(x / 4.0 - 0.5) * 3.0, min=-1.0, max=4.0), WIDTH, 3
    ),
    "clamped below": lambda: Function(lambda x, f: torch.clamp(f(x), min=0.25), WIDTH, 3),
    "SiLU twice as large": lambda: Function(lambda x, f: 2.0 * nn.functional.silu(f(x)), WIDTH, 3),
    "GELU twice as large": lambda: Function(lambda x, f: nn.functional.gelu(f(x)) * 2.0, WIDTH, 3),
    "policy": lambda: nn.Sequential(nn.Linear(WIDTH, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 2)),
    "weight on the left": lambda: Function(lambda x, f: (f.weight @ x.T + f.bias[:, None]).T, WIDTH, 3),
}


# What the exporter of dynamo writes otherwise than the other.
DYNAMO = [
    *("GELU", "GELU by tanh", "Softplus", "Softplus of 2", "Hardtanh", "SELU", "LayerNorm without weights"),
    *("Mish", "Softsign", "CELU", "Hardswish", "Hardsigmoid"),
    *("BatchNorm1d", "norm after activation", "residuals", "scaled and clamped", "clamped below", "weight on the left"),
]


@pytest.mark.parametrize("name", TORCH)
def test_torch(name: str) -> None:
    check_torch(name, False, 13)


@pytest.mark.parametrize(
    "name", [name if name in DYNAMO else pytest.param(name, marks=pytest.mark.full) for name in TORCH]
)
def test_torch_by_dynamo(name: str) -> None:
    check_torch(name, True, 18)


def check_torch(name: str, dynamo: bool, opset: int) -> None:
    torch.manual_seed(1)
    module = TORCH[name]()
    x = rows(40, WIDTH).astype(np.float32)
    net = fp.from_onnx(by_torch(module, torch.zeros(2, WIDTH), dynamo, opset))
    assert_agrees(net, x, module(torch.from_numpy(x)).detach().numpy())


def test_there_are_enough_of_them() -> None:
    assert len(TORCH) >= 30


@pytest.mark.parametrize(
    ("dynamo", "opset"), [(False, 9), (False, 17), (False, 20), pytest.param(True, 23, marks=pytest.mark.full)]
)
@pytest.mark.parametrize("double", [False, True], ids=["float32", "float64"])
@pytest.mark.parametrize(
    "name", ["GELU", "GELU by tanh", "LayerNorm", "BatchNorm1d", "Hardtanh", "Softplus", "LogSoftmax"]
)
def test_torch_in_other_opsets(name: str, double: bool, dynamo: bool, opset: int) -> None:
    torch.manual_seed(1)
    module = TORCH[name]()
    module = module.double() if double else module
    x = rows(40, WIDTH).astype(np.float64 if double else np.float32)
    net = fp.from_onnx(by_torch(module, torch.from_numpy(x), dynamo, opset))
    assert net.dtype == x.dtype
    assert_agrees(net, x, module(torch.from_numpy(x)).detach().numpy())


@pytest.mark.parametrize(("free", "dynamo"), [(False, False), (True, False), (True, True)])
@pytest.mark.parametrize("form", ["Flatten", "view", "scaled first"])
def test_torch_images(form: str, free: bool, dynamo: bool) -> None:
    module: Any = {
        "Flatten": nn.Sequential(nn.Flatten(), nn.Linear(24, 3)),
        "view": Function(lambda x, f: f(x.view(x.size(0), -1)), 24, 3),
        "scaled first": Function(lambda x, f: f(torch.relu(x / 255.0).reshape(-1, 24)), 24, 3),
    }[form]
    x = rows(10, 2, 3, 4).astype(np.float32)
    net = fp.from_onnx(by_torch(module, torch.zeros(2, 2, 3, 4), dynamo, 18, free))
    assert_agrees(net, x.reshape(10, 24), module(torch.from_numpy(x)).detach().numpy())


@BOTH
@pytest.mark.parametrize("shape", [(WIDTH,), (5, WIDTH), (2, 5, WIDTH)])
def test_torch_dimensions(shape: tuple[int, ...], dynamo: bool) -> None:
    """Fixed, but for one row alone a bias that is added to the left."""
    module = nn.Sequential(nn.Linear(WIDTH, 8), nn.GELU(), trained(nn.LayerNorm(8)), nn.Linear(8, 3), nn.Softmax(-1))
    x = rows(*shape).astype(np.float32)
    net = fp.from_onnx(by_torch(module, torch.from_numpy(x), dynamo, 18, free=False))
    assert_agrees(net, x, module(torch.from_numpy(x)).detach().numpy())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_torch_half(dtype: Any) -> None:
    module = nn.Sequential(nn.Linear(WIDTH, 8), nn.SiLU(), nn.Linear(8, 3)).to(dtype)
    net = fp.from_onnx(by_torch(module, torch.zeros(2, WIDTH, dtype=dtype), True, 18))
    assert net.dtype == np.float32
    np.testing.assert_array_equal(linear(net).weight, module[0].weight.float().detach().numpy())
    x = rows(40, WIDTH).astype(np.float32)
    assert_agrees(net, x, module.float()(torch.from_numpy(x)).detach().numpy())


def test_in_training_mode() -> None:
    module = Function(lambda x, f: nn.functional.dropout(f(x), training=True), WIDTH, 3)
    exported = by_torch(module, torch.zeros(2, WIDTH), True, 18)
    with pytest.raises(fp.ConversionError, match=r"node '\w+' \(Dropout\): it is in training mode"):
        fp.from_onnx(exported)


# ---- scikit-learn ----

X = rows(80, WIDTH) + np.arange(WIDTH)
NAMES = ["identity", "logistic", "tanh", "relu"]
CLASSES = {"two classes": X[:, 0] > 0, "three classes": np.digitize(X[:, 1], [0, 2]), "labels": X[:, :3] > X[:, 3:]}


def fitted(kind: Any, y: Array, activation: str, dtype: str, *scalers: Any) -> Any:
    network = kind(hidden_layer_sizes=(7, 5), activation=activation, solver="lbfgs", max_iter=20, random_state=0)
    estimator = make_pipeline(*scalers, network) if scalers else network
    return estimator.fit(X.astype(dtype), y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", NAMES)
def test_sklearn_regressor(activation: str, dtype: str) -> None:
    estimator = fitted(MLPRegressor, X[:, 0] * X[:, 1], activation, dtype)
    x = X.astype(dtype)
    assert_agrees(fp.from_onnx(by_sklearn(estimator, x)), x, estimator.predict(x).reshape(-1, 1))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("zipmap", [False, True])
@pytest.mark.parametrize("target", CLASSES)
def test_sklearn_classifier(target: str, zipmap: bool) -> None:
    estimator = fitted(MLPClassifier, CLASSES[target], "tanh", "float32")
    x = X.astype(np.float32)
    options = {} if zipmap or target == "labels" else {"zipmap": False}
    assert_agrees(fp.from_onnx(by_sklearn(estimator, x, **options)), x, estimator.predict_proba(x))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "scaler", [StandardScaler(), MinMaxScaler(), MinMaxScaler(clip=True), MaxAbsScaler(), RobustScaler()], ids=str
)
def test_sklearn_pipeline(scaler: Any, dtype: str) -> None:
    estimator = fitted(MLPRegressor, X[:, 0] * X[:, 1], "relu", dtype, scaler)
    x = X.astype(dtype)
    assert_agrees(fp.from_onnx(by_sklearn(estimator, x)), x, estimator.predict(x).reshape(-1, 1))


# ---- Keras ----


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
