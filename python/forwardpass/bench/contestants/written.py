"""A network as one writes it down in an array library: NumPy, or JAX, whose functions have NumPy's names."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..steps import Array, Step
from . import UnsupportedError

# Each kind of step as a statement or two. `x` is the value, `np` the library, names in braces are the step's own.
LINES = {
    "Linear": ["x = x @ {weight}.T + {bias}"],
    "Subtract": ["x = x - {values}"],
    "Multiply": ["x = x * {values}"],
    "Add": ["x = x + {values}"],
    "Clip": ["x = np.clip(x, {lowest}, {highest})"],
    "LayerNorm": [
        "x = x - x.mean(-1, keepdims=True)",
        "x = x / np.sqrt((x * x).mean(-1, keepdims=True) + {eps}) * {scale} + {offset}",
    ],
    "RMSNorm": ["x = x / np.sqrt((x * x).mean(-1, keepdims=True) + {eps}) * {scale}"],
    "PReLU": ["x = np.where(x > 0, x, x * {scale})"],
    "ReLU": ["x = np.maximum(x, 0)"],
    "LeakyReLU": ["x = np.where(x > 0, x, x * {negative_slope})"],
    "ELU": ["x = np.where(x > 0, x, {alpha} * np.expm1(np.minimum(x, 0)))"],
    "CELU": ["x = np.where(x > 0, x, {alpha} * np.expm1(np.minimum(x, 0) / {alpha}))"],
    "SELU": ["x = 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0)))"],
    "GELU": ["x = 0.5 * x * (1 + erf(x * 0.7071067811865476))"],
    "GELU tanh": ["x = 0.5 * x * (1 + np.tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))"],
    "SiLU": ["x = x / (1 + np.exp(-x))"],
    "Mish": ["x = x * np.tanh(np.logaddexp(x, 0))"],
    "Tanh": ["x = np.tanh(x)"],
    "Sigmoid": ["x = 1 / (1 + np.exp(-x))"],
    "Softsign": ["x = x / (1 + np.abs(x))"],
    "Softplus": ["x = np.where(x * {beta} > {threshold}, x, np.logaddexp(x * {beta}, 0) / {beta})"],
    "Hardtanh": ["x = np.clip(x, {min_val}, {max_val})"],
    "Hardsigmoid": ["x = np.clip(x + 3, 0, 6) / 6"],
    "Hardswish": ["x = x * np.clip(x + 3, 0, 6) / 6"],
    "Softmax": ["x = np.exp(x - x.max(-1, keepdims=True))", "x = x / x.sum(-1, keepdims=True)"],
    "LogSoftmax": ["x = x - x.max(-1, keepdims=True)", "x = x - np.log(np.exp(x).sum(-1, keepdims=True))"],
}


def forward(
    steps: list[Step], library: Any, erf: Callable[[], Any], array: Callable[[Array], Any] = lambda values: values
) -> Callable[[Any], Any]:
    """forward(x), with the arrays as constants.

    Parameters
    ----------
    steps : list of Step
    library : module
        What `np` stands for.
    erf : callable
        Gives the function, where a step needs it: NumPy has none.
    array : callable
        Makes an array of the library.
    """
    names: dict[str, Any] = {"np": library, "inf": math.inf}
    lines: list[str] = []

    def write(steps: list[Step]) -> None:
        for step in steps:
            number = len(lines)
            if step.kind == "Residual":
                lines.append(f"r{number} = x")
                write(step.inner)
                lines.append(f"x = r{number} + x")
                continue
            kind = "GELU tanh" if step.arguments.get("approximate") == "tanh" else step.kind
            if kind not in LINES:
                raise UnsupportedError(f"nobody has written {kind} for it")
            if kind == "GELU":
                names["erf"] = erf()
            own = {name: f"{name}{number}" for name in step.arrays}
            names.update({own[name]: array(values) for name, values in step.arrays.items()})
            lines.extend(line.format(**step.arguments, **own) for line in LINES[kind])

    write(steps)
    exec("\n    ".join(["def forward(x):", *lines, "return x"]), names)
    made: Callable[[Any], Any] = names["forward"]
    return made
