"""What a module does, one part after another, before the number of features is known everywhere.

A number such as the 2 of ``2 * x`` is for all features alike, and our layers hold one for each. So layers are made at
the end, when the widths of all others tell how many there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import nn
from ..errors import ConversionError

Doubles = NDArray[np.float64]


def built(at: str, kind: Any, *values: Any, **options: Any) -> nn.Module:
    """A layer, or the error of its constructor with the place where it stands."""
    try:
        layer: nn.Module = kind(*values, **options)
    except (ValueError, TypeError) as error:
        raise ConversionError(f"{at}: {error}") from error
    return layer


@dataclass(frozen=True, eq=False)
class Part:
    """One step.

    Attributes
    ----------
    at : str
        What messages call the place where it stands.
    """

    at: str

    @property
    def features(self) -> int | None:
        """How many features it takes, where it says so."""
        return None

    def result(self, width: int | None) -> int | None:
        """How many features it gives for so many."""
        return self.features or width

    def build(self, width: int | None) -> nn.Module:
        """The layer, for rows of so many features. Raises ConversionError."""
        raise NotImplementedError  # each of its classes has its own


@dataclass(frozen=True, eq=False)
class Layer(Part):
    """A layer that is made already."""

    layer: nn.Module

    @property
    def features(self) -> int | None:
        """As the layer says."""
        return self.layer.in_features

    def result(self, width: int | None) -> int | None:
        """As the layer says."""
        return self.layer.out_features or width

    def build(self, width: int | None) -> nn.Module:
        """It is there."""
        return self.layer


@dataclass(frozen=True, eq=False)
class Flat(Part):
    """A view of rows that are known to have so many features."""

    known: int

    def result(self, width: int | None) -> int | None:
        """What the view says."""
        return self.known

    def build(self, width: int | None) -> nn.Module:
        """Flatten, where the layers around it take rows of the same width: of others a view makes more rows."""
        if width != self.known:
            raise ConversionError(
                f"{self.at}: a view of {self.known} features, where the layers around it have {width or 'any number'}: "
                "use torch.flatten(x, 1)"
            )
        return nn.Flatten()


@dataclass(frozen=True, eq=False)
class Each(Part):
    """A layer with numbers for each feature, or one number of a kind for all."""

    kind: type[nn.Module]
    arrays: tuple[Doubles, ...]
    clip: float | None = None

    @property
    def features(self) -> int | None:
        """As many as there are numbers."""
        return next((len(array) for array in self.arrays if array.ndim), None)

    def build(self, width: int | None) -> nn.Module:
        """With as many numbers as features."""
        if width is None:
            raise ConversionError(
                f"{self.at}: no layer says how many features there are: convert the whole network, of which this is "
                "a part"
            )
        options = {} if self.clip is None else {"clip": self.clip}
        arrays = [array if array.ndim else np.full(width, array) for array in self.arrays]
        return built(self.at, self.kind, *arrays, **options)


@dataclass(frozen=True, eq=False)
class Arithmetic(Part):
    """x + value, x * value or x / value; merged() makes layers of them."""

    operator: str
    value: Doubles

    @property
    def features(self) -> int | None:
        """As many as there are values."""
        return len(self.value) if self.value.ndim else None
