"""The evaluator in the onnx package that defines what operators mean, and what it lacks or gets wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .constants import Array
from .content import library

erf = np.vectorize(math.erf, otypes=[np.float64])


def evaluator(model: Any) -> Any:
    """What runs a model, an onnx.ModelProto."""
    return library().reference.ReferenceEvaluator(model, new_ops=[*_corrected(), *_of_microsoft()])


def _corrected() -> list[type[Any]]:
    """Operators that onnx's evaluator gets wrong, in 1.23 or some version since 1.19, by their definitions.

    Its Softplus overflowed; its Erf is float32 whatever the input, and with it Gelu; its HardSwish has 1/6 in float32.
    Its LogSoftmax is log(0) where Softmax underflows. Its BatchNormalization of opsets 9 to 13 mixes the batch's own
    mean into the running one.
    """
    op_run: Any = library().reference.op_run.OpRun

    # Here and below: onnx has no types.
    class Erf(op_run):
        def _run(self, x: Array) -> tuple[Array]:
            return (erf(x).astype(x.dtype),)

    class Gelu(op_run):
        def _run(self, x: Array, approximate: str = "none") -> tuple[Array]:
            if approximate == "tanh":
                return (_gelu_by_tanh(x),)
            return (_gelu(x),)

    class LogSoftmax(op_run):
        def _run(self, x: Array, axis: int = -1) -> tuple[Array]:
            shifted = x - x.max(axis=axis, keepdims=True)
            return (shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True)),)

    class BatchNormalization(op_run):
        def _run(
            self, x: Array, scale: Array, bias: Array, mean: Array, variance: Array, epsilon: float = 1e-5, **_: Any
        ) -> tuple[Array]:
            return (((x - mean) / np.sqrt(variance + epsilon) * scale + bias).astype(x.dtype),)

    class Softplus(op_run):
        def _run(self, x: Array) -> tuple[Array]:
            return (np.logaddexp(x, 0).astype(x.dtype),)

    class HardSwish(op_run):
        def _run(self, x: Array) -> tuple[Array]:
            return ((x * np.clip(x + 3, 0, 6) / 6).astype(x.dtype),)

    return [Erf, Gelu, LogSoftmax, BatchNormalization, Softplus, HardSwish]


def _of_microsoft() -> list[type[Any]]:
    """Operators of com.microsoft, by ONNX Runtime's documentation of them (docs/ContribOperators.md there)."""
    op_run: Any = library().reference.op_run.OpRun

    class Contributed(op_run):
        op_domain = "com.microsoft"

    class BiasGelu(Contributed):
        def _run(self, x: Array, bias: Array) -> tuple[Array]:
            return (_gelu(x + bias).astype(x.dtype),)

    class Gelu(Contributed):
        def _run(self, x: Array, approximate: str = "none") -> tuple[Array]:
            return (_gelu(x).astype(x.dtype),)

    class FastGelu(Contributed):
        def _run(self, x: Array, bias: Array | None = None) -> tuple[Array]:
            return (_gelu_by_tanh(x if bias is None else x + bias).astype(x.dtype),)

    class QuickGelu(Contributed):
        def _run(self, x: Array, alpha: float = 1.702) -> tuple[Array]:
            return ((x / (1 + np.exp(-alpha * x))).astype(x.dtype),)

    class FusedMatMul(Contributed):
        def _run(
            self, a: Array, b: Array, alpha: float = 1.0, transA: int = 0, transB: int = 0, **_: Any
        ) -> tuple[Array]:
            return ((_turned(a, transA) @ _turned(b, transB) * a.dtype.type(alpha)),)

    class FusedGemm(Contributed):
        def _run(
            self, a: Array, b: Array, c: Array | None = None, *, alpha: float = 1.0, beta: float = 1.0,
            transA: int = 0, transB: int = 0, activation: str = "", activation_alpha: float | None = None, **_: Any,
        ) -> tuple[Array]:  # fmt: skip
            y = _turned(a, transA) @ _turned(b, transB) * a.dtype.type(alpha)
            y = y if c is None else y + c * a.dtype.type(beta)
            return (_activated(y, activation, activation_alpha).astype(a.dtype),)

    return [BiasGelu, Gelu, FastGelu, QuickGelu, FusedMatMul, FusedGemm]


def _turned(a: Array, turned: int | None) -> Array:
    return a.swapaxes(-1, -2) if turned else a


def _gelu(x: Array) -> Array:
    y: Array = 0.5 * x * (1 + erf(x / math.sqrt(2)).astype(x.dtype))
    return y


def _gelu_by_tanh(x: Array) -> Array:
    y: Array = 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return y


def _activated(y: Array, name: str, alpha: float | None) -> Array:
    functions: dict[str, Callable[[Array], Any]] = {
        "Relu": lambda y: np.maximum(y, 0),
        "Sigmoid": lambda y: 1 / (1 + np.exp(-y)),
        "Tanh": np.tanh,
        "Softsign": lambda y: y / (1 + np.abs(y)),
        "Softplus": lambda y: np.logaddexp(y, 0),
        "LeakyRelu": lambda y: np.where(y < 0, y * (0.01 if alpha is None else alpha), y),
        "Elu": lambda y: np.where(y < 0, np.expm1(y) * (1.0 if alpha is None else alpha), y),
    }
    return np.asarray(functions[name](y))
