"""What all layers and networks share. A call computes in _core.Network alone."""

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
# Of outputs: any numbers, the higher the likelier; probabilities of which one class is right; or of each class alone.
Meaning = Literal["scores", "shares", "chances"]


class Module(_core.Network):
    """What all layers and networks share.

    Calling a module, ``module(x, *, out=None, num_threads=None)``, maps x of shape (..., in_features) to
    (..., out_features), each row by itself and with the same bits wherever it stands. x is
    converted to the module's dtype by NumPy's same_kind rule. With ``out`` the result is written
    there and nothing is allocated, from the second call of a kind on: memory for what lies between layers is
    kept by the calling thread, up to 64 MB. Large calls share their work among at most ``num_threads`` threads
    (``get_num_threads()`` where it is None). Raises ValueError for a shape and TypeError for a dtype that
    does not fit. Calls may run in several threads at once.

    Attributes
    ----------
    arguments, arrays, labels : dict
        Of a class: what it takes, by name. An `Argument` checks a number or a text, an `Array` names its sizes, and
        `Labels` are names of outputs or inputs.
    size_names : tuple of str
        Of a class: what a file calls the sizes in the shapes of its arrays.
    training_names : tuple of str
        Of a class: arrays that PyTorch has beside these, for training.
    order : str
        Of a class: how it computes, as show_config() names it: 'contract' (sums), 'row_order', or 'functions'. Empty
        where nothing can round in more than one way.
    function : str
        Of a class of functions: its name in _core and in networks in text, such as ``17-64-6:tanh``. Functions of
        elements have it in ``fp.linear(..., activation=)`` as well.
    holds : str
        Of a class of containers: what a file calls its layers.
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
    array_names: tuple[str, ...] = ()  # of the arrays that are there

    def __init__(self, *packed: Any, arguments: Mapping[str, Any] | None = None, arrays: Sequence[str] = ()) -> None:
        """Each class says of what it is made."""  # or help() would show pybind11's text for every class
        if self._initialised:  # attributes would change, and what is computed would not
            raise TypeError(f"{type(self).__name__}: __init__() cannot be called again: make a new layer")
        super().__init__(*packed)
        vars(self).update(arguments or {}, array_names=tuple(arrays))

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if hasattr(cls, "forward"):  # it would be passed over in silence
            raise TypeError(f"{cls.__name__}: forward() is never called; build networks of layers with Sequential(...)")
        own = vars(cls).items()
        cls.arguments = cls.arguments | {name: value for name, value in own if isinstance(value, Argument)}
        cls.arrays = cls.arrays | {name: value for name, value in own if isinstance(value, Array)}
        cls.labels = cls.labels | {name: value for name, value in own if isinstance(value, Labels)}

    if not TYPE_CHECKING:  # which would take every name for an attribute

        def __getattr__(self, name: str) -> Any:
            if name in hints.ATTRIBUTES:
                raise AttributeError(f"{type(self).__name__} has no {name}: {hints.ATTRIBUTES[name]}")
            return self.__getattribute__(name)  # raises its own error again

    __signature__ = hints.SignatureOfCall()

    # ---- what it is made of ----

    @property
    def sizes(self) -> dict[str, int]:
        """The sizes in the shapes of its arrays, by their names in a file."""
        return {name: getattr(self, name) for name in self.size_names}

    def own_arrays(self) -> dict[str, NDArray[Any]]:
        """New arrays of this layer alone, by name."""
        return dict(zip(self.array_names, self._state(), strict=True))

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The layers that it is made of, with their names in state_dict()."""
        return iter(())

    def leaves(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """Every layer in it that is made of no others, or the layer itself, with the prefix of its names."""
        if not self.holds:
            yield prefix, self
        for name, layer in self.named_children():
            yield from layer.leaves(f"{prefix}{name}.")

    def made_from(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Arguments, by position and by name, with which our own class makes an equal layer."""
        there = self.own_arrays()
        arrays = {name: there.get(name) for name in self.arrays}
        return (), {**arrays, **{name: getattr(self, name) for name in self.arguments}}

    # ---- what it computes ----

    def reference(self, x: Wide, dtype: Dtype) -> Wide:
        """What the layer computes, in plain NumPy: of wider floats, or of Decimals, as wide.py explains.

        Parameters
        ----------
        x : numpy.ndarray
        dtype : numpy.float32 or numpy.float64
            What the network computes in, and rounds the parameters of functions to.
        """
        raise NotImplementedError  # each of its classes has its own

    def through(self, x: NDArray[Any], error: Bound, a: Arithmetic) -> tuple[NDArray[Any], Bound]:
        """What the layer makes of x, and how far from exact that is if x is off by ``error``."""
        y = self(x)
        return y, self.bound(x, y, error, a)

    def meaning(self, given: Meaning) -> Meaning:
        """What its outputs say of classes, where its inputs say ``given``."""
        return "scores"

    def bound(self, x: NDArray[Any], y: NDArray[Any], error: Bound, a: Arithmetic) -> Bound:
        """How far y = layer(x) can be from exact, if x is off by ``error``: docs/numerics.md derives each."""
        raise NotImplementedError  # each of its classes has its own

    def shaken(self, x: FloatArray, shake: Shake) -> FloatArray:
        """The answer of the layer if rounding had moved all its numbers."""
        return shake.of(self(x))

    # ---- how it is written in a file, and read: files/architecture.py ----

    @classmethod
    def check_arguments(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments as a layer keeps them. Raises ValueError or TypeError, and the message names one of them."""
        return {name: argument.checked(values[name]) for name, argument in cls.arguments.items()}

    @classmethod
    def spec_of(cls, children: list[Any]) -> dict[str, Any]:
        """What a file says of its layers, from their descriptions."""
        return {}

    @classmethod
    def children_in(cls, spec: Mapping[str, Any]) -> list[tuple[str, Any]]:
        """The descriptions of its layers, with their names. Raises ValueError where there is no such list."""
        return []

    @classmethod
    def built(cls, sizes: Mapping[str, int], parts: Mapping[str, Any], children: Sequence[Module]) -> Module:
        """The layer of these sizes, arrays and arguments."""
        return cls(*children, **parts)

    @classmethod
    def widths(cls, sizes: Mapping[str, int]) -> tuple[int, int] | None:
        """How many features go in and come out; None where it takes any number and gives as many."""
        return None

    @classmethod
    def memory(cls, sizes: Mapping[str, int], itemsize: int) -> tuple[int, int]:
        """Bytes that its arrays take once they are packed, and bytes that only its making takes."""
        return 0, 0

    # ---- arrays by name ----

    @cached_property
    def _state_names(self) -> tuple[str, ...]:
        """What state_dict() calls all arrays, in order."""
        return tuple(prefix + name for prefix, layer in self.leaves() for name in layer.array_names)

    @cached_property
    def _ignored_names(self) -> frozenset[str]:
        """What PyTorch keeps too, for training."""
        return frozenset(prefix + name for prefix, layer in self.leaves() for name in layer.training_names)

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
        if self._loads_as_it_is:
            return self._load(names, [state_dict[name] for name in names])
        packed: list[tuple[str, Any]] = []
        for prefix, layer in self.leaves():
            packed += layer.to_load(prefix, [state_dict[prefix + name] for name in layer.array_names])
        # In one call, which no Python code interrupts: all of the values are new, or none.
        self._load(tuple(name for name, _ in packed), [value for _, value in packed])

    def to_load(self, prefix: str, values: list[ArrayLike]) -> list[tuple[str, Any]]:
        """What _core takes for new values of its own arrays, each with its name in messages."""
        return [(prefix + name, value) for name, value in zip(self.array_names, values, strict=True)]

    @cached_property
    def _loads_as_it_is(self) -> bool:
        """Whether _core takes the arrays as they are: twice as fast for a small network."""
        return all(type(layer).to_load is Module.to_load for _, layer in self.leaves())

    # ---- how it is copied and shown ----

    def __reduce__(self) -> tuple[Any, ...]:
        return copying.reduced(self, Module)

    def __setstate__(self, state: Any) -> None:
        copying.set_state(self, state)

    def shown(self) -> dict[str, Any]:
        """What repr() shows of the layer, by name."""
        return {name: getattr(self, name) for name in self.arguments}

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.shown().items())
        return f"{type(self).__name__}({arguments})"

    def _repr_html_(self) -> str:
        """A table of the layers, for notebooks."""
        cells = (
            (name.rstrip(".") or "-", type(layer).__name__, layer.in_features, layer.out_features, layer.nbytes)
            for name, layer in self.leaves()
        )
        rows = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in cells)
        head = "".join(f"<th>{title}</th>" for title in ("", "layer", "in_features", "out_features", "bytes"))
        layers = str(self).replace("&", "&amp;").replace("<", "&lt;")
        return f"<pre>{layers}</pre><table><tr>{head}</tr>{rows}</table>"


def check_layer(name: str, layer: object) -> None:
    """Whether a network may be made of it. Raises TypeError."""
    if not isinstance(layer, Module):
        raise TypeError(f"{name}: expected a forwardpass layer, got {hints.instead_of(layer, Module)}")
    if type(layer).__call__ is not Module.__call__:
        raise TypeError(f"{name}: {type(layer).__name__} has a __call__ of its own, which a network would not call")


_remade = copying.remade  # what pickles of version 0.1 call it
