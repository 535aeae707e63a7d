"""What functions of each element share, and those that change no number."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .arithmetic import Arithmetic, Bound, Shake
from .declared import Argument
from .module import FloatArray, Meaning, Module
from .numbers import real
from .wide import Dtype, Wide

__all__ = ["Dropout", "Flatten", "Identity"]


class Elementwise(Module):
    """A function of one number, applied to each element. Its arguments are the parameters a and b of its kernel.

    Attributes
    ----------
    rounds : bool
        Of a class: whether results are rounded at all.
    """

    rounds: ClassVar[bool] = True

    def __init__(self, kernel: str = "", axes: str = "any", **arguments: Any) -> None:
        checked = self.check_arguments(arguments)
        a, b, *_ = (*(value for value in checked.values() if isinstance(value, float)), 0.0, 0.0)
        super().__init__(kernel or self.function, a, b, None, None, axes, arguments=checked)

    @property
    def largest_slope(self) -> float:
        """By what an error of x is multiplied at most; the true largest slope, or a little more."""
        return 1.0

    def bound(self, x: NDArray[Any], y: NDArray[Any], error: Bound, a: Arithmetic) -> Bound:
        """The largest slope times the error, and what the function itself rounds."""
        slope = self.largest_slope * (1 + 2 * a.u)  # as the dtype holds its parameters
        if not self.rounds:
            return error * slope
        own = a.of_result(y, a.element_units)
        return error * slope + (own if a.ours else own + 8 * a.u * slope * self.cancelled(x))

    def cancelled(self, x: NDArray[Any]) -> Bound:
        """How large a number may be that cancels in another library, as 1 + erf(x) does: as large as x."""
        size: Bound = np.abs(x).astype(np.float64)
        return size

    def shaken(self, x: FloatArray, shake: Shake) -> FloatArray:
        """Only what rounds moves."""
        return super().shaken(x, shake) if self.rounds else self(x)


class Unchanged(Elementwise):
    """x itself: training, or the shape of x, is what the layer is for."""

    rounds = False

    def reference(self, x: Wide, dtype: Dtype) -> Wide:
        """Nothing happens to x."""
        return x

    def meaning(self, given: Meaning) -> Meaning:
        """The same numbers say the same."""
        return given


class Identity(Unchanged):
    """x itself.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.Identity()([1.0])
    array([1.])
    """

    function = "identity"

    def __init__(self) -> None:
        super().__init__()


class Dropout(Unchanged):
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

    @staticmethod
    def _share(name: str, value: float) -> float:
        share = real(name, value)
        if not 0 <= share <= 1:
            raise ValueError(f"{name}: expected a number from 0 to 1, got {value!r}")
        return share

    p = Argument(_share)

    def __init__(self, p: float = 0.5) -> None:
        super().__init__("identity", p=p)


class Flatten(Unchanged):
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

    start_dim = Argument(lambda name, value: int(value), int)
    end_dim = Argument(lambda name, value: int(value), int)

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__("identity", axes="flatten", start_dim=start_dim, end_dim=end_dim)

    @classmethod
    def check_arguments(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """The only pair of axes that leaves rows."""
        start_dim, end_dim = values["start_dim"], values["end_dim"]
        if (start_dim, end_dim) != (1, -1):
            raise ValueError(f"start_dim, end_dim: expected 1 and -1, got {start_dim!r} and {end_dim!r}")
        return super().check_arguments(values)

    def reference(self, x: Wide, dtype: Dtype) -> Wide:
        """Another shape."""
        return x.reshape(len(x), math.prod(x.shape[1:])) if x.ndim > 1 else x

    def bound(self, x: NDArray[Any], y: NDArray[Any], error: Bound, a: Arithmetic) -> Bound:
        """Another shape."""
        return error.reshape(y.shape)
