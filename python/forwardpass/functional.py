"""Layers without arrays as functions of x, with PyTorch's names: ``fp.tanh(x)`` has the bits of ``fp.Tanh()(x)``.

x is an array_like of any shape, or a number. float16 is computed in float32; integers and lists are computed in
float64. A function returns ``out`` if it is given, which may be x. Otherwise it returns a new array of the shape of x,
or a scalar for a number. Softmax and log_softmax need at least one axis. All raise TypeError for a dtype that is not
real, and ValueError for an ``out`` that does not fit.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

from numpy.typing import ArrayLike, NDArray

from .nn.elu import CELU, ELU, SELU
from .nn.module import Module
from .nn.piecewise import Hardsigmoid, Hardswish, Hardtanh, LeakyReLU, ReLU
from .nn.smooth import GELU, Mish, Sigmoid, SiLU, Softplus, Softsign, Tanh
from .nn.softmax import LogSoftmax, Softmax

__all__ = [
    "celu",
    "elu",
    "gelu",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "leaky_relu",
    "log_softmax",
    "mish",
    "relu",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "softsign",
    "tanh",
]

Out = NDArray[Any] | None

# A function without parameters calls the one layer that stands here.
_hardsigmoid, _hardswish, _mish, _relu, _selu = Hardsigmoid(), Hardswish(), Mish(), ReLU(), SELU()
_sigmoid, _silu, _softsign, _tanh = Sigmoid(), SiLU(), Softsign(), Tanh()


@lru_cache
def _kept(kind: Any, *arguments: Any) -> Module:
    layer: Module = kind(*arguments)
    return layer


def _layer(kind: Any, *arguments: Any) -> Module:
    """The layer with these arguments, made once and kept. Raises the layer's own error for arguments that are wrong."""
    try:
        return _kept(kind, *arguments)
    except TypeError:  # an argument without a hash: the layer refuses it and says why
        return _kept.__wrapped__(kind, *arguments)


def relu(x: ArrayLike, *, out: Out = None) -> Any:
    """max(0, x), element by element: `ReLU`.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.relu([-1.5, 0, 2])
    array([0., 0., 2.])
    """
    return _relu(x, out=out)


def leaky_relu(x: ArrayLike, negative_slope: float = 0.01, *, out: Out = None) -> Any:
    """x, multiplied by ``negative_slope`` where x is negative: `LeakyReLU`.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.leaky_relu([-1.0, 2.0], 0.5)
    array([-0.5,  2. ])
    """
    return _layer(LeakyReLU, negative_slope)(x, out=out)


def hardtanh(x: ArrayLike, min_val: float = -1.0, max_val: float = 1.0, *, out: Out = None) -> Any:
    """x, but at least ``min_val`` and at most ``max_val``: `Hardtanh`.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.hardtanh([-3.0, 0.5])
    array([-1. ,  0.5])
    """
    return _layer(Hardtanh, min_val, max_val)(x, out=out)


def hardsigmoid(x: ArrayLike, *, out: Out = None) -> Any:
    """(x + 3) / 6, but at least 0 and at most 1: `Hardsigmoid`.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.hardsigmoid([-4.0, 0.0])
    array([0. , 0.5])
    """
    return _hardsigmoid(x, out=out)


def hardswish(x: ArrayLike, *, out: Out = None) -> Any:
    """Each x times its hardsigmoid: `Hardswish`.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.hardswish([1.5, 4.0])
    array([1.125, 4.   ])
    """
    return _hardswish(x, out=out)


def elu(x: ArrayLike, alpha: float = 1.0, *, out: Out = None) -> Any:
    """x, but ``alpha`` (e^x - 1) where x is negative: `ELU`.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.elu([-100.0, 2.0])
    array([-1.,  2.])
    """
    return _layer(ELU, alpha)(x, out=out)


def celu(x: ArrayLike, alpha: float = 1.0, *, out: Out = None) -> Any:
    """x, but ``alpha`` (e^(x / alpha) - 1) where x is negative: `CELU`.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.celu([-100.0, 2.0], 0.5)
    array([-0.5,  2. ])
    """
    return _layer(CELU, alpha)(x, out=out)


def selu(x: ArrayLike, *, out: Out = None) -> Any:
    """ELU with a fixed alpha, multiplied by a fixed number: `SELU`.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.selu([0.0])
    array([0.])
    """
    return _selu(x, out=out)


def gelu(x: ArrayLike, approximate: Literal["none", "tanh"] = "none", *, out: Out = None) -> Any:
    """Each x times the share of the normal distribution that lies below x: `GELU`.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.gelu([0.0, 40.0])
    array([ 0., 40.])
    """
    return _layer(GELU, approximate)(x, out=out)


def silu(x: ArrayLike, *, out: Out = None) -> Any:
    """Each x times its sigmoid: `SiLU`.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.silu([0.0, 40.0])
    array([ 0., 40.])
    """
    return _silu(x, out=out)


def mish(x: ArrayLike, *, out: Out = None) -> Any:
    """Each x times the tanh of its softplus: `Mish`.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.mish([0.0, 40.0])
    array([ 0., 40.])
    """
    return _mish(x, out=out)


def sigmoid(x: ArrayLike, *, out: Out = None) -> Any:
    """1 / (1 + e^-x): `Sigmoid`.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.sigmoid([0.0])
    array([0.5])
    """
    return _sigmoid(x, out=out)


def tanh(x: ArrayLike, *, out: Out = None) -> Any:
    """The hyperbolic tangent: `Tanh`.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.tanh([0.0, 40.0])
    array([0., 1.])
    """
    return _tanh(x, out=out)


def softsign(x: ArrayLike, *, out: Out = None) -> Any:
    """Each x divided by 1 + abs(x): `Softsign`.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.softsign([-1.0, 3.0])
    array([-0.5 ,  0.75])
    """
    return _softsign(x, out=out)


def softplus(x: ArrayLike, beta: float = 1.0, threshold: float = 20.0, *, out: Out = None) -> Any:
    """log(1 + e^(beta x)) / beta, and x itself where beta x is above ``threshold``: `Softplus`.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.softplus([40.0])
    array([40.])
    """
    return _layer(Softplus, beta, threshold)(x, out=out)


def softmax(x: ArrayLike, dim: int = -1, *, out: Out = None) -> Any:
    """e^x divided by the sum of e^x in its row: `Softmax`.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.softmax([1.0, 1.0, 1.0, 1.0])
    array([0.25, 0.25, 0.25, 0.25])
    """
    return _layer(Softmax, dim)(x, out=out)


def log_softmax(x: ArrayLike, dim: int = -1, *, out: Out = None) -> Any:
    """The logarithm of softmax: `LogSoftmax`.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.log_softmax([1000.0, 0.0])
    array([    0., -1000.])
    """
    return _layer(LogSoftmax, dim)(x, out=out)
