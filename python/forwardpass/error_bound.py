"""How far an output can be from the exact result: the bound of docs/numerics.md, carried through every layer."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from . import _core
from .environment import undisturbed
from .nn import Module
from .nn.arithmetic import Arithmetic, Bound
from .nn.module import check_layer


@undisturbed
def error_bound(network: Module, x: ArrayLike) -> Bound:
    """How far each output of ``network(x)`` can be from the exact result.

    Parameters
    ----------
    network : Module
        A layer or a network, of forwardpass's own layers.
    x : array_like, shape (..., in_features)
        Counts as exact after the network has converted it to its dtype.

    Returns
    -------
    numpy.ndarray of float64, shape (..., out_features)
        |computed - exact| is at most this, as long as no intermediate result overflows.

    Raises
    ------
    ValueError, TypeError
        As a call of the network does.

    Notes
    -----
    One Linear: gamma_{c+1} sum |x||w| + u |b| (1 + u), plus 2**-150 (float64: 2**-1074) for each product, which may
    underflow. u is the unit roundoff (2**-24 or 2**-53), gamma_n = n u / (1 - n u), and c the number of additions that
    the first product goes through. Higham derives this for sums in blocks (Accuracy and Stability of Numerical
    Algorithms, 2nd ed., ch. 3 and 4). A layer passes an error of x on: a Linear multiplies it by |w|, an activation by
    its largest slope. docs/numerics.md derives the other layers. A function adds an error of its own: 2 units in the
    last place, or 1 for a function of rows in float32 other than Softmax. Its parameters count as rounded to the dtype.

    Examples
    --------
    >>> import numpy as np, forwardpass as fp
    >>> layer = fp.Linear.random(64, 3, rng=0)
    >>> x = np.ones(64, np.float32)
    >>> exact = layer.weight.astype(float) @ x + layer.bias
    >>> bool((abs(layer(x) - exact) <= fp.error_bound(layer, x)).all())
    True
    """
    return _bound(network, x, ours=True)


@undisturbed
def agreement_bound(network: Module, x: ArrayLike) -> Bound:
    """How far another implementation's outputs can be from those of ``network(x)``.

    The other one computes in the same dtype and may sum in any order. Its functions may be wrong by 8 units in the
    last place of their arguments and results.

    Parameters
    ----------
    network, x
        As for error_bound().

    Returns
    -------
    numpy.ndarray of float64, shape (..., out_features)

    Examples
    --------
    >>> import numpy as np, forwardpass as fp
    >>> layer = fp.Linear.random(64, 3, rng=0)
    >>> x = np.ones(64, np.float32)
    >>> bool((abs(layer(x) - (layer.weight @ x + layer.bias)) <= agreement_bound(layer, x)).all())
    True
    """
    # Ours is such an implementation too, so each of the two is at most this far from exact.
    return 2 * _bound(network, x, ours=False)


@undisturbed
def older_bound(network: Module, x: ArrayLike, contract: str) -> Bound:
    """As error_bound(), for answers of an older version, which summed in the order that ``contract`` names.

    Examples
    --------
    >>> import numpy as np, forwardpass as fp
    >>> layer, x = fp.Linear.random(784, 3, rng=0), np.ones(784, np.float32)
    >>> bool((fp.error_bound(layer, x) < older_bound(layer, x, "fma-v1")).all())
    True
    """
    return _bound(network, x, ours=True, contract=contract)


def _bound(network: Module, x: ArrayLike, ours: bool, contract: str = _core.CONTRACT) -> Bound:
    check_layer("network", network)
    values = _core.as_input(network, x)
    arithmetic = Arithmetic(values.dtype == np.float32, ours, contract)
    with np.errstate(all="ignore"):
        _, bound = network.through(values, np.zeros(values.shape), arithmetic)
        return np.where(np.isnan(bound), np.inf, bound)  # NaN is Inf - Inf or 0 * Inf: something overflowed
