"""Functions of each element that are curves. Names, arguments and defaults are PyTorch's."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .arithmetic import Arithmetic, Bound
from .declared import Argument
from .elementwise import Elementwise
from .module import Meaning
from .numbers import FLOAT32_START, single
from .wide import Dtype, Wide, exp, gated, held, log1p, normal, number, pi, sigmoid, tanh

__all__ = ["GELU", "Mish", "SiLU", "Sigmoid", "Softplus", "Softsign", "Tanh"]


class Smooth(Elementwise):
    """A function whose values depend on our polynomials or divisions: `order` is 'functions'."""

    order = "functions"


class GELU(Smooth):
    """x Phi(x), where Phi is the normal distribution function (Hendrycks and Gimpel, 2016).

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

    function = "gelu"
    largest_slope = 1.129  # at x = sqrt(2), and a little more for 'tanh'

    @staticmethod
    def _approximation(name: str, value: str) -> str:
        if value not in ("none", "tanh"):
            raise ValueError(f"{name}: expected 'none' or 'tanh', got {value!r}")
        return value

    approximate = Argument(_approximation, str)

    def __init__(self, approximate: Literal["none", "tanh"] = "none") -> None:
        super().__init__("gelu_tanh" if approximate == "tanh" else "gelu", approximate=approximate)

    def reference(self, x: Wide, dtype: Dtype) -> Wide:
        """The product of x and Phi(x), or of x and the sigmoid that 'tanh' takes, in wider numbers."""
        if self.approximate == "none":
            return gated(x, normal(x))
        bounded = np.clip(x, number(-1e4, x), number(1e4, x))  # the cube would overflow without it
        u = 2 * (2 / pi(x)) ** number(0.5, x) * (bounded + number("0.044715", x) * bounded**3)
        return gated(x, sigmoid(u))


class SiLU(Smooth):
    """x / (1 + e^-x), also called swish.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.SiLU()([0.0, 1.0])
    array([0.        , 0.73105858])
    """

    function = "silu"
    largest_slope = 1.0999  # at x = 2.4

    def __init__(self) -> None:
        super().__init__()

    def reference(self, x: Wide, dtype: Dtype) -> Wide:
        """The product of x and its sigmoid, in wider numbers."""
        return gated(x, sigmoid(x))


class Mish(Smooth):
    """x tanh(log(1 + e^x)) (Misra, 2019).

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.Mish()([0.0, 1.0])
    array([0.        , 0.86509839])
    """

    function = "mish"
    largest_slope = 1.0885  # at x = 1.5

    def __init__(self) -> None:
        super().__init__()

    def reference(self, x: Wide, dtype: Dtype) -> Wide:
        """Computed from e^-|x|, which never overflows: tanh(log(1 + e)) is n / (n + 2) for n = e (e + 2)."""
        e = exp(-np.abs(x))
        above = (1 + 2 * e) / (1 + 2 * e + 2 * e * e)
        n = e * (e + 2)
        return gated(x, np.where(x < 0, n / (n + 2), above))


class Tanh(Smooth):
    """The hyperbolic tangent.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.Tanh()([0.0, 1.0])
    array([0.        , 0.76159416])
    """

    function = "tanh"

    def __init__(self) -> None:
        super().__init__()

    def reference(self, x: Wide, dtype: Dtype) -> Wide:
        """NumPy's tanh of wider floats, or in Decimals a quotient of e^(-2 |x|)."""
        return tanh(x)


class Sigmoid(Smooth):
    """1 / (1 + e^-x), the logistic function.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.Sigmoid()([0.0, 1.0])
    array([0.5       , 0.73105858])
    """

    function = "sigmoid"
    largest_slope = 0.25  # at 0

    def __init__(self) -> None:
        super().__init__()

    def reference(self, x: Wide, dtype: Dtype) -> Wide:
        """The sigmoid in wider numbers, computed from e^-|x|, which never overflows."""
        return sigmoid(x)

    def meaning(self, given: Meaning) -> Meaning:
        """Each is between 0 and 1."""
        return "chances"


class Softsign(Smooth):
    """x / (1 + abs(x)).

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.Softsign()([-1.0, 3.0])
    array([-0.5 ,  0.75])
    """

    function = "softsign"

    def __init__(self) -> None:
        super().__init__()

    def reference(self, x: Wide, dtype: Dtype) -> Wide:
        """The definition in wider numbers. For infinity the answer is the limit, 1 or -1."""
        size = np.abs(x)
        y: Wide = np.where(size > number(1e300, x), np.sign(x), x / (1 + size))
        return y


class Softplus(Smooth):
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

    function = "softplus"

    @staticmethod
    def _positive(name: str, value: float) -> float:
        beta = single(name, value)
        if not beta > FLOAT32_START:
            raise ValueError(f"{name}: expected a positive number that float32 holds, at least 1.4e-45, got {value!r}")
        return beta

    beta = Argument(_positive)
    threshold = Argument(single)

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__(beta=beta, threshold=threshold)

    def reference(self, x: Wide, dtype: Dtype) -> Wide:
        """The definition in wider numbers, computed from e^-|beta x|, which never overflows."""
        beta = held(self.beta, x, dtype)
        v = x * beta
        curve = (np.maximum(v, 0) + log1p(exp(-np.abs(v)))) / beta
        y: Wide = np.where(v > held(self.threshold, x, dtype), x, curve)
        return y

    def bound(self, x: NDArray[Any], y: NDArray[Any], error: Bound, a: Arithmetic) -> Bound:
        """Adds the jump at the threshold, log(1 + e^-threshold) / beta, where x may lie on either side of it."""
        beta, threshold = float(a.dtype(self.beta)), float(a.dtype(self.threshold))
        product = beta * x.astype(np.float64)
        rounded = 4 * a.u * (np.abs(product) + abs(threshold)) + 4 * a.underflow
        jumps = np.abs(product - threshold) <= beta * error + rounded
        # On one side the answer is x. The caller subtracts the two sides, which may round by the size of x.
        jump = jumps * (np.logaddexp(0.0, -threshold) / beta + 4 * a.u * np.abs(x.astype(np.float64)))
        bound: Bound = super().bound(x, y, error, a) + jump
        return bound
