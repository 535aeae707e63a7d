"""How far an output can be from the exact result: the error bound of the numerics contract, through every layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core, nn
from .environment import undisturbed
from .nn import Module
from .nn.module import check_layer

Bound = NDArray[np.float64]
# Weights that are in float64 at a time.
PART = 1 << 20
# Orders of sums whose bound is known: ours, and those that files have from before.
CONTRACTS = (_core.CONTRACT, "fma-v1")


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
    return _bound(network, x, ours=True) + _bound(network, x, ours=False)


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


def gamma(n: int, u: float) -> float:
    """The relative error that n roundings can add up to, n u / (1 - n u)."""
    return n * u / (1 - n * u)


def longest_way(depth: int, contract: str = _core.CONTRACT) -> int:
    """The c of the contract: the additions that the first product of a sum goes through.

    Its chain, the other chains of its superblock, the other superblocks of its group, the other groups.

    Parameters
    ----------
    depth : int
        How many products are summed.
    contract : str
        One of CONTRACTS: fma-v1 for answers that a file holds from before.

    Examples
    --------
    >>> [longest_way(depth) for depth in (64, 784, 1024, 4096, 65536)]
    [19, 42, 42, 54, 69]
    >>> [longest_way(depth, "fma-v1") for depth in (64, 784, 1024, 4096, 65536)]
    [19, 56, 63, 96, 126]
    """
    if depth == 0:
        return 0
    if contract == "fma-v1":  # blocks of 32 neighbours and fewer, 64 of them to a superblock
        block = min(32, 8 * -(-depth // 32))
        blocks = -(-depth // block)
        return min(depth, block) + (min(blocks, 64) - 1) + (-(-blocks // 64) - 1)
    chains = 4 if depth <= 128 else 8
    superblocks = -(-depth // (32 * chains))
    chain = -(-min(depth, 32 * chains) // chains)
    return chain + (min(chains, depth) - 1) + (min(superblocks, 16) - 1) + (-(-superblocks // 16) - 1)


@dataclass(frozen=True)
class Arithmetic:
    """Of a computation: a dtype, and whether it is ours."""

    u: float  # unit roundoff
    underflow: float  # of one operation: half of the smallest subnormal, or for float64 all of it
    ours: bool
    contract: str = _core.CONTRACT  # the order of our sums

    @property
    def element_units(self) -> float:
        """How many units in the last place a function of one element may be wrong: docs/numerics.md."""
        return 2.0 if self.ours else 8.0

    @property
    def row_units(self) -> float:
        """As many of a function of rows but Softmax, and of columns: in float32 they round once, from doubles."""
        return 1.0 if self.ours and self.u == 2.0**-24 else self.element_units

    def of_result(self, y: NDArray[Any], units: float) -> Bound:
        """So many units of y: one is at most 2 u |y|, or the smallest subnormal."""
        unit: Bound = 2 * self.u * np.abs(y).astype(np.float64) * (1 + 4 * self.u) + 2 * self.underflow
        return units * unit


def _bound(network: Module, x: ArrayLike, ours: bool, contract: str = _core.CONTRACT) -> Bound:
    check_layer("network", network)
    values = network._input(x)
    single = values.dtype == np.float32
    u, underflow = (2.0**-24, 2.0**-150) if single else (2.0**-53, 2.0**-1074)
    arithmetic = Arithmetic(u, underflow, ours, contract)
    with np.errstate(all="ignore"):
        bound = _through(network, values, np.zeros(values.shape), arithmetic)[1]
        return np.where(np.isnan(bound), np.inf, bound)  # Inf - Inf or 0 * Inf: something has overflowed


def _through(module: Module, x: NDArray[Any], error: Bound, a: Arithmetic) -> tuple[NDArray[Any], Bound]:
    """What a module makes of x and of the error that came with it."""
    if isinstance(module, nn.Sequential):
        for layer in module:
            x, error = _through(layer, x, error, a)
        return x, error
    y = module(x)
    if isinstance(module, nn.Linear):
        return y, _linear(module, x, error, a)
    if isinstance(module, nn.Residual):
        return y, error + _through(module.inner, x, error, a)[1] + 2 * a.u * np.abs(y) + a.underflow
    if isinstance(module, nn.LayerNorm):
        return y, _layer_norm(module, x, error, a) + a.of_result(y, a.row_units)
    if isinstance(module, nn.Columns):
        return y, _columns(module, x, error, a) + a.of_result(y, a.row_units)
    if isinstance(module, (nn.Softmax, nn.LogSoftmax)):
        # A weight of Softmax is rounded before it is divided.
        units = a.element_units if isinstance(module, nn.Softmax) else a.row_units
        return y, _softmax(module, x, y, error, a) + a.of_result(y, units)
    assert isinstance(module, nn.Function)
    slope = module.largest_slope * (1 + 2 * a.u)  # as the dtype holds its parameters
    if isinstance(module, (nn.ReLU, nn.Hardtanh, nn.Identity, nn.Dropout)):
        return y, error * slope
    if isinstance(module, nn.Flatten):
        return y, error.reshape(y.shape)
    own = a.of_result(y, a.element_units)
    if isinstance(module, nn.Softplus):
        # It jumps at the threshold, by log(1 + e^-threshold) / beta, if x or the product may be on either side.
        dtype = np.float32 if a.u == 2.0**-24 else np.float64
        beta, threshold = float(dtype(module.beta)), float(dtype(module.threshold))
        product = beta * x.astype(np.float64)
        rounded = 4 * a.u * (np.abs(product) + abs(threshold)) + 4 * a.underflow
        jumps = np.abs(product - threshold) <= beta * error + rounded
        # One side is x, which this arithmetic subtracts from the other with a rounding of x.
        own = own + jumps * (np.logaddexp(0.0, -threshold) / beta + 4 * a.u * np.abs(x.astype(np.float64)))
    if not a.ours:
        # Such as e^x - 1, or 1 + erf(x): what cancels there was as large as 1, or as x.
        own = own + 8 * a.u * slope * np.minimum(np.abs(x), 1 if isinstance(module, (nn.ELU, nn.SELU)) else np.inf)
        own = own + (8 * a.u * slope if isinstance(module, (nn.ELU, nn.SELU)) else 0.0)
    return y, error * slope + own


def _linear(layer: nn.Linear, x: NDArray[Any], error: Bound, a: Arithmetic) -> Bound:
    depth = layer.in_features
    roundings = longest_way(depth, a.contract) if a.ours else depth + 1
    weight, magnitudes = layer.weight, np.abs(x).astype(np.float64)
    bias = np.zeros(layer.out_features) if layer.bias is None else np.abs(layer.bias).astype(np.float64)
    bound = np.empty((*x.shape[:-1], layer.out_features))
    # Some outputs at a time: in float64 the weight would take twice its memory.
    step = max(1, PART // max(depth, 1))
    for at in range(0, layer.out_features, step):
        part = np.abs(weight[at : at + step]).astype(np.float64).T
        products = magnitudes @ part
        bound[..., at : at + step] = gamma(roundings + 1, a.u) * products + error @ part
    bound += a.u * bias * (1 + a.u) + depth * a.underflow
    # These sums of positive numbers are themselves rounded: by less than gamma(depth + 8).
    total: Bound = bound * (1 + 2 * gamma(depth + 8, 2.0**-53))
    return total


def _columns(layer: nn.Columns, x: NDArray[Any], error: Bound, a: Arithmetic) -> Bound:
    table = layer.table()
    center, scale, offset = table[nn.CENTER], np.abs(table[nn.SCALE]), np.abs(table[nn.OFFSET])
    away = np.abs(x.astype(np.float64) - center)
    # Pairs of numbers lose some u^2 of each term; others round each term. Second parts may be too small for the dtype.
    lost = 24 * a.u * a.u if a.ours else 8 * a.u
    own: Bound = lost * ((np.abs(x) + np.abs(center)) * scale + offset) + a.underflow * (away + scale + 1)
    bound: Bound = error * scale * (1 + 4 * a.u) + own
    return np.where(_held(center, x) & _held(offset, x) & np.isfinite(scale), bound, np.inf)


def _held(values: nn.FloatArray, x: NDArray[Any]) -> NDArray[np.bool_]:
    """Which numbers of a layer are finite in the dtype of x."""
    held: NDArray[np.bool_] = np.isfinite(values.astype(x.dtype))
    return held


def _layer_norm(layer: nn.LayerNorm, x: NDArray[Any], error: Bound, a: Arithmetic) -> Bound:
    table = layer.table()
    scale, offset = np.abs(table[nn.SCALE]), np.abs(table[nn.OFFSET])
    width = x.shape[-1]
    if width == 0:
        return error
    # In units of a power of two, so that no square over- or underflows here. Differences from the first element are
    # exact to their own size, however far from zero the row is.
    _, exponents = np.frexp(np.abs(x).max(axis=-1, keepdims=True, initial=0.0))
    values, error = np.ldexp(x.astype(np.float64), -exponents), np.ldexp(error, -exponents)
    shifted = values - values[..., :1]
    middle = shifted - shifted.mean(axis=-1, keepdims=True)
    spread = np.sqrt((middle**2).mean(axis=-1, keepdims=True))
    deviation = np.hypot(spread, np.ldexp(np.sqrt(layer.eps), -exponents))
    rounded_here = (width + 8) * 2.0**-53 * np.abs(shifted).max(axis=-1, keepdims=True, initial=0.0)
    # The deviation is a norm of the middle parts (and of eps), so it changes by at most the error's own.
    change = np.sqrt((error**2).mean(axis=-1, keepdims=True))
    if a.ours:
        # Sums in pairs are wrong by 2 c^2 u^2 of their terms' sizes, c being the longest way through them (Ogita, Rump
        # and Oishi, Accurate sum and dot product, 2005). The terms are at most 4 deviations from the origin. Those of
        # float32 are in doubles, 8 deviations from it, and lose less: 100 c 2^-53.
        lanes = 16 if a.u == 2.0**-24 else 8
        lost = (20 * (width / lanes + lanes + 1) ** 2 + 100) * a.u * a.u
        of_mean, of_deviation, lost_offset = lost * spread, lost * deviation, 4 * a.u * a.u
    else:
        lost_offset = (4 * width + 16) * a.u
        of_mean = lost_offset * np.abs(values).max(axis=-1, keepdims=True, initial=0.0)
        of_deviation = lost_offset * deviation + of_mean
    error = error + error.mean(axis=-1, keepdims=True) + of_mean + rounded_here
    change = change + of_deviation + rounded_here
    moved = (error + np.abs(middle) / deviation * change) / (deviation - change)
    # However wrong, no element is further than this from the mean.
    moved = np.where(deviation > change, np.minimum(moved, 2 * np.sqrt(width)), 2 * np.sqrt(width))
    bound: Bound = moved * scale * (1 + 2.0**-20) + lost_offset * offset + a.underflow * (scale + 1)
    return np.where(_held(offset, x) & np.isfinite(scale), bound, np.inf)


def _softmax(module: Module, x: NDArray[Any], y: NDArray[Any], error: Bound, a: Arithmetic) -> Bound:
    largest = error.max(axis=-1, keepdims=True, initial=0.0)
    values = x.astype(np.float64)
    below = np.abs(values - values.max(axis=-1, keepdims=True, initial=-np.inf))
    if isinstance(module, nn.LogSoftmax):
        own = 0.0 if a.ours else 8 * a.u * (below + np.log(max(x.shape[-1], 1)) + 1)
        bound: Bound = error + largest + own
        return bound
    # Every weight, and so their sum, is off by a factor of at most e^largest; no share is above 1.
    factor = np.expm1(2 * largest + (0.0 if a.ours else 8 * a.u * (below + x.shape[-1])))
    share: Bound = np.minimum((np.abs(y) * (1 + 4 * a.u) + 2 * a.underflow) * factor, 1.0)
    return share
