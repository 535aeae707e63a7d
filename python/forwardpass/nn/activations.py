"""Functions of each element, of each row, and layers that do nothing. PyTorch's names, arguments and defaults."""

from __future__ import annotations

from typing import Any, Literal

from .module import Module
from .numbers import FLOAT32_START, less, real, single


class Function(Module):
    """A layer without arrays: its arguments are all there is."""

    @property
    def largest_slope(self) -> float:
        """By what an error of x is multiplied at most; the true largest slope, or a little more."""
        return 1.0

    def _start(self, name: str, a: float = 0.0, b: float = 0.0, axes: str = "any") -> None:
        super().__init__(name, a, b, None, None, axes)

    def _arguments(self) -> tuple[Any, ...]:
        return tuple(self._config().values())


class ReLU(Function):
    """max(0, x), element by element. NaN stays NaN, and the result is never -0.0.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.ReLU()([-1.0, 2.0])
    array([0., 2.])
    """

    def __init__(self) -> None:
        self._start("relu")


class LeakyReLU(Function):
    """x, times ``negative_slope`` where it is negative.

    Parameters
    ----------
    negative_slope : float

    Raises
    ------
    ValueError
        A slope that is not finite in float32.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.LeakyReLU(0.5)([-1.0, 2.0])
    array([-0.5,  2. ])
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = single("negative_slope", negative_slope)
        self._start("leaky_relu", self.negative_slope)

    @property
    def largest_slope(self) -> float:
        """Of the two halves, the steeper one's."""
        return max(1.0, abs(self.negative_slope))

    def _config(self) -> dict[str, Any]:
        return {"negative_slope": self.negative_slope}


class ELU(Function):
    """x, and alpha (e^x - 1) where it is negative (Clevert et al., 2015).

    Parameters
    ----------
    alpha : float

    Raises
    ------
    ValueError
        An alpha that is not finite in float32.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.ELU()([-1000.0, 2.0])
    array([-1.,  2.])
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = single("alpha", alpha)
        self._start("elu", self.alpha)

    @property
    def largest_slope(self) -> float:
        """Of the two halves, the steeper one's."""
        return max(1.0, abs(self.alpha))

    def _config(self) -> dict[str, Any]:
        return {"alpha": self.alpha}


class SELU(Function):
    """1.0507 times an ELU of alpha = 1.6733, with the constants of Klambauer et al., 2017.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.SELU()([1.0])
    array([1.05070099])
    """

    def __init__(self) -> None:
        self._start("selu")

    @property
    def largest_slope(self) -> float:
        """The product of its two constants, just below 0."""
        return 1.7581


class GELU(Function):
    """x Phi(x), Phi being the normal distribution's (Hendrycks and Gimpel, 2016).

    Parameters
    ----------
    approximate : {'none', 'tanh'}
        ``'tanh'`` is another function, 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).

    Raises
    ------
    ValueError
        Another approximation.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.GELU()([1.0]), fp.GELU(approximate="tanh")([1.0])
    (array([0.84134475]), array([0.84119199]))
    """

    def __init__(self, approximate: Literal["none", "tanh"] = "none") -> None:
        if approximate not in ("none", "tanh"):
            raise ValueError(f"approximate: expected 'none' or 'tanh', got {approximate!r}")
        self.approximate = approximate
        self._start("gelu" if approximate == "none" else "gelu_tanh")

    def _config(self) -> dict[str, Any]:
        return {"approximate": self.approximate}

    @property
    def largest_slope(self) -> float:
        """At x = sqrt(2), and a little more for 'tanh'."""
        return 1.129


class SiLU(Function):
    """x / (1 + e^-x), also called swish.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.SiLU()([0.0, 1.0])
    array([0.        , 0.73105858])
    """

    def __init__(self) -> None:
        self._start("silu")

    @property
    def largest_slope(self) -> float:
        """At x = 2.4."""
        return 1.0999


class Tanh(Function):
    """The hyperbolic tangent.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.Tanh()([0.0, 1.0])
    array([0.        , 0.76159416])
    """

    def __init__(self) -> None:
        self._start("tanh")


class Sigmoid(Function):
    """1 / (1 + e^-x), the logistic function.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.Sigmoid()([0.0, 1.0])
    array([0.5       , 0.73105858])
    """

    def __init__(self) -> None:
        self._start("sigmoid")

    @property
    def largest_slope(self) -> float:
        """At 0."""
        return 0.25


class Softplus(Function):
    """log(1 + e^(beta x)) / beta, and x itself where beta x > threshold.

    Parameters
    ----------
    beta, threshold : float

    Raises
    ------
    ValueError
        A number that is not finite in float32, or a beta that is not positive there.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.Softplus()([0.0, 30.0])
    array([ 0.69314718, 30.        ])
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        self.beta, self.threshold = single("beta", beta), single("threshold", threshold)
        if not self.beta > FLOAT32_START:
            raise ValueError(f"beta: expected a positive number that float32 holds, at least 1.4e-45, got {beta!r}")
        self._start("softplus", self.beta, self.threshold)

    def _config(self) -> dict[str, Any]:
        return {"beta": self.beta, "threshold": self.threshold}


class Hardtanh(Function):
    """x, but at least ``min_val`` and at most ``max_val``; torch's ReLU6 is ``Hardtanh(0, 6)``. NaN stays NaN.

    Parameters
    ----------
    min_val, max_val : float

    Raises
    ------
    ValueError
        A min_val that is not below max_val, or NaN.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.Hardtanh(0.0, 6.0)([-1.0, 2.0, 7.0])
    array([0., 2., 6.])
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0) -> None:
        self.min_val, self.max_val = real("min_val", min_val), real("max_val", max_val)
        if not less(self.min_val, self.max_val):
            raise ValueError(f"min_val, max_val: expected min_val < max_val, got {min_val!r} and {max_val!r}")
        self._start("hardtanh", self.min_val, self.max_val)

    def _config(self) -> dict[str, Any]:
        return {"min_val": self.min_val, "max_val": self.max_val}


class _OverAnAxis(Function):
    """A function of the last axis, or of axis 1, which is the last one of rows alone."""

    def _start_over(self, name: str, dim: int) -> None:
        if dim not in (-1, 1) or isinstance(dim, bool):
            raise ValueError(f"dim: expected -1, the last axis, or 1, the last axis of rows, got {dim!r}")
        self.dim = int(dim)
        self._start(name, axes="any" if self.dim == -1 else "rows")

    def _config(self) -> dict[str, Any]:
        return {"dim": self.dim}


class Softmax(_OverAnAxis):
    """e^x over its sum in each row.

    Parameters
    ----------
    dim : int
        -1, the last axis; or 1, which is the last axis of x with one or two: x with more is refused then.

    Raises
    ------
    ValueError
        Another axis.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.Softmax()([1.0, 1.0, 1.0, 1.0])
    array([0.25, 0.25, 0.25, 0.25])
    """

    def __init__(self, dim: int = -1) -> None:
        self._start_over("softmax", dim)


class LogSoftmax(_OverAnAxis):
    """The logarithm of Softmax, exact where that is near 0 or 1.

    Parameters
    ----------
    dim : int
        -1, the last axis; or 1, which is the last axis of x with one or two: x with more is refused then.

    Raises
    ------
    ValueError
        Another axis.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.LogSoftmax()([1000.0, 0.0])
    array([    0., -1000.])
    """

    def __init__(self, dim: int = -1) -> None:
        self._start_over("log_softmax", dim)


class Identity(Function):
    """x itself.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.Identity()([1.0])
    array([1.])
    """

    def __init__(self) -> None:
        self._start("identity")


class Dropout(Function):
    """x itself: only training drops anything. It keeps the positions of the layers behind it.

    Parameters
    ----------
    p : float
        Between 0 and 1; not used.

    Raises
    ------
    ValueError
        Another p.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.Dropout(0.2)([1.0])
    array([1.])
    """

    def __init__(self, p: float = 0.5) -> None:
        self.p = real("p", p)
        if not 0 <= self.p <= 1:
            raise ValueError(f"p: expected a number from 0 to 1, got {p!r}")
        self._start("identity")

    def _config(self) -> dict[str, Any]:
        return {"p": self.p}


class Flatten(Function):
    """All axes but the first as one: x of shape (rows, ...) becomes (rows, features). x of one axis is a row already.

    In a network, functions of each element may come before it. Behind layers that take the last axis for a row, such
    as Linear, it lets rows through and refuses x of more than two axes.

    Parameters
    ----------
    start_dim, end_dim : int
        1 and -1, PyTorch's defaults.

    Raises
    ------
    ValueError
        Other axes.

    Examples
    --------
    >>> import numpy as np, forwardpass as fp
    >>> fp.Flatten()(np.zeros((5, 28, 28))).shape
    (5, 784)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        if (start_dim, end_dim) != (1, -1):
            raise ValueError(f"start_dim, end_dim: expected 1 and -1, got {start_dim!r} and {end_dim!r}")
        self.start_dim, self.end_dim = 1, -1
        self._start("identity", axes="flatten")

    def _config(self) -> dict[str, Any]:
        return {"start_dim": self.start_dim, "end_dim": self.end_dim}
