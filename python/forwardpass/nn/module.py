"""What all layers and networks share. A call computes in _core.Network alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core

if TYPE_CHECKING:
    from ..convert.verification import Verification

FloatArray = NDArray[np.floating[Any]]


PACKAGE = __name__.rpartition(".")[0]


class Array:
    """One of a layer's own arrays, to be read as an attribute: a new array, read-only, or None where there is none."""

    def __init__(self, doc: str) -> None:
        self.__doc__ = doc

    def __set_name__(self, owner: type[Module], name: str) -> None:
        self.name = name

    def __get__(self, layer: Module | None, owner: type[Module]) -> Any:
        if layer is None:
            return self
        array = layer._own_arrays().get(self.name)
        if array is not None:
            array.flags.writeable = False
        return array

    def __set__(self, layer: Module, value: Any) -> None:
        raise AttributeError(
            f"{type(layer).__name__}.{self.name} cannot be assigned: load_state_dict() puts new values in its place"
        )


@dataclass(frozen=True)
class Prepared:
    """What load_state_dict() is to put in one layer."""

    names: list[str]  # of the values, in messages
    values: list[Any]  # as _load() takes them


class Module(_core.Network):
    """What all layers and networks share.

    Calling a module, ``module(x, *, out=None, num_threads=None)``, maps x of shape (..., in_features) to
    (..., out_features), each row by itself and with the same bits wherever it stands. x is
    converted to the module's dtype by NumPy's same_kind rule. With ``out`` the result is written
    there and nothing is allocated, from the second call of a kind on: memory for what lies between layers is
    kept by the calling thread, up to 64 MB. Large calls share their work among at most ``num_threads`` threads
    (``get_num_threads()`` where it is None). Raises ValueError for a shape and TypeError for a dtype that
    does not fit. Calls may run in several threads at once.
    """

    def __init__(self, *arguments: Any) -> None:
        if self._initialised:  # attributes would change, and what is computed would not
            raise TypeError(f"{type(self).__name__}: __init__() cannot be called again: make a new layer")
        super().__init__(*arguments)

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if hasattr(cls, "forward"):  # it would be passed over in silence
            raise TypeError(f"{cls.__name__}: forward() is never called; build networks of layers with Sequential(...)")

    def __setattr__(self, name: str, value: Any) -> None:
        self._check_free(name)
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        self._check_free(name)
        super().__delattr__(name)

    def _check_free(self, name: str) -> None:
        """Parameters are those of the packed layer, for good."""
        if name in self.__dict__ and name in _parameters(_own_class(type(self))):
            raise AttributeError(f"{type(self).__name__}.{name} does not change: make a new layer")

    def _leaves(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """Every layer that is made of no others, with the prefix of its names in state_dict()."""
        yield prefix, self

    def _config(self) -> dict[str, Any]:
        """The arguments of __init__ that are no arrays."""
        return {}

    def _arguments(self) -> tuple[Any, ...]:
        """With which our own class makes an equal layer."""
        raise NotImplementedError  # Module has no objects: each of its classes overrides this

    def __reduce__(self) -> tuple[Any, ...]:
        cls = type(self)
        own, objects = getattr(cls, "__getstate__", None), getattr(object, "__getstate__", None)  # 3.10 has none
        state = self.__dict__ if own is None else own(self)
        if own is objects:  # without what is cached, which is no part of the layer
            named, slots = state if isinstance(state, tuple) else (state, None)
            kept = {name: value for name, value in (named or {}).items() if not _is_cached(cls, name)}
            state = (kept, slots) if slots else kept
        return _remade, (cls, _own_class(cls), self._arguments()), state

    def __setstate__(self, state: Any) -> None:
        named, slots = state if isinstance(state, tuple) else (state, None)
        for name, value in (named or {}).items():
            self.__dict__.setdefault(name, value)  # what __init__ has made is the copy's own
        for name, value in (slots or {}).items():
            object.__setattr__(self, name, value)

    def _own_names(self) -> tuple[str, ...]:
        """What PyTorch calls this layer's own arrays."""
        return ()

    def _own_arrays(self) -> dict[str, Any]:
        """New arrays, by their names."""
        return dict(zip(self._own_names(), self._state(), strict=True))

    def _prepared(self, prefix: str, values: list[ArrayLike]) -> Prepared:
        """New values for its own arrays, as _load() takes them, checked but for shapes that it checks."""
        return Prepared([prefix + name for name in self._own_names()], values)

    @cached_property
    def _state_names(self) -> tuple[str, ...]:
        """What state_dict() calls all arrays, in order."""
        return tuple(prefix + name for prefix, layer in self._leaves() for name in layer._own_names())

    @cached_property
    def _ignored_names(self) -> frozenset[str]:
        """What PyTorch keeps too, for training."""
        return frozenset(prefix + name for prefix, layer in self._leaves() for name in layer._training_names)

    _training_names: tuple[str, ...] = ()
    verification: Verification  # of a network that an importer made, and there alone

    def state_dict(self) -> dict[str, FloatArray]:
        """Names and values of all arrays, named as PyTorch names them.

        Returns
        -------
        dict of str to numpy.ndarray
            New arrays: ``weight`` (out_features, in_features) and ``bias`` (out_features,) of a
            Linear, (features,) of other layers, with the position of the layer before them in a Sequential.

        Examples
        --------
        >>> import forwardpass as fp
        >>> list(fp.Sequential(fp.Linear.random(4, 3), fp.ReLU()).state_dict())
        ['0.weight', '0.bias']
        """
        return dict(zip(self._state_names, self._state(), strict=True))

    def load_state_dict(self, state_dict: Mapping[str, ArrayLike]) -> None:
        """Put new values in all arrays, in place, from names as state_dict() gives them.

        All names and shapes are checked before anything changes, and an interrupt leaves all values old or all new.
        ``num_batches_tracked`` of a BatchNorm1d, which only training needs, may be there. Networks that share these
        layers see the new values. A call that runs in another thread meanwhile may use old and new ones.

        Raises
        ------
        ValueError
            Names missing or unexpected, a shape that differs, or a value that the layer does not take.
        TypeError
            No mapping, or a dtype that NumPy's same_kind rule does not convert to the module's.

        Examples
        --------
        >>> import numpy as np, forwardpass as fp
        >>> layer = fp.Linear(np.zeros((1, 2)))
        >>> layer.load_state_dict({"weight": [[1.0, 2.0]]})
        >>> layer([1.0, 1.0])
        array([3.])
        """
        names = self._state_names
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"state_dict: expected a dict of names and arrays, got {type(state_dict).__name__}")
        if len(state_dict) != len(names) or not all(name in state_dict for name in names):
            missing = [name for name in names if name not in state_dict]
            unexpected = [name for name in state_dict if name not in names and name not in self._ignored_names]
            if missing or unexpected:
                raise ValueError(f"state_dict: missing {missing}, unexpected {unexpected}; expected {[*names]}")
        if self._only_linears:
            return self._load(names, [state_dict[name] for name in names])
        parts = [
            layer._prepared(prefix, [state_dict[prefix + name] for name in layer._own_names()])
            for prefix, layer in self._leaves()
        ]
        # In one call, which no Python code interrupts: all of the values are new, or none.
        self._load(
            tuple(name for part in parts for name in part.names), [value for part in parts for value in part.values]
        )

    @cached_property
    def _only_linears(self) -> bool:
        """Whether _load() takes the arrays as they are: twice as fast for a small network."""
        return all(type(layer)._prepared is Module._prepared for _, layer in self._leaves())

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self._config().items())
        return f"{type(self).__name__}({arguments})"

    def _repr_html_(self) -> str:
        """A table of the layers, for notebooks."""
        cells = (
            (name.rstrip(".") or "-", type(layer).__name__, layer.in_features, layer.out_features, layer.nbytes)
            for name, layer in self._leaves()
        )
        rows = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in cells)
        head = "".join(f"<th>{title}</th>" for title in ("", "layer", "in_features", "out_features", "bytes"))
        layers = str(self).replace("&", "&amp;").replace("<", "&lt;")
        return f"<pre>{layers}</pre><table><tr>{head}</tr>{rows}</table>"


def check_layer(name: str, layer: object, hint: str = "") -> None:
    """Whether a network may be made of it. Raises TypeError."""
    if not isinstance(layer, Module):
        raise TypeError(f"{name}: expected a forwardpass layer, got {hint or type(layer).__name__}")
    if type(layer).__call__ is not Module.__call__:
        raise TypeError(f"{name}: {type(layer).__name__} has a __call__ of its own, which a network would not call")


def _remade(cls: type[Module], ours: type[Module], arguments: tuple[Any, ...]) -> Module:
    """For pickle and copy: a subclass may have an __init__ of other arguments."""
    made = cls.__new__(cls)
    ours.__init__(made, *arguments)
    return made


def _own_class(cls: type[Module]) -> type[Module]:
    """Of a subclass, the class of ours that it is made from."""
    return next(base for base in cls.__mro__ if base.__module__.startswith(PACKAGE))


def _parameters(ours: type[Module]) -> frozenset[str]:
    code = ours.__init__.__code__
    return frozenset((*code.co_varnames[1 : code.co_argcount], "has_bias"))


def _is_cached(cls: type[Module], name: str) -> bool:
    return isinstance(getattr(cls, name, None), cached_property)
