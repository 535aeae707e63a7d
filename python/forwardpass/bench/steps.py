"""A network as one list of operations, which every contestant reads: it is made from what layers declare.

| kind | arrays | what it is |
|---|---|---|
| Linear | weight (out, in), bias (out,) | x @ weight.T + bias |
| Subtract, Multiply, Add | values | of each feature: scalers and BatchNorm1d are these |
| Clip | lowest, highest | of each feature |
| LayerNorm | scale, offset | of a row; the argument eps |
| RMSNorm | scale | of a row; the argument eps |
| PReLU | scale | the slopes |
| Residual | | x + what the steps in it make of x |
| another name | | a function without arrays: forwardpass's class of that name, with its arguments |
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..nn import Linear, Module, Residual
from ..nn.elementwise import Unchanged
from ..nn.features import PerFeature

Array = NDArray[Any]


class Step(NamedTuple):
    """One operation."""

    kind: str
    arguments: dict[str, Any]
    arrays: dict[str, Array]
    inner: list[Step]  # of a Residual


def steps_of(network: Module, dtype: str) -> list[Step]:
    """The operations in order, their arrays in the dtype."""
    if isinstance(network, Residual):
        return [Step("Residual", {}, {}, steps_of(network.inner, dtype))]
    if network.holds:
        return [step for _, layer in network.named_children() for step in steps_of(layer, dtype)]
    if isinstance(network, Unchanged):
        return []
    if isinstance(network, PerFeature):
        return _of_each_feature(network, dtype)
    arrays = {name: array.astype(dtype) for name, array in network.own_arrays().items()}
    if isinstance(network, Linear):
        arrays.setdefault("bias", np.zeros(len(arrays["weight"]), dtype))
    return [Step(type(network).__name__, _arguments(network), arrays, [])]


def every(steps: list[Step]) -> Iterator[Step]:
    """All of them, those in Residuals too."""
    for step in steps:
        yield step
        yield from every(step.inner)


def _arguments(layer: Module) -> dict[str, Any]:
    return {name: getattr(layer, name) for name in layer.arguments}


def _of_each_feature(layer: PerFeature, dtype: str) -> list[Step]:
    """What the table of the layer says. All of its numbers but the limits are sums of two."""
    table = layer.table()
    center, scale, offset = (table[row] + table[row + 1] for row in (_core.CENTER, _core.SCALE, _core.OFFSET))
    if layer.kernel != "columns":
        arrays = {"scale": scale.astype(dtype)}
        if "bias" in layer.arrays:
            arrays["offset"] = offset.astype(dtype)
        return [Step(type(layer).__name__, _arguments(layer), arrays, [])]
    steps = [
        Step(kind, {}, {"values": values.astype(dtype)}, [])
        for kind, values, neutral in (("Subtract", center, 0), ("Multiply", scale, 1), ("Add", offset, 0))
        if (values != neutral).any()
    ]
    limits = {"lowest": table[_core.LOWEST].astype(dtype), "highest": table[_core.HIGHEST].astype(dtype)}
    return steps + ([Step("Clip", {}, limits, [])] if np.isfinite([*limits.values()]).any() else [])
