"""What the class of a layer states of it: arguments, arrays and labels, which are attributes of the layer as well."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

if TYPE_CHECKING:
    from typing_extensions import Self  # which typing has from Python 3.11 on

T = TypeVar("T")


class Fixed(Generic[T]):
    """Something that a layer was made with. It can be read as an attribute, and never changes."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, layer: None, owner: type) -> Self: ...
    @overload
    def __get__(self, layer: object, owner: type) -> T: ...
    def __get__(self, layer: object | None, owner: type) -> Self | T:
        if layer is None:
            return self
        if self.name not in vars(layer):
            raise AttributeError(f"{type(layer).__name__}.{self.name}: the layer was never initialised")
        value: T = vars(layer)[self.name]
        return value

    def __set__(self, layer: object, value: T) -> None:
        # The layer has packed the value, so a new one would stand in repr() and in files, and change no answer.
        raise AttributeError(f"{type(layer).__name__}.{self.name} does not change: make a new layer")


class Argument(Fixed[T]):
    """An argument of a layer that is no array.

    Parameters
    ----------
    check : callable
        Maps the name of the argument and a value to what the layer keeps. Raises ValueError or TypeError, and the
        message names the argument.
    kind : type
        What the argument is in a file: float, int or str.
    optional : bool
        Whether it may be None.
    """

    def __init__(self, check: Callable[[str, Any], T], kind: type = float, *, optional: bool = False) -> None:
        self.check, self.kind, self.optional = check, kind, optional

    def checked(self, value: Any) -> T:
        """The value as a layer keeps it, or the error that names the argument."""
        return self.check(self.name, value)


class Array:
    """One of a layer's own arrays. As an attribute it is a new, read-only array, or None where there is none.

    Parameters
    ----------
    *shape : str
        Names of sizes, of the layer's ``size_names``.
    optional : bool
        Whether it may be None.
    double : bool
        Whether it is float64 in every network; if not, it has the dtype of its network.
    """

    def __init__(self, *shape: str, optional: bool = False, double: bool = False) -> None:
        self.shape, self.optional, self.double = shape, optional, double
        dtype, absent = ", float64" if double else "", ", or None" if optional else ""
        self.__doc__ = f"A new read-only array, shape ({', '.join(shape)}{',' * (len(shape) == 1)}){dtype}{absent}."

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, layer: Any, owner: type) -> Any:
        if layer is None:
            return self
        array = layer.own_arrays().get(self.name)
        if array is not None:
            array.flags.writeable = False
        return array

    def __set__(self, layer: object, value: Any) -> None:
        raise AttributeError(
            f"{type(layer).__name__}.{self.name} cannot be assigned: load_state_dict() puts new values in its place"
        )
