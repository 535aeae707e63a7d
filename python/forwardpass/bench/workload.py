"""What is timed: a network, a number of rows, a dtype. Every process makes the same arrays from it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..error_bound import error_bound
from ..files import ModelFileError, load
from ..files import architecture as arch
from ..files.notation import parse
from ..nn import LAYERS, Module, Sequential
from ..reference import exact

Array = NDArray[Any]

# A peer may sum all K products in one chain: its bound is K / c times ours, at most 65536 / 126.
PLAIN_CHAIN = 521
CHECKED_ROWS = 16


class SpecError(ValueError):
    """A network, a model file or a number that cannot be benchmarked."""


class UnsupportedError(Exception):
    """What a contestant cannot do, and why."""


class Dense(NamedTuple):
    """A Linear: weight (out, in), bias (out,)."""

    weight: Array
    bias: Array


class Elementwise(NamedTuple):
    """A function without arrays, and its arguments: a name of architecture.FUNCTIONS."""

    kind: str
    arguments: dict[str, Any]


class Norm(NamedTuple):
    """A LayerNorm."""

    weight: Array
    bias: Array
    eps: float


class Block(NamedTuple):
    """A Residual."""

    inner: list[Step]


Step = Dense | Elementwise | Norm | Block


@dataclass(frozen=True)
class Workload:
    """One row of the table; `net` is in the notation of files/notation.py, or the path of a model file."""

    net: str
    rows: int
    dtype: str = "float32"

    @cached_property
    def described(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """The description of the network, and its arrays by their names."""
        if self.net.endswith(".npz"):
            return read_model(self.net)
        spec = parse_net(self.net)
        rng = np.random.default_rng(0)
        arrays: dict[str, Array] = {}
        for prefix, layer in arch.layers(spec):
            if layer["type"] == "Linear":
                inputs, outputs = layer["in_features"], layer["out_features"]
                bound = np.float32(inputs**-0.5)  # PyTorch's initialisation
                arrays[prefix + "weight"] = (rng.random((outputs, inputs), np.float32) * 2 - 1) * bound
                arrays[prefix + "bias"] = (rng.random(outputs, np.float32) * 2 - 1) * bound
            elif layer["type"] == "LayerNorm":
                arrays[prefix + "weight"] = rng.random(layer["features"], np.float32) + np.float32(0.5)
                arrays[prefix + "bias"] = rng.random(layer["features"], np.float32) - np.float32(0.5)
        return spec, arrays

    @cached_property
    def steps(self) -> list[Step]:
        """The layers in turn, their arrays in the dtype."""
        spec, arrays = self.described

        def array(name: str, size: int) -> Array:
            return arrays[name].astype(self.dtype) if name in arrays else np.zeros(size, self.dtype)

        def steps(spec: Any, prefix: str) -> list[Step]:
            kind = spec["type"]
            if LAYERS[kind].holds == "layers":
                return [step for i, layer in enumerate(spec["layers"]) for step in steps(layer, f"{prefix}{i}.")]
            if kind == "Residual":
                return [Block(steps(spec["inner"], f"{prefix}inner."))]
            if kind == "Linear":
                return [Dense(array(prefix + "weight", 0), array(prefix + "bias", spec["out_features"]))]
            if kind == "LayerNorm" and spec["weight"]:
                return [Norm(array(prefix + "weight", 0), array(prefix + "bias", spec["features"]), spec["eps"])]
            if not LAYERS[kind].arrays:
                return [Elementwise(kind, {name: value for name, value in spec.items() if name != "type"})]
            raise SpecError(f"--model {self.net}: {kind} is no layer that every contestant could have")

        return steps(spec, "")

    @cached_property
    def widths(self) -> list[int]:
        """Inputs, and outputs of each layer with weights, those in blocks too."""
        dense = self._dense(self.steps)
        return [dense[0].weight.shape[1], *(each.weight.shape[0] for each in dense)]

    def _dense(self, steps: list[Step]) -> list[Dense]:
        found: list[Dense] = []
        for step in steps:
            found += [step] if isinstance(step, Dense) else self._dense(step.inner) if isinstance(step, Block) else []
        return found

    def plain(self, kinds: tuple[str, ...] = ("ReLU",)) -> tuple[list[Dense], str]:
        """Weights and biases, and the activation between, of a network of nothing else.

        Raises
        ------
        UnsupportedError
            Another network, or another activation than these.
        """
        dense = [step for step in self.steps if isinstance(step, Dense)]
        functions = [step for step in self.steps if isinstance(step, Elementwise)]
        shape = [type(step) for step in self.steps] == [(Dense, Elementwise)[i % 2] for i in range(len(dense) * 2 - 1)]
        named = {step.kind for step in functions} or {"ReLU"}
        if not shape or len(named) > 1 or not named <= set(kinds):
            raise UnsupportedError(f"{' or '.join(kinds)} between layers only")
        return dense, named.pop()

    @property
    def layers(self) -> list[Dense]:
        """Weights and biases, with ReLU between. Raises UnsupportedError for other networks."""
        return self.plain()[0]

    @cached_property
    def x(self) -> Array:
        """(in,) for one row, (rows, in) for more."""
        x = np.random.default_rng(1).standard_normal((self.rows, self.widths[0]), np.float32).astype(self.dtype)
        return x[0] if self.rows == 1 else x

    @property
    def work(self) -> int:
        """Multiplications for each row."""
        return sum(each.weight.size for each in self._dense(self.steps))

    def network(self) -> Sequential:
        """The same as a forwardpass network."""
        spec, arrays = self.described
        dtypes = {name: np.float64 if want.float64 else self.dtype for name, want in arch.tensors(spec).items()}
        network = arch.build(spec, {name: arrays[name].astype(dtype) for name, dtype in dtypes.items()})
        return network if isinstance(network, Sequential) else Sequential(network)

    @cached_property
    def expected(self) -> tuple[Array, Array]:
        """The first rows' outputs in a wider float, and how far a contestant may be from them."""
        x, network = np.atleast_2d(self.x)[:CHECKED_ROWS], self.network()
        return exact(network, x), PLAIN_CHAIN * error_bound(network, x)


def parse_net(text: str) -> dict[str, Any]:
    """The description of a network in the notation of files/notation.py."""
    try:
        spec = parse(text)
        for _ in arch.layers(spec):  # sizes are checked on the way
            pass
    except (ValueError, ModelFileError) as error:
        raise SpecError(f"--net {text}: {error}") from error
    return spec


def multiplications(net: str) -> int:
    """Of one row of a network in that notation."""
    linears = [layer for _, layer in arch.layers(parse_net(net)) if layer["type"] == "Linear"]
    return sum(layer["in_features"] * layer["out_features"] for layer in linears)


def read_model(path: str) -> tuple[dict[str, Any], dict[str, Array]]:
    """The description and the arrays of an .npz: one that save() wrote, or bare weights with ReLU between.

    Those have PyTorch's names: 0.weight, 0.bias, 2.weight, ...
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError) as error:
        raise SpecError(f"--model {path}: expected an .npz of arrays: {error}") from error
    try:
        network: Module = load(path) if "forwardpass" in arrays else load(path, _widths(path, arrays))
    except ModelFileError as error:
        raise SpecError(f"--model {error}") from error
    return arch.describe(network), {name: np.asarray(value) for name, value in network.state_dict().items()}


def _widths(path: str, arrays: dict[str, Array]) -> str:
    """The notation of bare weights."""
    weights = [value for name, value in arrays.items() if name.endswith("weight")]
    if not weights or any(weight.ndim != 2 for weight in weights):
        raise SpecError(f"--model {path}: expected 0.weight, 0.bias, 2.weight, ... of shapes (out, in) and (out,)")
    for before, behind in pairwise(weights):
        if len(before) != behind.shape[1]:
            raise SpecError(f"--model {path}: a layer takes {behind.shape[1]}, the one before gives {len(before)}")
    return "-".join(map(str, [weights[0].shape[1], *map(len, weights)]))
