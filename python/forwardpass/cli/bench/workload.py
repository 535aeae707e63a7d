"""What is timed: a network, a number of rows, a dtype. Every process makes the same arrays from it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...bound import error_bound
from ...files import load
from ...nn import Linear, Module, ReLU, Sequential

Array = NDArray[Any]

# A peer may sum all K products in one chain: its bound is K / c times ours, at most 65536 / 126.
PLAIN_CHAIN = 521
CHECKED_ROWS = 16


class SpecError(ValueError):
    """A network, a model file or a number that cannot be benchmarked."""


@dataclass(frozen=True)
class Workload:
    """One row of the table; `net` is a specification as parse_net takes it, or the path of a model file."""

    net: str
    rows: int
    dtype: str = "float32"

    @cached_property
    def layers(self) -> list[tuple[Array, Array]]:
        """(weight (out, in), bias (out,)) of each Linear; ReLU stands between them, none at the end."""
        if self.net.endswith(".npz"):
            return [(w.astype(self.dtype), b.astype(self.dtype)) for w, b in read_model(self.net)]
        rng = np.random.default_rng(0)
        layers = []
        for inputs, outputs in pairwise(parse_net(self.net)):
            bound = inputs**-0.5  # PyTorch's initialisation
            w = (rng.random((outputs, inputs), np.float32) * 2 - 1) * np.float32(bound)
            b = (rng.random(outputs, np.float32) * 2 - 1) * np.float32(bound)
            layers.append((w.astype(self.dtype), b.astype(self.dtype)))
        return layers

    @cached_property
    def widths(self) -> list[int]:
        """Inputs, and outputs of each layer."""
        return [self.layers[0][0].shape[1], *(w.shape[0] for w, _ in self.layers)]

    @cached_property
    def x(self) -> Array:
        """(in,) for one row, (rows, in) for more."""
        x = np.random.default_rng(1).standard_normal((self.rows, self.widths[0]), np.float32).astype(self.dtype)
        return x[0] if self.rows == 1 else x

    @property
    def work(self) -> int:
        """Multiplications for each row."""
        return sum(a * b for a, b in pairwise(self.widths))

    def network(self) -> Sequential:
        """The same as a forwardpass network."""
        modules: list[Module] = []
        for w, b in self.layers:
            modules += [ReLU(), Linear(w, b)] if modules else [Linear(w, b)]
        return Sequential(*modules)

    @cached_property
    def expected(self) -> tuple[Array, Array]:
        """The first rows' outputs in float64, and how far a contestant may be from them."""
        x = np.atleast_2d(self.x)[:CHECKED_ROWS]
        y = x.astype(np.float64)
        for i, (w, b) in enumerate(self.layers):
            y = (np.maximum(y, 0) if i else y) @ w.T.astype(np.float64) + b
        return y, PLAIN_CHAIN * error_bound(self.network(), x)


def parse_net(spec: str) -> list[int]:
    """The widths of `17-64-64-6`, or `17-64-64-6:relu`; `32x16` stands for sixteen times 32."""
    widths_text, _, activation = spec.partition(":")
    if activation not in ("", "relu"):
        raise SpecError(f"--net {spec}: expected the activation relu, got {activation!r}")
    widths: list[int] = []
    for part in widths_text.split("-"):
        match = re.fullmatch(r"([1-9]\d{0,6})(?:x([1-9]\d{0,3}))?", part)
        if match is None:
            raise SpecError(f"--net {spec}: expected widths like 17-64-64-6:relu, got {part!r}")
        widths += [int(match[1])] * int(match[2] or 1)
    if len(widths) < 2:
        raise SpecError(f"--net {spec}: expected at least an input and an output width")
    return widths


def read_model(path: str) -> list[tuple[Array, Array]]:
    """Weights and biases of an .npz whose arrays have PyTorch's names: 0.weight, 0.bias, 2.weight, ...

    Of one that save() wrote, or of bare weights.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError) as error:
        raise SpecError(f"--model {path}: expected an .npz of arrays: {error}") from error
    if "forwardpass" in arrays:
        kinds = [type(layer) for _, layer in load(path)._leaves()]
        if kinds != [(Linear, ReLU)[i % 2] for i in range(len(kinds) | 1)]:
            raise SpecError(f"--model {path}: expected Linear layers with ReLU between, as every contestant has them")
    positions = sorted({int(name.split(".")[0]) for name in arrays if re.fullmatch(r"\d+\.(weight|bias)", name)})
    if not positions or positions != list(range(0, 2 * len(positions), 2)):
        raise SpecError(f"--model {path}: expected 0.weight, 0.bias, 2.weight, ... with ReLU between, got {[*arrays]}")
    layers: list[tuple[Array, Array]] = []
    for position in positions:
        weight, bias = arrays.get(f"{position}.weight"), arrays.get(f"{position}.bias")
        if weight is None or weight.ndim != 2:
            raise SpecError(f"--model {path}: {position}.weight: expected shape (out, in)")
        bias = np.zeros(len(weight)) if bias is None else bias
        if bias.shape != (len(weight),):
            raise SpecError(f"--model {path}: {position}.bias: expected shape ({len(weight)},), got {bias.shape}")
        if layers and layers[-1][0].shape[0] != weight.shape[1]:
            raise SpecError(
                f"--model {path}: {position}.weight takes {weight.shape[1]}, the layer before gives "
                f"{layers[-1][0].shape[0]}"
            )
        layers.append((weight, bias))
    return layers
