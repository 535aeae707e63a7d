"""How far an output can be from the exact result: the error bound of the numerics contract, through every layer."""

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
        Exact as the network sees it, after the conversion to its dtype.

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
    For one Linear, with u the unit roundoff (2**-24 or 2**-53), gamma_n = n u / (1 - n u), and c the
    longest way from a product to the sum: gamma_{c+1} sum |x||w| + u |b| (1 + u), and 2**-150 (or
    2**-1075) for each product that may underflow. It is Higham's argument for blocked summation
    (Accuracy and Stability of Numerical Algorithms, 2nd ed., ch. 3 and 4). An error that comes in with x is
    multiplied by |w|, by the largest slope of an activation, and by what docs/numerics.md derives for the others;
    to it comes a layer's own, of 2 units in the last place. It is 1 in float32 for functions of rows, but for Softmax.
    Parameters of functions count as the network's dtype holds them.

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

    One that sums in any order, and whose functions are right to 8 units in the last place of their arguments and
    results, which are those of the network's dtype.

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
    # Ours is such an implementation too, so that both are this far from exact at most.
    return 2 * _bound(network, x, ours=False)


@undisturbed
def older_bound(network: Module, x: ArrayLike, contract: str) -> Bound:
    """As error_bound(), for the answers of a library that summed in the order of one of CONTRACTS.

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
        return np.where(np.isnan(bound), np.inf, bound)  # Inf - Inf or 0 * Inf: something has overflowed
