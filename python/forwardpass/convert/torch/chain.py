"""Parts that follow each other, and what becomes of them: layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ... import nn
from .merging import merged
from .parts import Part, built


@dataclass(frozen=True, eq=False)
class Chain(Part):
    """Parts one after another."""

    parts: Sequence[Part]

    @property
    def features(self) -> int | None:
        """Of the first that says so."""
        for part in self.parts:
            if part.features is not None:
                return part.features
        return None

    def result(self, width: int | None) -> int | None:
        """Of the last."""
        for part in self.parts:
            width = part.result(width)
        return width

    def layers(self, width: int | None) -> list[nn.Module]:
        """All layers, for rows of so many features, or of as many as the parts say."""
        width = self.features if width is None else width
        layers = []
        for part in merged(self.parts):
            layers.append(part.build(width))
            width = part.result(width)
        return layers

    def build(self, width: int | None) -> nn.Module:
        """A Sequential."""
        layers = self.layers(width)
        return built(self.at, nn.Sequential, *layers) if layers else nn.Identity()


@dataclass(frozen=True, eq=False)
class Skip(Chain):
    """x and what the parts make of it, added."""

    def build(self, width: int | None) -> nn.Module:
        """A Residual, of which a single layer needs no Sequential."""
        layers = self.layers(width)
        inner = layers[0] if len(layers) == 1 else built(self.at, nn.Sequential, *layers)
        return built(self.at, nn.Residual, inner)
