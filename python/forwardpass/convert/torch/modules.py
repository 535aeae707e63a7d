"""From a module to its parts: PyTorch's own layers one by one, and what the forward() of any other does with them."""

from __future__ import annotations

from typing import Any

from .chain import Chain
from .kinds import OWN, SEQUENTIAL, THE_MODULE, kind_of
from .layers import LAYERS
from .parts import Layer, Part, built
from .reading import parts_of


def part_of(module: Any, prefix: str = "") -> Part:
    """The part of a module, which may be part of a policy; the prefix is that of its names in the state_dict."""
    at = f"layer {prefix.rstrip('.')}" if prefix else THE_MODULE
    kind = kind_of(module, at)
    if kind == SEQUENTIAL:
        inner = enumerate(module._modules.values())
        return Chain(at, [part_of(layer, f"{prefix}{position}.") for position, layer in inner])
    if kind == OWN:
        return Chain(at, parts_of(module, at))
    return Layer(at, built(at, LAYERS[kind].of_module, module))
