"""Networks in text, as load(), from_torch() and the commands take them.

    17-64-64-6                   widths: Linear layers, and ReLU before each but the first
    32x17-1                      seventeen times 32
    17-64-64-6:tanh              another activation
    784-512-10:relu:softmax      what stands behind the last layer
    64-128-norm-10:gelu          a LayerNorm of the features that there are, here before the activation
    128-[norm-256]x4-10          Residual blocks, each back to its own width: LayerNorm, 128 to 256, ReLU, 256 to 128

The activation stands before each Linear but the first of the network and of a block.
"""

from __future__ import annotations

import re
from typing import Any

from ..limits import MOST_LAYERS
from ..nn import LAYERS, LayerNorm, Linear, Module
from ..nn.elementwise import Elementwise
from .architecture import of_class
from .errors import shown

ENDS: dict[str, type[Module]] = {kind.function: kind for kind in LAYERS.values() if kind.function}
ACTIVATIONS = {name: kind for name, kind in ENDS.items() if issubclass(kind, Elementwise)}
NORM = "norm"
# The most repetitions of a part, and digits of a width. More is a mistake, or an attack on the memory.
MOST_TIMES, MOST_DIGITS = 1000, 10
PART = re.compile(r"(?P<what>norm|[0-9]+|\[[^][]*\])(?:x(?P<times>[0-9]{1,4}))?")

Layers = list[dict[str, Any]]


def parse(text: str) -> dict[str, Any]:
    """The description (architecture.py) of a network in this notation.

    Raises
    ------
    ValueError
        The text does not follow the notation.
    TypeError
        It is not a string.

    Examples
    --------
    >>> [layer["type"] for layer in parse("3-4-2:tanh:softmax")["layers"]]
    ['Linear', 'Tanh', 'Linear', 'Softmax']
    """
    if not isinstance(text, str):
        raise TypeError(f"architecture: expected a string like '64-128-10:relu', got {type(text).__name__}")
    chain, *more = text.split(":")
    activation, end = (*more, "", "")[:2]
    if len(more) > 2 or activation not in ("", *ACTIVATIONS) or end not in ("", *ENDS):
        raise _refusal(text)
    head, _, rest = chain.partition("-")
    first = PART.fullmatch(head)
    if first is None or not first["what"].isdigit() or not rest:
        raise _refusal(text)
    width = _number(first["what"], text)
    repeated = [first["what"]] * (_times(first, text) - 1)
    between = ACTIVATIONS[activation or "relu"]
    layers, _, _ = _chain([*repeated, *_parts(rest, text)], width, between, text, MOST_LAYERS)
    return {"type": "Sequential", "layers": layers + ([of_class(ENDS[end])] if end else [])}


def _refusal(text: str) -> ValueError:
    known = ", ".join(ACTIVATIONS)
    return ValueError(f"architecture: expected widths like 64-128-10:relu, with one of {known}; got {shown(text)}")


def _number(digits: str, text: str) -> int:
    if len(digits) > MOST_DIGITS or int(digits) < 1:
        raise _refusal(text)
    return int(digits)


def _times(part: re.Match[str], text: str) -> int:
    times = int(part["times"] or 1)
    if not 1 <= times <= MOST_TIMES:
        raise _refusal(text)
    return times


def _parts(chain: str, text: str) -> list[str]:
    """The parts between the hyphens outside of brackets. A part with xN stands there N times."""
    parts: list[str] = []
    at = 0
    while at <= len(chain):
        part = PART.match(chain, at)
        if part is None or chain[part.end() : part.end() + 1] not in ("", "-"):
            raise _refusal(text)
        parts += [part["what"]] * _times(part, text)
        at = part.end() + 1
    return parts


def _chain(parts: list[str], width: int, activation: type[Module], text: str, room: int) -> tuple[Layers, int, int]:
    """The layers of the parts after ``width`` features, how many features come out, and how many parts may follow."""
    layers: Layers = []
    begun = False
    for part in parts:
        room -= 1
        if room < 0:
            raise _refusal(text)
        if part == NORM:
            layers.append(of_class(LayerNorm, features=width))
        elif part.startswith("["):
            inner, outputs, room = _chain(_parts(part[1:-1], text), width, activation, text, room)
            inner += [of_class(activation), _linear(outputs, width)]
            layers.append({"type": "Residual", "inner": {"type": "Sequential", "layers": inner}})
            begun = True
        else:
            outputs = _number(part, text)
            layers += [of_class(activation)] if begun else []
            layers.append(_linear(width, outputs))
            width, begun = outputs, True
    return layers, width, room


def _linear(inputs: int, outputs: int) -> dict[str, Any]:
    return of_class(Linear, in_features=inputs, out_features=outputs)
