"""y = W x + b."""

# Annotations stay text: evaluating np.random.Generator would import numpy.random, which few programs need.
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from ..environment import undisturbed
from .module import Array, Module


class Linear(Module):
    """y = W x + b, for a weight of shape (out_features, in_features), as in PyTorch.

    Called as ``layer(x, *, out=None, num_threads=None)``: see `Module`.
    The weight is copied and packed once; changing the array afterwards has no effect.

    Parameters
    ----------
    weight : array_like, shape (out_features, in_features)
        float32 stays float32, float16 becomes float32, float64, integers and lists float64.
    bias : array_like, shape (out_features,), optional
        Converted to the weight's dtype by NumPy's same_kind rule.

    Raises
    ------
    ValueError
        A weight that is not 2-d, or a bias of another shape.
    TypeError
        A dtype that cannot be converted.

    Examples
    --------
    >>> import forwardpass as fp
    >>> layer = fp.Linear([[1, 2], [3, 4], [5, 6]], [0, 0, 1])
    >>> layer
    Linear(in_features=2, out_features=3, bias=True)
    >>> layer([1, 1])
    array([ 3.,  7., 12.])
    """

    weight = Array("A new read-only array, shape (out_features, in_features).")
    bias = Array("A new read-only array, shape (out_features,), or None.")

    if TYPE_CHECKING:  # never None, as it may be for other networks

        @property
        def in_features(self) -> int: ...  # noqa: D102 (seen by type checkers alone)
        @property
        def out_features(self) -> int: ...  # noqa: D102

    def __init__(self, weight: ArrayLike, bias: ArrayLike | None = None) -> None:
        super().__init__(weight, bias)
        self.has_bias = bias is not None

    @classmethod
    @undisturbed
    def random(
        cls,
        in_features: int,
        out_features: int,
        bias: bool = True,
        dtype: DTypeLike = np.float32,
        rng: np.random.Generator | int | None = None,
    ) -> Linear:
        """A layer with PyTorch's default initialisation: uniform in +-1 / sqrt(in_features).

        Parameters
        ----------
        in_features, out_features : int
        bias : bool
        dtype : numpy.float32 or numpy.float64
        rng : numpy.random.Generator or seed, optional

        Raises
        ------
        TypeError
            Another dtype.

        Notes
        -----
        torch.nn.Linear calls kaiming_uniform_ with a = sqrt(5): a bound of sqrt(6 / (1 + a^2) /
        in_features), which is 1 / sqrt(in_features), for the weight and, by itself, for the bias.

        Examples
        --------
        >>> import forwardpass as fp
        >>> fp.Linear.random(64, 10, rng=0)
        Linear(in_features=64, out_features=10, bias=True)
        """
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise TypeError(f"dtype: expected float32 or float64, got {np.dtype(dtype)}")
        generator = np.random.default_rng(rng)
        bound = in_features**-0.5 if in_features > 0 else 0.0
        weight = generator.uniform(-bound, bound, (out_features, in_features)).astype(dtype)
        return cls(weight, generator.uniform(-bound, bound, out_features).astype(dtype) if bias else None)

    def _own_names(self) -> tuple[str, ...]:
        return ("weight", "bias") if self.has_bias else ("weight",)

    def _config(self) -> dict[str, Any]:
        return {"in_features": self.in_features, "out_features": self.out_features, "bias": self.has_bias}

    def _arguments(self) -> tuple[Any, ...]:
        arrays = self._own_arrays()
        return arrays["weight"], arrays.get("bias")
