"""What rounding does to the answers of a network, found by trial."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..nn import Columns, Dropout, Flatten, FloatArray, Hardtanh, Identity, Linear, Module, ReLU, Residual, Sequential
from ..nn.columns import CENTER, HIGHEST, LOWEST, OFFSET, SCALE

# Of a deep network the bound, which adds up the worst of every layer, may be larger than the answers. What rounding
# really does is seen by what the network answers when all of its numbers are this many units in the last place off.
UNITS, SHAKEN = 8, 4


class Moves:
    """How far rounding may move the answers of a network, found by trial.

    Parameters
    ----------
    net : Module

    Examples
    --------
    >>> import numpy as np, forwardpass as fp
    >>> from forwardpass.convert.rounding import Moves
    >>> x = np.ones((1, 3), np.float32)
    >>> bool(Moves(fp.Linear(x)).of(x) < 1e-5)
    True
    """

    def __init__(self, net: Module) -> None:
        self._net = net
        self._rng = np.random.default_rng(1)
        self._sizes: list[NDArray[np.float64]] = []
        self._biases: dict[int, FloatArray] = {}

    def of(self, x: FloatArray) -> NDArray[np.float64]:
        """For the next rows, (rows, 1); Inf where they overflow."""
        self._units = UNITS * (2.0**-24 if x.dtype == np.float32 else 2.0**-53)
        answers = self._net(x).astype(np.float64)
        with np.errstate(all="ignore"):
            # A row of answers that are next to nothing, as in the tail of a sigmoid, is measured by ordinary ones.
            size = np.abs(answers).max(axis=1, initial=0.0)
            self._sizes.append(size[np.isfinite(size)])
            ordinary = np.concatenate(self._sizes)
            furthest = self._units * np.fmax(size, np.quantile(ordinary, 0.75) if ordinary.size else 0.0)
            for _ in range(SHAKEN):
                difference = np.abs(self._through(self._net, self._shaken(x)).astype(np.float64) - answers)
                furthest = np.maximum(furthest, difference.max(axis=1, initial=0.0))
        return np.where(np.isfinite(furthest), furthest, np.inf)[:, np.newaxis]

    def _bias(self, layer: Linear) -> FloatArray:
        if id(layer) not in self._biases:  # to ask for it unpacks the weight
            bias = layer.bias if layer.has_bias else None
            self._biases[id(layer)] = np.zeros(layer.out_features, np.float32) if bias is None else bias
        return self._biases[id(layer)]

    def _signs(self, *shape: int) -> NDArray[np.float64]:
        return 1.0 - 2.0 * self._rng.integers(0, 2, shape, np.uint8)

    def _shaken(self, array: FloatArray) -> FloatArray:
        return (array * (1 + self._units * self._signs(*array.shape))).astype(array.dtype)

    def _through(self, module: Module, x: FloatArray) -> FloatArray:
        """What a module of shaken numbers makes of x."""
        if isinstance(module, Sequential):
            for layer in module:
                x = self._through(layer, x)
            return x
        if isinstance(module, Residual):
            total: FloatArray = x + self._through(module.inner, x)
            return total
        if isinstance(module, Linear):
            # Signs s of the rows and t of the columns shake the weight by units * W[i, j] s[i] t[j] without a copy of
            # it: that moves y by units * s (W (t x)).
            bias = self._bias(module)
            turned = module((x * self._signs(module.in_features)).astype(x.dtype)).astype(np.float64) - bias
            moved = turned * self._signs(module.out_features) + bias * self._signs(module.out_features)
            y = module(x) + self._units * moved
            return y.astype(x.dtype)
        if isinstance(module, Columns):
            table = module.table()
            y = module(x).astype(np.float64)
            offset, middle = table[OFFSET], table[CENTER] * table[SCALE]
            moved = (y - offset) * self._signs(y.shape[1])
            for term in (offset, middle):
                moved += term * self._signs(y.shape[1])
            # Limits stay where they are.
            limited: FloatArray = np.clip(y + self._units * moved, table[LOWEST], table[HIGHEST]).astype(x.dtype)
            return limited
        if isinstance(module, (ReLU, Hardtanh, Identity, Dropout, Flatten)):
            return module(x)
        return self._shaken(module(x))
