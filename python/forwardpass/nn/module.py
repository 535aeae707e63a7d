"""The class that all layers and networks share. A call runs in _core.Network, without Python."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from . import copying, hints
from .arithmetic import Arithmetic, Bound, Shake
from .declared import Argument, Array
from .labels import Labels
from .verification import Verification
from .wide import Dtype, Wide

FloatArray = NDArray[np.floating[Any]]
# What outputs are. Scores: the highest is the likeliest class. Shares: probabilities that sum to 1. Chances: a
# probability for each class by itself.
Meaning = Literal["scores", "shares", "chances"]


class Module(_core.Network):
    """A layer or a network: the class that all of them share.

    A call, ``module(x, *, out=None, num_threads=None)``, maps x of shape (..., in_features) to (..., out_features). It
    computes each row alone, with the same bits in every batch. NumPy's same_kind rule converts x to the module's
    dtype. With ``out`` the result is written there. The calling thread keeps up to 64 MB for values between layers, so
    a second call like the first allocates nothing. A large call shares its work among at most ``num_threads`` threads
    (``get_num_threads()`` where it is None). Raises ValueError for a shape and TypeError for a dtype that does not fit.
    Calls may run in several threads at once.

    Attributes
    ----------
    arguments, arrays, labels : dict
        Of a class: what its layers take, by name. An `Argument` checks a number or a text, an `Array` names its sizes,
        and `Labels` are names of outputs or inputs.
    size_names : tuple of str
        Of a class: the names in a file of the sizes in the shapes of its arrays.
    training_names : tuple of str
        Of a class: names of arrays that PyTorch has for training, and that the layer does not need.
    order : str
        Of a class: the key of show_config() that says how it computes: 'contract' (sums), 'row_order' or 'functions'.
        Empty where nothing can round in more than one way.
    function : str
        Of a class of functions: its name in _core and in networks in text, such as ``17-64-6:tanh``. Functions of
        elements have this name in ``fp.linear(..., activation=)`` as well.
    holds : str
        Of a class of containers: the key in a file under which its layers stand.
    verification : Verification
        Of a network that an importer made: how near its answers are to those of its source.
    """

    arguments: ClassVar[dict[str, Argument[Any]]] = {}
    arrays: ClassVar[dict[str, Array]] = {}
    labels: ClassVar[dict[str, Labels]] = {}
    size_names: ClassVar[tuple[str, ...]] = ()
    training_names: ClassVar[tuple[str, ...]] = ()
    order: ClassVar[str] = ""
    function: ClassVar[str] = ""
    holds: ClassVar[str] = ""
    verification: Verification
    array_names: tuple[str, ...] = ()  # of the arrays that this layer has

    def __init__(self, *packed: Any, arguments: Mapping[str, Any] | None = None, arrays: Sequence[str] = ()) -> None:
        """Each class says what its layers are made of."""  # without it help() would show pybind11's text
        if self._initialised:  # attributes would change, but not the answers
            raise TypeError(f"{type(self).__name__}: __init__() cannot be called again: make a new layer")
        super().__init__(*packed)
        vars(self).update(arguments or {}, array_names=tuple(arrays))

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if hasattr(cls, "forward"):  # nothing would ever call it, or say so
            raise TypeError(f"{cls.__name__}: forward() is never called; build networks of layers with Sequential(...)")
        own = vars(cls).items()
        cls.arguments = cls.arguments | {name: value for name, value in own if isinstance(value, Argument)}
        cls.arrays = cls.arrays | {name: value for name, value in own if isinstance(value, Array)}
        cls.labels = cls.labels | {name: value for name, value in own if isinstance(value, Labels)}

    if not TYPE_CHECKING:  # a type checker would believe that every attribute exists

        def __getattr__(self, name: str) -> Any:
            if name in hints.ATTRIBUTES:
                raise AttributeError(f"{type(self).__name__} has no {name}: {hints.ATTRIBUTES[name]}")
            return self.__getattribute__(name)  # raises its own error again

    __signature__ = hints.SignatureOfCall()

    # ---- what it is made of ----

    @property
    def sizes(self) -> dict[str, int]:
        """The sizes in the shapes of its arrays, by the names that files use."""
        return {name: getattr(self, name) for name in self.size_names}

    def own_arrays(self) -> dict[str, NDArray[Any]]:
        """Copies of this layer's own arrays, by name."""
        return dict(zip(self.array_names, self._state(), strict=True))

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The layers that it is made of, with their names in state_dict()."""
        return iter(())

    def leaves(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """Every layer in it that contains no other layers, with the prefix of its names in state_dict()."""
        if not self.holds:
            yield prefix, self
        for name, layer in self.named_children():
            yield from layer.leaves(f"{prefix}{name}.")

    def made_from(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments, by position and by name, with which forwardpass's own class makes an equal layer."""
        there = self.own_arrays()
        arrays = {name: there.get(name) for name in self.arrays}
        return (), {**arrays, **{name: getattr(self, name) for name in self.arguments}}

    # ---- what it computes ----

    def reference(self, x: Wide, dtype: Dtype) -> Wide:
        """What the layer computes, written in plain NumPy for wider floats or Decimals (see wide.py).

        Parameters
        ----------
        x : numpy.ndarray
        dtype : numpy.float32 or numpy.float64
            The network's dtype, to which the network rounds the parameters of functions.
        """
        raise NotImplementedError  # each of its classes has its own

    def through(self, x: NDArray[Any], error: Bound, a: Arithmetic) -> tuple[NDArray[Any], Bound]:
        """The layer's answer for x, and how far that can be from exact if x is wrong by ``error``."""
        y = self(x)
        return y, self.bound(x, y, error, a)

    def meaning(self, given: Meaning) -> Meaning:
        """What its outputs say of classes, where its inputs say ``given``."""
        return "scores"

    def bound(self, x: NDArray[Any], y: NDArray[Any], error: Bound, a: Arithmetic) -> Bound:
        """How far y = layer(x) can be from exact if x is wrong by ``error``. docs/numerics.md derives each bound."""
        raise NotImplementedError  # each of its classes has its own

    def shaken(self, x: FloatArray, shake: Shake) -> FloatArray:
        """The layer's answer if rounding had moved all its numbers."""
        return shake.of(self(x))

    # ---- how it is written in a file, and read: files/architecture.py ----

    @classmethod
    def check_arguments(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments as a layer keeps them. Raises ValueError or TypeError, and the message names one of them."""
        return {name: argument.checked(values[name]) for name, argument in cls.arguments.items()}

    @classmethod
    def spec_of(cls, children: list[Any]) -> dict[str, Any]:
        """The part of a container's description in a file that holds its layers' descriptions."""
        return {}

    @classmethod
    def children_in(cls, spec: Mapping[str, Any]) -> list[tuple[str, Any]]:
        """The descriptions of a container's layers, with their names. Raises ValueError where they are missing."""
        return []

    @classmethod
    def built(cls, sizes: Mapping[str, int], parts: Mapping[str, Any], children: Sequence[Module]) -> Module:
        """The layer of these sizes, arrays and arguments."""
        return cls(*children, **parts)

    @classmethod
    def widths(cls, sizes: Mapping[str, int]) -> tuple[int, int] | None:
        """How many features go in and come out; None where the layer gives as many as it takes, of any number."""
        return None

    @classmethod
    def memory(cls, sizes: Mapping[str, int], itemsize: int) -> tuple[int, int]:
        """Bytes of its arrays after they are packed, and bytes that only making the layer takes."""
        return 0, 0

    # ---- arrays by name ----

    @cached_property
    def _state_names(self) -> tuple[str, ...]:
        """The names of all arrays in state_dict(), in order."""
        return tuple(prefix + name for prefix, layer in self.leaves() for name in layer.array_names)

    @cached_property
    def _ignored_names(self) -> frozenset[str]:
        """Names that load_state_dict() accepts and ignores: PyTorch needs those arrays for training."""
        return frozenset(prefix + name for prefix, layer in self.leaves() for name in layer.training_names)

    def state_dict(self) -> dict[str, FloatArray]:
        """Copies of all arrays, under PyTorch's names.

        Returns
        -------
        dict of str to numpy.ndarray
            ``weight`` (out_features, in_features) and ``bias`` (out_features,) of a Linear; arrays of other layers are
            (features,). In a Sequential, the layer's position stands before each name.

        Examples
        --------
        >>> import forwardpass as fp
        >>> list(fp.Sequential(fp.Linear.random(4, 3), fp.ReLU()).state_dict())
        ['0.weight', '0.bias']
        """
        return dict(zip(self._state_names, self._state(), strict=True))

    def load_state_dict(self, state_dict: Mapping[str, ArrayLike]) -> None:
        """Put new values in all arrays, in place. The names are those of state_dict().

        All names and shapes are checked before anything changes, and after an interrupt all values are old or all are
        new. ``num_batches_tracked`` of a BatchNorm1d is accepted and ignored, because only training needs it. Networks
        that share these layers see the new values. A call in another thread at the same time may use old and new ones.

        Raises
        ------
        ValueError
            Names missing or unexpected, a shape that differs, or a value that the layer does not take.
        TypeError
            Not a mapping, or a dtype that NumPy's same_kind rule does not convert to the module's.

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
        if self._loads_as_it_is:
            return self._load(names, [state_dict[name] for name in names])
        packed: list[tuple[str, Any]] = []
        for prefix, layer in self.leaves():
            packed += layer.to_load(prefix, [state_dict[prefix + name] for name in layer.array_names])
        # One call, which no Python code interrupts. So all values are new, or none.
        self._load(tuple(name for name, _ in packed), [value for _, value in packed])

    def to_load(self, prefix: str, values: list[ArrayLike]) -> list[tuple[str, Any]]:
        """The new values of this layer's arrays as _core takes them, each with its name for messages."""
        return [(prefix + name, value) for name, value in zip(self.array_names, values, strict=True)]

    @cached_property
    def _loads_as_it_is(self) -> bool:
        """Whether _core takes the arrays without a table made from them, which saves time in a small network."""
        return all(type(layer).to_load is Module.to_load for _, layer in self.leaves())

    # ---- how it is copied and shown ----

    def __reduce__(self) -> tuple[Any, ...]:
        return copying.reduced(self, Module)

    def __setstate__(self, state: Any) -> None:
        copying.set_state(self, state)

    def shown(self) -> dict[str, Any]:
        """The arguments that repr() shows, by name."""
        return {name: getattr(self, name) for name in self.arguments}

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.shown().items())
        return f"{type(self).__name__}({arguments})"

    def _repr_html_(self) -> str:
        """A table of the layers, which notebooks show."""
        cells = (
            (name.rstrip(".") or "-", type(layer).__name__, layer.in_features, layer.out_features, layer.nbytes)
            for name, layer in self.leaves()
        )
        rows = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in cells)
        head = "".join(f"<th>{title}</th>" for title in ("", "layer", "in_features", "out_features", "bytes"))
        layers = str(self).replace("&", "&amp;").replace("<", "&lt;")
        return f"<pre>{layers}</pre><table><tr>{head}</tr>{rows}</table>"


def check_layer(name: str, layer: object) -> None:
    """Raises TypeError where ``layer`` cannot be part of a network. ``name`` says in the message what it is."""
    if not isinstance(layer, Module):
        raise TypeError(f"{name}: expected a forwardpass layer, got {hints.instead_of(layer, Module)}")
    if type(layer).__call__ is not Module.__call__:
        raise TypeError(f"{name}: {type(layer).__name__} has a __call__ of its own, which a network would not call")


_remade = copying.remade  # the name in pickles of version 0.1
