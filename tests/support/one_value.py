"""A network all of whose arrays have one value: who reads it between two states sees two values."""

import numpy as np

import forwardpass as fp
from tests.support import Array, same_bits


def normalised(value: float) -> fp.Sequential:
    """Layers of every kind of array, all of one value."""
    return fp.Sequential(
        fp.Normalize([value] * 4, [value] * 4),
        fp.Linear(np.full((4, 4), value), np.full(4, value)),
        fp.BatchNorm1d([value] * 4, [value] * 4, [value] * 4, [value] * 4),
        fp.LayerNorm(4, [value] * 4, [value] * 4),
        fp.Affine([value] * 4, [value] * 4),
        fp.Clip([-value] * 4, [value] * 4),
    )


def check_consistent(net: fp.Sequential, expected: dict[float, Array], x: Array) -> None:
    """All arrays of one value, and the answers that belong to it."""
    state = net.state_dict()
    values = {float(abs(v)) for array in state.values() for v in array.ravel()}
    assert len(values) == 1, values
    assert same_bits(net(x), expected[values.pop()])
