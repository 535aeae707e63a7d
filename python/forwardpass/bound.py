"""The error bound of the numerics contract, for every output of a network."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .nn import Linear, Module, Sequential


def error_bound(network: Module, x: ArrayLike) -> NDArray[np.float64]:
    """How far each output of ``network(x)`` can be from the exact result.

    Parameters
    ----------
    network : Module
        A layer, or a network of Linear and ReLU layers.
    x : array_like, shape (..., in_features)
        Exact as the network sees it, after the conversion to its dtype.

    Returns
    -------
    numpy.ndarray of float64, shape (..., out_features)
        |computed - exact| is at most this, as long as no intermediate sum overflows.

    Raises
    ------
    ValueError, TypeError
        As a call of the network does.

    Notes
    -----
    For one layer, with u the unit roundoff (2**-24 or 2**-53), gamma_n = n u / (1 - n u), and c the
    longest way from a product to the sum: gamma_{c+1} sum |x||w| + u |b| (1 + u), and 2**-150 (or
    2**-1075) for each product that may underflow. It is Higham's argument for blocked summation
    (Accuracy and Stability of Numerical Algorithms, 2nd ed., ch. 3 and 4). The error that comes in
    with x adds |w| times itself; ReLU never enlarges an error.

    Examples
    --------
    >>> import numpy as np, forwardpass as fp
    >>> layer = fp.Linear.random(64, 3, rng=0)
    >>> x = np.ones(64, np.float32)
    >>> exact = layer.weight.astype(float) @ x + layer.bias
    >>> bool((abs(layer(x) - exact) <= fp.error_bound(layer, x)).all())
    True
    """
    values = np.asanyarray(x) if network.dtype is None else np.asarray(x).astype(network.dtype, casting="same_kind")
    error = np.zeros(values.shape)
    for layer in layers_of(network):
        if isinstance(layer, Linear):
            error = _linear_bound(layer, values, error)
        values = layer(values)
    return error


def layers_of(module: Module) -> Iterator[Module]:
    """The layers of a network in turn, those of inner Sequentials among them."""
    if isinstance(module, Sequential):
        for layer in module:
            yield from layers_of(layer)
    else:
        yield module


def _linear_bound(layer: Linear, x: NDArray[Any], error: NDArray[np.float64]) -> NDArray[np.float64]:
    single = layer.dtype == np.float32
    u = 2.0**-24 if single else 2.0**-53
    # The smallest subnormal: half of it is below 2**-1074, so float64's K * 2**-1075 is rounded up.
    underflow = 2.0**-150 if single else 2.0**-1074
    depth = layer.in_features
    magnitudes = np.abs(layer.weight).astype(np.float64).T
    bias = np.zeros(layer.out_features) if layer.bias is None else np.abs(layer.bias).astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        products = np.abs(x).astype(np.float64) @ magnitudes
        bound = gamma(longest_way(depth) + 1, u) * products + u * bias * (1 + u) + depth * underflow
        # These sums of positive numbers are themselves rounded: by less than gamma(depth + 8).
        total: NDArray[np.float64] = (bound + error @ magnitudes) * (1 + 2 * gamma(depth + 8, 2.0**-53))
    return total


def gamma(n: int, u: float) -> float:
    """The relative error that n roundings can add up to, n u / (1 - n u)."""
    return n * u / (1 - n * u)


def longest_way(depth: int) -> int:
    """The c of the contract: the additions that the first product of a sum can go through.

    Examples
    --------
    >>> [longest_way(depth) for depth in (64, 784, 1024, 4096, 65536)]
    [19, 56, 63, 96, 126]
    """
    if depth == 0:
        return 0
    block = min(32, 8 * -(-depth // 32))
    blocks = -(-depth // block)
    return min(depth, block) + (min(blocks, 64) - 1) + (-(-blocks // 64) - 1)
