"""Arithmetic with constants, made into layers: (x - mean) / std is one Normalize, x * 2 + 1 is one Affine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ... import nn
from .parts import Arithmetic, Doubles, Each, Layer, Part

ZERO, ONE = np.zeros(()), np.ones(())


def merged(parts: Sequence[Part]) -> list[Part]:
    """The parts with layers in place of arithmetic, and neighbours in one layer where that rounds no more."""
    made: list[Part] = []
    at = 0
    while at < len(parts):
        layer, count = _layer(parts[at : at + 2])
        at += count
        joined = _joined(made[-1], layer) if made else None
        if joined is None:
            made.append(layer)
        else:
            made[-1] = joined
    return made


def _layer(parts: Sequence[Part]) -> tuple[Part, int]:
    """What the first of two parts is, alone or with the second, and how many of them that takes.

    A product and two sums are never one layer: the sums may cancel, and then what the source rounds off shows.
    """
    first, second = parts[0], parts[-1]
    if not isinstance(first, Arithmetic):
        return first, 1
    then = second.operator if second is not first and isinstance(second, Arithmetic) else ""
    value, other = first.value, second.value if isinstance(second, Arithmetic) else ONE
    match first.operator, then:
        case "+", "/" if (other > 0).all():
            return Each(first.at, nn.Normalize, (-value, other)), 2
        case "+", "*":
            return Each(first.at, nn.Affine, (other, value * other)), 2
        case "+", _:
            return Each(first.at, nn.Affine, (ONE, value)), 1
        case "*", "+":
            return Each(first.at, nn.Affine, (value, other)), 2
        case "*", _:
            return Each(first.at, nn.Affine, (value, ZERO)), 1
        case _ if (value > 0).all():
            return Each(first.at, nn.Normalize, (ZERO, value)), 1
    with np.errstate(all="ignore"):  # a divisor may be 0, as in the source
        return Each(first.at, nn.Affine, (1 / value, ZERO)), 1


def _joined(before: Part, after: Part) -> Part | None:
    """One part for two: a sum behind a Linear without a bias is its bias, and Normalize has limits of its own."""
    if isinstance(before, Layer) and isinstance(before.layer, nn.Linear) and isinstance(after, Each):
        return _with_bias(before, before.layer, after)
    if isinstance(before, Each) and before.kind is nn.Normalize and before.clip is None:
        limit = _limit(after)
        return None if limit is None else Each(before.at, nn.Normalize, before.arrays, limit)
    return None


def _with_bias(part: Layer, linear: nn.Linear, after: Each) -> Part | None:
    if linear.bias is not None or after.kind is not nn.Affine or not (after.arrays[0] == 1).all():
        return None
    offset: Doubles = after.arrays[1]
    if offset.shape not in ((), (linear.out_features,)):
        return None
    bias = np.full(linear.out_features, offset, linear.dtype)
    return Layer(part.at, nn.Linear(linear.weight, bias))


def _limit(part: Part) -> float | None:
    """The limit of a clamp from -limit to limit."""
    if isinstance(part, Layer) and isinstance(part.layer, nn.Hardtanh) and part.layer.min_val == -part.layer.max_val:
        limit = float(part.layer.max_val)
        return limit
    return None
