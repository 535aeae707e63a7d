"""fold_batch_norm() multiplies each BatchNorm1d into the Linear beside it, which saves a step of every call."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..environment import undisturbed
from .containers import Residual, Sequential
from .copying import own_class
from .elementwise import Flatten
from .linear import Linear
from .module import Module
from .normalization import BatchNorm1d

Doubles = NDArray[np.float64]


@undisturbed
def fold_batch_norm(network: Module) -> Module:
    """A network that computes the same with each BatchNorm1d folded into the Linear before or after it.

    A Flatten takes the place of the BatchNorm1d. So the other layers keep their names, and x of three axes is refused
    as before. Weights are multiplied in float64 and rounded once, so the results change by rounding.

    Parameters
    ----------
    network : Module

    Returns
    -------
    Module
        New layers where something was folded; the others are shared with ``network``.

    Examples
    --------
    >>> import forwardpass as fp
    >>> net = fp.Sequential(fp.Linear([[1.0, 2.0]], [0.5]), fp.BatchNorm1d([1.0], [4.0], eps=0.0), fp.ReLU())
    >>> fp.fold_batch_norm(net)
    Sequential(
      (0): Linear(in_features=2, out_features=1, bias=True)
      (1): Flatten(start_dim=1, end_dim=-1)
      (2): ReLU()
    )
    >>> net([1.0, 1.0]), fp.fold_batch_norm(net)([1.0, 1.0])
    (array([1.25]), array([1.25]))
    """
    if isinstance(network, Residual):
        return Residual(fold_batch_norm(network.inner))
    if not isinstance(network, Sequential):
        return network
    layers = [fold_batch_norm(layer) for layer in network]
    for i, layer in enumerate(layers):
        if not isinstance(layer, BatchNorm1d):
            continue
        before, after = layers[i - 1] if i > 0 else None, layers[i + 1] if i + 1 < len(layers) else None
        if isinstance(before, Linear):
            layers[i - 1 : i + 1] = [_into_linear_before(before, layer), Flatten()]
        elif isinstance(after, Linear):
            layers[i : i + 2] = [Flatten(), _into_linear_after(layer, after)]
    # A Classifier stays one, with its labels.
    folded: Sequential = own_class(type(network), Module)(*layers, **network.made_from()[1])
    return folded


def _scale_and_offset(norm: BatchNorm1d) -> tuple[Doubles, Doubles]:
    """The numbers with which the BatchNorm1d is x * scale + offset."""
    table = norm.table()
    return table[_core.SCALE], table[_core.OFFSET] - table[_core.CENTER] * table[_core.SCALE]


def _values(linear: Linear) -> tuple[Doubles, Doubles]:
    bias = linear.bias
    zero = np.zeros(linear.out_features)
    return linear.weight.astype(np.float64), zero if bias is None else bias.astype(np.float64)


def _into_linear_before(linear: Linear, norm: BatchNorm1d) -> Linear:
    (weight, bias), (scale, offset) = _values(linear), _scale_and_offset(norm)
    return Linear((weight * scale[:, np.newaxis]).astype(linear.dtype), (bias * scale + offset).astype(linear.dtype))


def _into_linear_after(norm: BatchNorm1d, linear: Linear) -> Linear:
    (weight, bias), (scale, offset) = _values(linear), _scale_and_offset(norm)
    return Linear((weight * scale).astype(linear.dtype), (weight @ offset + bias).astype(linear.dtype))
