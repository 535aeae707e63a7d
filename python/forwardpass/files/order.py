"""Files of bare weights: which tensor belongs to which layer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..nn import LAYERS
from . import architecture as arch
from . import notation

Shapes = Mapping[str, tuple[int, ...]]


def assigned(shapes: Shapes, text: str, sorted_: bool = False) -> tuple[Any, dict[str, str]]:
    """The description of an architecture, and a dict from our names of tensors to theirs.

    Layers are taken in the mapping's order or in that of their names: the shapes decide. A state_dict has the layers'
    own order, and a file that sorts its tensors (``sorted_``) loses it. Where names differ in numbers alone, the order
    of the numbers is tried first.

    Raises
    ------
    ValueError
        No order fits the names and shapes, or two orders do.
    """
    given = list(dict.fromkeys(name.rpartition(".")[0] for name in shapes))
    by_name = sorted(given, key=natural)
    numbered = len({_without_numbers(name) for name in given}) == 1
    fitting, refusals = [], []
    for order in [given] if given == by_name else [by_name, given]:
        try:
            fitting.append(_in_order(shapes, order, notation.parse(text)))
        except ValueError as error:
            refusals.append(error)
        if fitting and numbered:
            break
    if not fitting:
        raise refusals[0]
    if len(fitting) > 1 or (sorted_ and _could_be_swapped(shapes, given)):
        orders = f"{given[:20]} as they stand" + (f", {by_name[:20]} by name" if given != by_name else "")
        raise ValueError(
            f"the order of the layers is not certain: {orders}; names that "
            "differ in numbers alone, like 0.weight and 1.weight, are taken by those"
        )
    return fitting[0]


def _without_numbers(name: str) -> str:
    return re.sub("[0-9]+", "0", name)


def _tensor(layer: str, kind: str) -> str:
    return f"{layer}.{kind}" if layer else kind


def _could_be_swapped(shapes: Shapes, layers: list[str]) -> bool:
    """Whether two layers have the same shape, and names that do not tell their order."""
    kinds: dict[tuple[int, ...], set[str]] = {}
    for layer in layers:
        kinds.setdefault(shapes[_tensor(layer, "weight")], set()).add(_without_numbers(layer))
    return any(len(names) > 1 for names in kinds.values())


def natural(name: str) -> tuple[list[tuple[int, str]], str]:
    """A sort key that puts layer 10 after layer 2: of two numbers, the one with more digits is larger."""
    parts = re.split("([0-9]+)", name)
    digits = [part.lstrip("0") if i % 2 else part for i, part in enumerate(parts)]
    return [(len(part) if i % 2 else 0, part) for i, part in enumerate(digits)], name


def check_names(expected: Mapping[str, Any], names: Mapping[str, Any]) -> None:
    """Raises ValueError unless exactly the expected tensors are there."""
    missing = [name for name in expected if name not in names]
    unexpected = [name[:100] for name in names if name not in expected]
    if missing or unexpected:
        raise ValueError(f"tensors: missing {missing[:20]}, unexpected {unexpected[:20]}")


def check_shapes(expected: Mapping[str, arch.Expected], shapes: Shapes, names: Mapping[str, str]) -> None:
    """Raises ValueError unless each tensor has the expected shape. ``names`` maps our names to those in ``shapes``."""
    for mine, tensor in expected.items():
        if shapes[names[mine]] != tensor.shape:
            raise ValueError(f"{names[mine]}: expected shape {tensor.shape}, got {shapes[names[mine]]}")


def _in_order(shapes: Shapes, order: list[str], spec: Any) -> tuple[Any, dict[str, str]]:
    owners = [(prefix, layer) for prefix, layer in arch.layers(spec) if LAYERS[layer["type"]].arrays]
    if len(order) != len(owners):
        raise ValueError(
            f"architecture: expected {len(owners)} layers, of tensors called <name>.weight and <name>.bias, "
            f"got {len(order)}: {[name[:100] for name in shapes][:20]}"
        )
    names = {}
    for name, (prefix, layer) in zip(order, owners, strict=True):
        layer["bias"] = has_bias = _tensor(name, "bias") in shapes
        for kind in ("weight", "bias") if has_bias else ("weight",):
            names[prefix + kind] = _tensor(name, kind)
    check_names(dict.fromkeys(names.values()), shapes)
    check_shapes(arch.tensors(spec), shapes, names)
    return spec, names
