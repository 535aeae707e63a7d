"""How layers are pickled and copied, those of a user's own class too."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

PACKAGE = __name__.rpartition(".")[0]


def reduced(layer: Any, base: type) -> tuple[Any, ...]:
    """What ``layer.__reduce__()`` gives; ``base`` is the class that all layers share."""
    cls = type(layer)
    own, objects = getattr(cls, "__getstate__", None), getattr(object, "__getstate__", None)  # 3.10 has none
    state = layer.__dict__ if own is None else own(layer)
    if own is objects:  # without what __init__ makes and what is cached
        named, slots = state if isinstance(state, tuple) else (state, None)
        kept = {name: value for name, value in (named or {}).items() if not _is_made_again(cls, name)}
        state = (kept, slots) if slots else kept
    return remade, (cls, own_class(cls, base), *layer.made_from()), state


def own_class(cls: type, base: type) -> Any:
    """The class of ours that a layer's class is, or was derived from."""
    return next(kind for kind in cls.__mro__ if issubclass(kind, base) and kind.__module__.startswith(PACKAGE))


def set_state(layer: Any, state: Any) -> None:
    """Attributes of the layer that was copied. What __init__ has made is the copy's own."""
    named, slots = state if isinstance(state, tuple) else (state, None)
    for name, value in (named or {}).items():
        layer.__dict__.setdefault(name, value)
    for name, value in (slots or {}).items():
        object.__setattr__(layer, name, value)


def remade(cls: Any, ours: Any, arguments: tuple[Any, ...], named: Mapping[str, Any] | None = None) -> Any:
    """An equal layer, made by our own class: a subclass may have an __init__ of other arguments."""
    made = cls.__new__(cls)
    ours.__init__(made, *arguments, **(named or {}))
    return made


def _is_made_again(cls: Any, name: str) -> bool:
    return name in ("array_names", *cls.arguments, *cls.labels) or isinstance(getattr(cls, name, None), cached_property)
