"""How many of what exporters and optimisers write of 40 architectures from_onnx converts, by origin:

    python -m tests.origins.onnx_models

Needs torch, skl2onnx, Keras and onnxruntime. A network is right where its answers are those of the source's own
library, refused where a ConversionError says what to do instead or what is not supported, and wrong otherwise.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
import tempfile
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")

import numpy as np
import onnx
import torch
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from torch import nn

import forwardpass as fp
from tests.support.onnx_models import by_keras, by_sklearn, by_torch

WIDTH = 6
SCRIPT, DYNAMO = range(15, 21), range(18, onnx.defs.onnx_opset_version() + 1)
LEVELS = ("BASIC", "EXTENDED", "ALL")


class Squeezed(nn.Module):
    """One number for each row."""

    def __init__(self, *inner: nn.Module) -> None:
        super().__init__()
        self.inner = nn.Sequential(*inner)

    def forward(self, x: Any) -> Any:
        return self.inner(x).squeeze(-1)


class Residual(Squeezed):
    """x + f(x)."""

    def forward(self, x: Any) -> Any:
        return x + self.inner(x)


class Scaled(Squeezed):
    """With numbers for each feature at both ends."""

    def forward(self, x: Any) -> Any:
        return torch.tanh(self.inner((x - torch.arange(WIDTH)) / 2.5)) * 2.0 + 1.0


class Gated(Squeezed):
    """A product of two branches, which is not supported."""

    def forward(self, x: Any) -> Any:
        return x * torch.sigmoid(self.inner(x))


def between(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Linear(WIDTH, 16), *layers, nn.Linear(16, 3))


ACTIVATIONS: list[nn.Module] = [
    nn.ReLU(), nn.LeakyReLU(0.1), nn.ELU(), nn.SELU(), nn.GELU(), nn.GELU("tanh"), nn.SiLU(), nn.Tanh(), nn.Sigmoid(),
    nn.Softplus(), nn.Hardtanh(), nn.ReLU6(), nn.Mish(), nn.Softsign(), nn.PReLU(), nn.CELU(), nn.Hardswish(),
    nn.Hardsigmoid(), nn.Softmax(-1), nn.LogSoftmax(-1), nn.Dropout(), nn.Identity(), nn.LayerNorm(16),
    nn.BatchNorm1d(16), nn.RMSNorm(16),
]  # fmt: skip
TORCH: dict[str, nn.Module] = {
    **{repr(layer): between(layer) for layer in ACTIVATIONS},
    "one Linear": nn.Linear(WIDTH, 2),
    "no bias": nn.Sequential(nn.Linear(WIDTH, 8, bias=False), nn.Tanh(), nn.Linear(8, 1, bias=False)),
    "critic": Squeezed(nn.Linear(WIDTH, 16), nn.ReLU(), nn.Linear(16, 1)),
    "probability": Squeezed(nn.Linear(WIDTH, 1), nn.Sigmoid()),
    "policy": nn.Sequential(nn.Linear(WIDTH, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 2)),
    "wide": nn.Sequential(nn.Linear(WIDTH, 256), nn.ELU(), nn.Linear(256, 128), nn.ELU(), nn.Linear(128, 4)),
    "deep": nn.Sequential(*[nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU()) for _ in range(12)]),
    "residual": between(Residual(nn.Linear(16, 16), nn.ReLU()), Residual(nn.LayerNorm(16), nn.Linear(16, 16))),
    "scaled": Scaled(nn.Linear(WIDTH, 3)),
    "gated": between(Gated(nn.Linear(16, 16))),
    "norm first": nn.Sequential(nn.BatchNorm1d(WIDTH), nn.Linear(WIDTH, 3)),
    "softmax last": nn.Sequential(nn.Linear(WIDTH, 16), nn.GELU(), nn.Linear(16, 5), nn.Softmax(-1)),
    "half": between(nn.ReLU()).half(),
    "double": between(nn.GELU()).double(),
    "steps": nn.Sequential(nn.Linear(WIDTH, 16), nn.LayerNorm(16), nn.ReLU(), nn.Linear(16, 2)),
}
DTYPES: dict[str, Any] = {"half": torch.float16, "double": torch.float64}

Case = tuple[str, str, Callable[[], Any], Any, Any]  # origin, name, the model, rows, answers to expect


def rows(name: str) -> Any:
    shape = (7, 3, WIDTH) if name == "steps" else (7, WIDTH)
    return torch.from_numpy(np.random.default_rng(0).standard_normal(shape)).to(DTYPES.get(name, torch.float32))


def of_torch() -> Iterator[Case]:
    for name, module in TORCH.items():
        x = rows(name)
        expected = module.eval()(x).detach().double().numpy()
        for dynamo, opsets in ((False, SCRIPT), (True, DYNAMO)):
            for opset in opsets:
                origin, make = f"torch, {'dynamo' if dynamo else 'script'}", partial(by_torch, module, x, dynamo, opset)
                yield origin, f"{name}, opset {opset}", make, x.numpy(), expected


def of_onnxruntime() -> Iterator[Case]:
    for _, name, make, x, expected in of_torch():
        if name.endswith("opset 17"):
            for level in LEVELS:
                yield f"onnxruntime, {level}", name, partial(optimised, make, level), x, expected


def optimised(make: Callable[[], Any], level: str) -> Any:
    """The model as ONNX Runtime's optimiser leaves it."""
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, f"ORT_ENABLE_{level}")
        options.optimized_model_filepath = f"{folder}/net.onnx"
        options.log_severity_level = 4
        onnxruntime.InferenceSession(make().SerializeToString(), options, providers=["CPUExecutionProvider"])
        return onnx.load(f"{folder}/net.onnx")


def of_sklearn() -> Iterator[Case]:
    data = np.random.default_rng(0).standard_normal((80, WIDTH))
    targets = {"two": data[:, 0] > 0, "three": np.digitize(data[:, 1], [-0.5, 0.5])}
    for activation in ("identity", "logistic", "tanh", "relu"):
        for scaler in ([], [StandardScaler()], [MinMaxScaler()]):
            for kind in ("float32", "float64"):
                x, options = data.astype(kind), {"activation": activation, "max_iter": 30, "random_state": 0}
                made = make_pipeline(*scaler, MLPRegressor(hidden_layer_sizes=(8,), **options)).fit(
                    x, data[:, 0] * data[:, 1]
                )
                name = f"{activation}, {scaler}, {kind}"
                yield "skl2onnx", name, partial(by_sklearn, made, x), x, made.predict(x).reshape(-1, 1)
                for target, y in targets.items():
                    made = make_pipeline(*scaler, MLPClassifier(hidden_layer_sizes=(8,), **options)).fit(x, y)
                    yield (
                        "skl2onnx",
                        f"{name}, {target}",
                        partial(by_sklearn, made, x),
                        x,
                        made.predict_proba(x),
                    )


def of_keras() -> Iterator[Case]:
    import keras
    from keras import layers

    x = np.random.default_rng(0).standard_normal((7, WIDTH)).astype(np.float32)
    names = (
        "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "tanh", "sigmoid", "softplus", "softmax", "log_softmax",
        "relu6", "hard_tanh", "linear", "softsign", "celu", "hard_silu", "hard_sigmoid",
    )  # fmt: skip
    made = {name: [layers.Dense(16, activation=name), layers.Dense(3)] for name in names}
    made["normalised"] = [layers.Normalization(mean=[1.0] * WIDTH, variance=[2.0] * WIDTH), layers.Dense(3)]
    for kind in (layers.BatchNormalization, layers.LayerNormalization, layers.PReLU, layers.Identity):
        made[kind.__name__] = [layers.Dense(8), kind(), layers.Dense(3)]
    for name, parts in made.items():
        network = keras.Sequential([keras.Input((WIDTH,)), *parts])
        folder = Path(tempfile.mkdtemp())
        yield "Keras", name, partial(by_keras, network, folder), x, network(x).detach().numpy()


def outcome(make: Callable[[], Any], x: Any, expected: Any) -> tuple[str, str]:
    """What becomes of a model, and why."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            source = make()
    except Exception as error:  # an exporter's own, of which there are many kinds
        return "not exported", f"{type(error).__name__}: {str(error)[:80]}"
    try:
        net = fp.from_onnx(source, verbose=False)
    except fp.ConversionError as error:
        wrong = "does not answer as its source" in str(error) or "cannot answer" in str(error)
        return "wrong" if wrong else "refused", str(error)
    answers = net(x).astype(np.float64)
    tolerance = 2e-2 if x.dtype == np.float16 else 1e-4  # of float16, in which the source computes
    if answers.shape != expected.shape or not np.allclose(answers, expected, rtol=tolerance, atol=tolerance):
        return "wrong", f"answers of shape {answers.shape} for {expected.shape}, or others"
    return "equal", ""


def main() -> int:
    """Print the table, and what is refused and wrong."""
    logging.disable()
    warnings.simplefilter("ignore")
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    reasons: dict[str, Counter[str]] = defaultdict(Counter)
    for cases in (of_torch(), of_onnxruntime(), of_sklearn(), of_keras()):
        for origin, name, make, x, expected in cases:
            kind, reason = outcome(make, x, expected)
            counts[origin][kind] += 1
            if reason:
                reasons[f"{kind}: {reason}"][f"{origin}: {name}"] += 1
    kinds = ("equal", "refused", "wrong", "not exported")
    print(f"{'':24}" + "".join(f"{kind:>14}" for kind in kinds))
    for origin, count in counts.items():
        print(f"{origin:24}" + "".join(f"{count[kind]:14}" for kind in kinds))
    for reason, names in sorted(reasons.items()):
        print(f"{len(names):5} {reason}\n      such as {next(iter(names))}")
    return int(any(count["wrong"] for count in counts.values()))


if __name__ == "__main__":
    sys.exit(main())
