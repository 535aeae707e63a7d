"""Layers made of layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, overload

from .module import Module, check_layer


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

    def __init__(self, *layers: Module) -> None:
        for position, layer in enumerate(layers):
            hint = ""
            if isinstance(layer, list):
                hint = "list; pass the layers of a list one by one, Sequential(*layers)"
            elif isinstance(layer, type) and issubclass(layer, Module):
                hint = f"the class {layer.__name__}; a layer is {layer.__name__}(...)"
            check_layer(f"layer {position}", layer, hint)
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

    def _leaves(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        for position, layer in enumerate(self._layers):
            yield from layer._leaves(f"{prefix}{position}.")

    def _arguments(self) -> tuple[Any, ...]:
        return self._layers

    def __repr__(self) -> str:
        lines = (f"({position}): {layer!r}" for position, layer in enumerate(self._layers))
        body = "\n".join(lines).replace("\n", "\n  ")
        return f"Sequential(\n  {body}\n)"


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

    def __init__(self, inner: Module) -> None:
        check_layer("inner", inner)
        if inner.in_features != inner.out_features:
            raise ValueError(
                "inner: expected as many features out as in, "
                f"got in_features={inner.in_features}, out_features={inner.out_features}"
            )
        super().__init__(inner)
        self.inner = inner

    def _leaves(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        yield from self.inner._leaves(f"{prefix}inner.")

    def _arguments(self) -> tuple[Any, ...]:
        return (self.inner,)

    def __repr__(self) -> str:
        body = f"(inner): {self.inner!r}".replace("\n", "\n  ")
        return f"Residual(\n  {body}\n)"
