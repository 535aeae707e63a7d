"""Layers made of layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from .arithmetic import Arithmetic, Bound, Shake
from .module import FloatArray, Meaning, Module, check_layer
from .wide import Dtype, Wide

__all__ = ["Residual", "Sequential"]


class Sequential(Module):
    """Layers one after another, run as one call: no Python between them, activations fused to their Linear.

    Called as ``net(x, *, out=None, num_threads=None)``: see `Module`.

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
        Something that is no Module, or has a ``__call__`` of its own; layers of two dtypes.

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

    holds = "layers"

    def __init__(self, *layers: Module) -> None:
        for position, layer in enumerate(layers):
            check_layer(f"layer {position}", layer)
        super().__init__(layers)
        self._layers = layers

    def __len__(self) -> int:
        return len(self._layers)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._layers)

    @overload
    def __getitem__(self, index: int) -> Any: ...  # a Linear, which has a weight, or another layer
    @overload
    def __getitem__(self, index: slice) -> Sequential: ...
    def __getitem__(self, index: int | slice) -> Module:
        return Sequential(*self._layers[index]) if isinstance(index, slice) else self._layers[index]

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The layers with their positions."""
        return ((str(position), layer) for position, layer in enumerate(self._layers))

    def made_from(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The layers themselves, and labels."""
        return self._layers, {name: getattr(self, name) for name in self.labels}

    def reference(self, x: Wide, dtype: Dtype) -> Wide:
        """One layer after another."""
        for layer in self._layers:
            x = layer.reference(x, dtype)
        return x

    def meaning(self, given: Meaning) -> Meaning:
        """That of the last layer which changes it."""
        for layer in self._layers:
            given = layer.meaning(given)
        return given

    def through(self, x: NDArray[Any], error: Bound, a: Arithmetic) -> tuple[NDArray[Any], Bound]:
        """The error of one layer goes through the next."""
        for layer in self._layers:
            x, error = layer.through(x, error, a)
        return x, error

    def shaken(self, x: FloatArray, shake: Shake) -> FloatArray:
        """Each layer shaken."""
        for layer in self._layers:
            x = layer.shaken(x, shake)
        return x

    @classmethod
    def spec_of(cls, children: list[Any]) -> dict[str, Any]:
        """All of them."""
        return {"layers": children}

    @classmethod
    def children_in(cls, spec: Mapping[str, Any]) -> list[tuple[str, Any]]:
        """At least one."""
        layers = spec["layers"]
        if not isinstance(layers, list) or not layers:
            raise ValueError("layers: expected a list of at least one layer")
        return [(str(position), layer) for position, layer in enumerate(layers)]

    def __repr__(self) -> str:
        return _nested(self)


class Residual(Module):
    """y = x + inner(x), the skip connection of residual networks.

    Parameters
    ----------
    inner : Module
        Gives as many features as it takes. Its names in state_dict() begin with ``inner.``.

    Raises
    ------
    ValueError
        An inner network that gives another number of features than it takes.
    TypeError
        Something that is no Module, or has a ``__call__`` of its own.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.Residual(fp.ReLU())([-1.0, 2.0])
    array([-1.,  4.])
    """

    holds = "inner"

    def __init__(self, inner: Module) -> None:
        check_layer("inner", inner)
        if inner.in_features != inner.out_features:
            raise ValueError(
                "inner: expected as many features out as in, "
                f"got in_features={inner.in_features}, out_features={inner.out_features}"
            )
        super().__init__(inner)
        self._inner = inner

    @property
    def inner(self) -> Module:
        """The inner network."""
        return self._inner

    def made_from(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The inner network itself."""
        return (self._inner,), {}

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The inner network."""
        return iter([("inner", self.inner)])

    def reference(self, x: Wide, dtype: Dtype) -> Wide:
        """The sum."""
        return x + self.inner.reference(x, dtype)

    def bound(self, x: NDArray[Any], y: NDArray[Any], error: Bound, a: Arithmetic) -> Bound:
        """Both terms' errors, and a rounding."""
        bound: Bound = error + self.inner.through(x, error, a)[1] + 2 * a.u * np.abs(y) + a.underflow
        return bound

    def shaken(self, x: FloatArray, shake: Shake) -> FloatArray:
        """The inner network shaken."""
        total: FloatArray = x + self.inner.shaken(x, shake)
        return total

    @classmethod
    def spec_of(cls, children: list[Any]) -> dict[str, Any]:
        """The inner network alone."""
        (inner,) = children
        return {"inner": inner}

    @classmethod
    def children_in(cls, spec: Mapping[str, Any]) -> list[tuple[str, Any]]:
        """One."""
        return [("inner", spec["inner"])]

    def __repr__(self) -> str:
        return _nested(self)


def _nested(layer: Module) -> str:
    """Each of its layers in lines of its own."""
    lines = [f"{name}={value}" for name, value in layer.shown().items()]
    lines += [f"({name}): {child!r}" for name, child in layer.named_children()]
    body = "\n".join(lines).replace("\n", "\n  ")
    return f"{type(layer).__name__}(\n  {body}\n)"
