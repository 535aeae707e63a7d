"""One layer of a Keras model in the words of its configuration, and what may be asked of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...limits import BYTES_OF_FEATURE
from ...nn import FloatArray
from ..errors import ConversionError
from ..tensors import array_of

Shape = tuple[int, ...]  # of one row, without the batch

# Keras's least standard deviation, keras.config.epsilon().
EPSILON = 1e-7
# What only training and construction look at; the initializers and the like are known by their endings.
ALWAYS = {"name", "trainable", "dtype", "seed", "momentum", "renorm_momentum", "synchronized", "noise_shape"}
TRAINING = ("_initializer", "_regularizer", "_constraint")


def is_number(value: Any) -> bool:
    """Of JSON, and one that a float64 can hold: integers there may be of any size."""
    return type(value) in (int, float) and -1e308 <= value <= 1e308


@dataclass
class Context:
    """What all layers of a model share."""

    dtype: np.dtype[Any] | None = None
    tensors: int = 0  # bytes of weights
    memory: int = 0  # bytes that the layers of columns take
    steps: bool = False  # rows stand in more axes, and no layer flattens them
    half: bool = False  # the model computes in half precision

    def expanded(self, value: Any, shape: Shape, at: str) -> NDArray[np.float64]:
        """One number, or numbers along the last axis, for every feature of a row; rounded as Keras rounds them."""
        numbers = value if isinstance(value, list) else [value]
        if not all(map(is_number, numbers)) or len(numbers) not in (1, shape[-1]):
            raise ConversionError(f"{at}: expected a number, or one for each of {shape[-1]} features")
        rounded = np.array(numbers, np.float64).astype(self.dtype)
        return np.broadcast_to(rounded.astype(np.float64), shape).reshape(-1)


@dataclass
class Layer:
    """One layer of a model, in the words of its configuration."""

    kind: str
    config: dict[str, Any]
    weights: Callable[[], Sequence[Any]]
    at: str
    context: Context
    used: set[str] = field(default_factory=set)

    def option(self, name: str) -> Any:
        """An option, which must be there."""
        if name not in self.config:
            raise self.error(f"expected {name} in its configuration")
        self.used.add(name)
        return self.config[name]

    def number(self, name: str) -> float:
        """An option that is a finite number."""
        value = self.option(name)
        if not is_number(value):
            raise self.error(f"{name}: expected a number, got {repr(value)[:100]}")
        return float(value)

    def flag(self, name: str) -> bool:
        """An option that is true or false."""
        value = self.option(name)
        if type(value) is not bool:
            raise self.error(f"{name}: expected true or false, got {repr(value)[:100]}")
        return value

    def last_axis(self, shape: Shape, name: str = "axis") -> int:
        """-1, or 1, the last axis of rows alone. Make sure that a row has one axis, and that this is the one."""
        axis = self.option(name)
        if axis not in ((-1, [-1]) if self.context.steps else (-1, 1, [-1], [1])) or isinstance(axis, bool):
            raise self.error(f"{name}: expected the last axis, -1, got {repr(axis)[:100]}")
        self.features(shape)
        return 1 if axis in (1, [1]) else -1

    def features(self, shape: Shape) -> int:
        """The width of a row that has one axis."""
        if len(shape) != 1:
            raise self.error(f"expected rows of one axis, got shape {shape}: a Flatten must come before it")
        return shape[0]

    def arrays(self, *shapes: Shape, unread: int = 0) -> Callable[[], list[FloatArray]]:
        """What gives its weights, which must have these shapes; some more may follow."""
        dtype = self.context.dtype
        assert dtype is not None  # the model's input has said it
        self.context.tensors += sum(math.prod(shape) for shape in shapes) * dtype.itemsize

        def read() -> list[FloatArray]:
            values = self.weights()
            if len(values) != len(shapes) + unread:
                raise self.error(f"expected {len(shapes) + unread} arrays of weights, got {len(values)}")
            arrays = [array_of(value, f"{self.at}: weight {i}") for i, value in enumerate(values[: len(shapes)])]
            for i, (array, shape) in enumerate(zip(arrays, shapes, strict=True)):
                if array.shape != shape or array.dtype != dtype:
                    raise self.error(
                        f"weight {i}: expected shape {shape} and {dtype}, got {array.shape} and {array.dtype}"
                    )
            return arrays

        return read

    def rows_alone(self) -> None:
        """Refuse rows in more axes: ours takes another axis then, as PyTorch's does."""
        if self.context.steps:
            raise self.error("rows of more than one axis are supported only behind a Flatten")

    def takes_columns(self, shape: Shape) -> None:
        """Count what a layer with numbers for each feature takes."""
        self.context.memory += BYTES_OF_FEATURE * math.prod(shape)

    def check_used(self) -> None:
        """Nothing may be set that has not been asked for."""
        for name, value in self.config.items():
            known = name in self.used or name in ALWAYS or name.endswith(TRAINING)
            if not known and value is not None and value is not False:
                raise self.error(f"{name[:100]} = {repr(value)[:100]} is not supported")

    def error(self, message: str) -> ConversionError:
        """What is wrong, with the place."""
        return ConversionError(f"{self.at}: {message}")
