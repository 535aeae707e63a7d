"""Layers and networks, with PyTorch's names. All arithmetic happens in _core.Network."""

# Annotations stay text: evaluating np.random.Generator would import numpy.random, 16 ms.
from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from . import _core

FloatArray = NDArray[np.floating[Any]]


class Module(_core.Network):
    """What Linear, ReLU and Sequential share.

    Calling a module, ``module(x, *, out=None, num_threads=None)``, maps x of shape (..., in_features) to
    (..., out_features), each row by itself and with the same bits wherever it stands. x is
    converted to the module's dtype by NumPy's same_kind rule. With ``out`` the result is written
    there and nothing is allocated, from the second call of a kind on: memory for what lies between layers is
    kept by the calling thread, up to 64 MB. Large calls share their work among at most ``num_threads`` threads
    (``get_num_threads()`` where it is None). Raises ValueError for a shape and TypeError for a dtype that
    does not fit. Calls may run in several threads at once.
    """

    def _linears(self, prefix: str = "") -> Iterator[tuple[str, Linear]]:
        """Every Linear inside, with the prefix of its names in state_dict()."""
        yield from ()

    @cached_property
    def _state_names(self) -> tuple[str, ...]:
        """What state_dict() calls all weights and biases, in order."""
        kinds = {False: ("weight",), True: ("weight", "bias")}
        return tuple(prefix + kind for prefix, layer in self._linears() for kind in kinds[layer.has_bias])

    def state_dict(self) -> dict[str, FloatArray]:
        """Names and values of all weights and biases, named as PyTorch names them.

        Returns
        -------
        dict of str to numpy.ndarray
            New arrays: ``weight`` (out_features, in_features) and ``bias`` (out_features,) of a
            Linear, with the position of the layer before them in a Sequential.

        Examples
        --------
        >>> import forwardpass as fp
        >>> list(fp.Sequential(fp.Linear.random(4, 3), fp.ReLU()).state_dict())
        ['0.weight', '0.bias']
        """
        state: dict[str, FloatArray] = {}
        for prefix, layer in self._linears():
            weight, bias = layer._parameters()
            state[prefix + "weight"] = weight
            if bias is not None:
                state[prefix + "bias"] = bias
        return state

    def load_state_dict(self, state_dict: Mapping[str, ArrayLike]) -> None:
        """Put new values in all weights and biases, in place, from names as state_dict() gives them.

        All names and shapes are checked before anything changes. Networks that share these layers
        see the new values. A call that runs in another thread meanwhile may use old and new ones.

        Raises
        ------
        ValueError
            Names missing or unexpected, or a shape that differs.
        TypeError
            A dtype that NumPy's same_kind rule does not convert to the module's.

        Examples
        --------
        >>> import numpy as np, forwardpass as fp
        >>> layer = fp.Linear(np.zeros((1, 2)))
        >>> layer.load_state_dict({"weight": [[1.0, 2.0]]})
        >>> layer([1.0, 1.0])
        array([3.])
        """
        names = self._state_names
        if len(state_dict) != len(names) or not all(name in state_dict for name in names):
            missing = [name for name in names if name not in state_dict]
            unexpected = [name for name in state_dict if name not in names]
            raise ValueError(f"state_dict: missing {missing}, unexpected {unexpected}; expected {[*names]}")
        self._load(names, [state_dict[name] for name in names])

    def _repr_html_(self) -> str:
        """A table of the layers, for notebooks."""
        rows = "".join(
            f"<tr><td>{name.rstrip('.') or '-'}</td><td>{layer.in_features}</td><td>{layer.out_features}</td>"
            f"<td>{layer.has_bias}</td><td>{layer.nbytes}</td></tr>"
            for name, layer in self._linears()
        )
        head = "".join(f"<th>{title}</th>" for title in ("Linear", "in_features", "out_features", "bias", "bytes"))
        layers = str(self).replace("&", "&amp;").replace("<", "&lt;")
        return f"<pre>{layers}</pre><table><tr>{head}</tr>{rows}</table>"


class Linear(Module):
    """y = W x + b, for a weight of shape (out_features, in_features), as in PyTorch.

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

    if TYPE_CHECKING:  # never None, as it may be for other networks

        @property
        def in_features(self) -> int: ...  # noqa: D102 (seen by type checkers alone)
        @property
        def out_features(self) -> int: ...  # noqa: D102

    def __init__(self, weight: ArrayLike, bias: ArrayLike | None = None) -> None:
        super().__init__(weight, bias)
        self.has_bias = bias is not None

    @classmethod
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
        generator = np.random.default_rng(rng)
        bound = in_features**-0.5 if in_features > 0 else 0.0
        weight = generator.uniform(-bound, bound, (out_features, in_features)).astype(dtype)
        return cls(weight, generator.uniform(-bound, bound, out_features).astype(dtype) if bias else None)

    @property
    def weight(self) -> FloatArray:
        """A new array, shape (out_features, in_features)."""
        return self._parameters()[0]

    @property
    def bias(self) -> FloatArray | None:
        """A new array, shape (out_features,), or None."""
        return self._parameters()[1]

    def _linears(self, prefix: str = "") -> Iterator[tuple[str, Linear]]:
        yield prefix, self

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.weight, self.bias)

    def __repr__(self) -> str:
        return f"Linear(in_features={self.in_features}, out_features={self.out_features}, bias={self.has_bias})"


class ReLU(Module):
    """max(0, x), element by element. NaN stays NaN, and the result is never -0.0.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.ReLU()([-1.0, 2.0])
    array([0., 2.])
    """

    def __init__(self) -> None:
        super().__init__("relu")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), ()

    def __repr__(self) -> str:
        return "ReLU()"


class Sequential(Module):
    """Layers one after another, run as one call: no Python between them, ReLU fused to its Linear.

    The layers are shared, not copied: ``load_state_dict`` of either is seen by both. An index gives
    a layer, a slice a Sequential.

    Parameters
    ----------
    *layers : Module
        May be Sequentials themselves.

    Raises
    ------
    ValueError
        No layers, or two that do not chain; the message names them.
    TypeError
        Something that is no Module, or layers of two dtypes.

    Examples
    --------
    >>> import forwardpass as fp
    >>> net = fp.Sequential(fp.Linear.random(4, 8, rng=0), fp.ReLU(), fp.Linear.random(8, 2, rng=1))
    >>> net
    Sequential(
      (0): Linear(in_features=4, out_features=8, bias=True)
      (1): ReLU()
      (2): Linear(in_features=8, out_features=2, bias=True)
    )
    >>> net([[0, 0, 0, 0]]).shape
    (1, 2)
    """

    def __init__(self, *layers: Module) -> None:
        for position, layer in enumerate(layers):
            if not isinstance(layer, Module):
                hint = "; pass the layers of a list one by one, Sequential(*layers)" if isinstance(layer, list) else ""
                raise TypeError(f"layer {position}: expected a forwardpass layer, got {type(layer).__name__}{hint}")
        super().__init__(layers)
        self._layers = layers

    def __len__(self) -> int:
        return len(self._layers)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._layers)

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Sequential: ...
    def __getitem__(self, index: int | slice) -> Module:
        return Sequential(*self._layers[index]) if isinstance(index, slice) else self._layers[index]

    def _linears(self, prefix: str = "") -> Iterator[tuple[str, Linear]]:
        for position, layer in enumerate(self._layers):
            yield from layer._linears(f"{prefix}{position}.")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._layers

    def __repr__(self) -> str:
        lines = (f"({position}): {layer!r}" for position, layer in enumerate(self._layers))
        body = "\n".join(lines).replace("\n", "\n  ")
        return f"Sequential(\n  {body}\n)"
