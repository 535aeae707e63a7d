"""What rounding does to the answers of a network, found by trial."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..nn import FloatArray, Module
from ..nn.arithmetic import Shake

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
    >>> bool(Moves(fp.Linear(x)).of(x, np.array([[3.0]])) < 1e-5)
    True
    """

    def __init__(self, net: Module) -> None:
        self._net = net
        self._units = UNITS * (2.0**-53 if net.dtype == np.float64 else 2.0**-24)
        self._shake = Shake(self._units, np.random.default_rng(1))
        self._sizes: list[NDArray[np.float64]] = []

    def of(self, x: FloatArray, y: FloatArray) -> NDArray[np.float64]:
        """For the next rows x and their answers y, shape (rows, 1); Inf where they overflow."""
        answers = y.reshape(len(x), -1).astype(np.float64)
        with np.errstate(all="ignore"):
            # A row of answers that are next to nothing, as in the tail of a sigmoid, is measured by ordinary ones.
            size = np.abs(answers).max(axis=1, initial=0.0)
            self._sizes.append(size[np.isfinite(size)])
            ordinary = np.concatenate(self._sizes)
            furthest = self._units * np.fmax(size, np.quantile(ordinary, 0.75) if ordinary.size else 0.0)
            for _ in range(SHAKEN):
                moved = self._net.shaken(self._shake.of(x), self._shake).reshape(answers.shape).astype(np.float64)
                furthest = np.maximum(furthest, np.abs(moved - answers).max(axis=1, initial=0.0))
        return np.where(np.isfinite(furthest), furthest, np.inf)[:, np.newaxis]
