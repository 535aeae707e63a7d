"""The layer Linear, y = W x + b."""

# Annotations stay text: evaluating np.random.Generator would import numpy.random, which few programs need.
from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ..environment import undisturbed
from .arithmetic import Arithmetic, Bound, Shake, gamma, longest_way
from .declared import Array
from .module import FloatArray, Module
from .wide import Dtype, Wide, numbers

__all__ = ["Linear"]

# Weights that are in float64 at a time while a bound is computed: no more than stay in a cache.
PART = 1 << 16


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

    size_names = ("in_features", "out_features")
    order = "contract"
    weight = Array("out_features", "in_features")
    bias = Array("out_features", optional=True)

    if TYPE_CHECKING:  # never None, as it may be for other networks

        @property
        def in_features(self) -> int: ...  # noqa: D102 (seen by type checkers alone)
        @property
        def out_features(self) -> int: ...  # noqa: D102

    def __init__(self, weight: ArrayLike, bias: ArrayLike | None = None) -> None:
        super().__init__(weight, bias, arrays=("weight",) if bias is None else ("weight", "bias"))

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
        in_features), which is 1 / sqrt(in_features), for the weight and for the bias.

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

    @property
    def has_bias(self) -> bool:
        """Whether the layer has a bias."""
        return "bias" in self.array_names

    def shown(self) -> dict[str, Any]:
        """Its repr() is that of torch.nn.Linear."""
        return {"in_features": self.in_features, "out_features": self.out_features, "bias": self.has_bias}

    def reference(self, x: Wide, dtype: Dtype) -> Wide:
        """W x + b in wider numbers."""
        arrays = self.own_arrays()
        y: Wide = x @ numbers(arrays["weight"], x).T
        return y + numbers(arrays["bias"], x) if self.has_bias else y

    def bound(self, x: NDArray[Any], y: NDArray[Any], error: Bound, a: Arithmetic) -> Bound:
        """The rounding of the sums, plus |W| times the error of x."""
        depth, outputs = self.in_features, self.out_features
        roundings = longest_way(depth, a.contract) if a.ours else depth + 1
        magnitudes = np.abs(x).astype(np.float64)
        bound = np.empty((*x.shape[:-1], outputs))
        at = 0
        while at < outputs:
            weight, *bias = (np.abs(array).astype(np.float64) for array in self._part_of_weight(at, PART))
            part = gamma(roundings + 1, a.u) * (magnitudes @ weight.T) + error @ weight.T
            for own in bias:
                part += a.u * (1 + a.u) * own
            bound[..., at : at + len(weight)] = part
            at += len(weight)
        bound += depth * a.underflow
        # The sums above are of positive numbers, and are rounded too: by less than gamma(depth + 8).
        total: Bound = bound * (1 + 2 * gamma(depth + 8, 2.0**-53))
        return total

    def shaken(self, x: FloatArray, shake: Shake) -> FloatArray:
        """Random signs s and t move W[i, j] by units * W[i, j] s[i] t[j], and b[i] by units * b[i] s[i].

        So y moves by units * s (W (t x) + b), and that needs no copy of the weight.
        """
        turned = self((x * shake.signs(self.in_features)).astype(x.dtype)).astype(np.float64)
        y = self(x) + shake.units * turned * shake.signs(self.out_features)
        return y.astype(x.dtype)

    @classmethod
    def widths(cls, sizes: Mapping[str, int]) -> tuple[int, int]:
        """The two sizes of the weight."""
        return sizes["in_features"], sizes["out_features"]

    @classmethod
    def memory(cls, sizes: Mapping[str, int], itemsize: int) -> tuple[int, int]:
        """Bytes of the packed weight on the instruction set that needs most, and bytes of the weight itself.

        cpp/kernels/layout/panel.hpp packs it. A few outputs are packed as rows; they and their biases begin on a cache
        line. More outputs are lanes: whole cache lines for each input. The last few of them may be rows as well.
        """
        inputs, outputs, line = sizes["in_features"], sizes["out_features"], 64 // itemsize
        if inputs > 128 and outputs <= 4:
            packed = line + outputs * _whole(inputs, line)
        else:
            # Up to half a line of the last outputs: the instruction set decides whether they are rows.
            packed = (inputs + 1) * _whole(outputs, line) + (line // 2 + 1) * line
        return packed * itemsize, inputs * outputs * itemsize


def _whole(elements: int, line: int) -> int:
    return -(-elements // line) * line
