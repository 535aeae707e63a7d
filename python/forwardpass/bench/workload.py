"""What is timed: a network, a number of rows, a dtype. Every process makes the same arrays from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ..error_bound import error_bound
from ..files import ModelFileError
from ..files import architecture as arch
from ..files.notation import parse
from ..nn import LAYERS, Module, Sequential
from ..reference import exact
from .steps import Array, Step, steps_of

# A peer may sum all K products in one chain: its bound is K / c times ours, at most 65536 / 126.
PLAIN_CHAIN = 521
CHECKED_ROWS = 16
# Of the weights and of the rows that one process has: more is a mistake, and every peer would have as much.
MOST_BYTES = 1 << 30


class SpecError(ValueError):
    """A network, a model file or a number that cannot be benchmarked."""


class UnsupportedError(Exception):
    """What a contestant cannot do, and why."""


@dataclass(frozen=True)
class Workload:
    """One row of the table.

    Attributes
    ----------
    net : str
        The network in the notation of files/notation.py; its weights are random. Or the name of `model`.
    rows : int
        In one call.
    dtype : str
        Of the arrays that all contestants get.
    model : Module, optional
        A network that was read from a file.
    """

    net: str
    rows: int
    dtype: str = "float32"
    model: Module | None = field(default=None, compare=False, repr=False)

    def __reduce__(self) -> tuple[Any, ...]:  # without what was computed from them
        return Workload, (self.net, self.rows, self.dtype, self.model)

    @cached_property
    def spec(self) -> dict[str, Any]:
        """The description of the network: files/architecture.py."""
        return parse_net(self.net) if self.model is None else arch.describe(self.model)

    @cached_property
    def arrays(self) -> Mapping[str, Array]:
        """The arrays of the network by their names."""
        return _random(self.spec) if self.model is None else self.model.state_dict()

    def network(self) -> Sequential:
        """The forwardpass network."""
        dtypes = {name: np.float64 if want.float64 else self.dtype for name, want in arch.tensors(self.spec).items()}
        network = arch.build(self.spec, {name: self.arrays[name].astype(dtype) for name, dtype in dtypes.items()})
        return network if isinstance(network, Sequential) else Sequential(network)

    @cached_property
    def steps(self) -> list[Step]:
        """What contestants compute, in the dtype."""
        return steps_of(self.network(), self.dtype)

    def plain(self, kinds: tuple[str, ...] = ("ReLU",)) -> tuple[list[tuple[Array, Array]], str]:
        """Weights and biases, and the function between them, of a network of nothing else.

        Raises
        ------
        UnsupportedError
            Another network, or another function than these.
        """
        linears = [(step.arrays["weight"], step.arrays["bias"]) for step in self.steps if step.kind == "Linear"]
        between = {step.kind for step in self.steps[1::2]} or {"ReLU"}
        alternate = {step.kind for step in self.steps[::2]} == {"Linear"} and len(self.steps) % 2 == 1
        if not alternate or len(between) > 1 or not between <= set(kinds):
            raise UnsupportedError(f"runs networks of Linear with {' or '.join(kinds)} between")
        return linears, between.pop()

    @property
    def layers(self) -> list[tuple[Array, Array]]:
        """Weights and biases, with ReLU between. Raises UnsupportedError for other networks."""
        return self.plain()[0]

    @cached_property
    def ends(self) -> tuple[int, int]:
        """How many features go in, and how many come out."""
        found = (LAYERS[layer["type"]].widths(arch.sizes_of(layer)) for _, layer in arch.layers(self.spec))
        widths = [width for width in found if width is not None]
        if not widths:
            raise SpecError(f"{self.net}: takes rows of any width; expected a layer that has one, such as a Linear")
        return widths[0][0], widths[-1][1]

    @cached_property
    def numbers(self) -> int:
        """In all arrays of the network; none of them is made to count them."""
        return sum(math.prod(tensor.shape) for tensor in arch.tensors(self.spec).values())

    @property
    def nbytes(self) -> int:
        """Of weights, inputs and outputs."""
        return (self.numbers + self.rows * sum(self.ends)) * np.dtype(self.dtype).itemsize

    @cached_property
    def x(self) -> Array:
        """(in,) for one row, (rows, in) for more."""
        x = np.random.default_rng(1).standard_normal((self.rows, self.ends[0]), np.float32).astype(self.dtype)
        return x[0] if self.rows == 1 else x

    @cached_property
    def work(self) -> int:
        """Multiplications for each row."""
        return _multiplications(self.spec)

    @cached_property
    def expected(self) -> tuple[Array, Array]:
        """The first rows' outputs in a wider float, and how far a contestant may be from them."""
        x, network = np.atleast_2d(self.x)[:CHECKED_ROWS], self.network()
        return exact(network, x), PLAIN_CHAIN * error_bound(network, x)


def _random(spec: dict[str, Any]) -> dict[str, Array]:
    """Random arrays by their names for a network that was described in text."""
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
    return arrays


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
    return _multiplications(parse_net(net))


def _multiplications(spec: dict[str, Any]) -> int:
    linears = [layer for _, layer in arch.layers(spec) if layer["type"] == "Linear"]
    return sum(layer["in_features"] * layer["out_features"] for layer in linears)
