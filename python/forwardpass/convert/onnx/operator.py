"""What is known of an operator of ONNX: the entries of the one table, operators.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MANY = 1 << 30


@dataclass(frozen=True)
class Operator:
    """One operator, from opset 7 on.

    Attributes
    ----------
    least, most : int
        How many inputs it has; those that it has to have come first.
    layer : callable, optional
        What a node of it does to a network: from a Graph and the Node, the value that it works on and what adds layers.
    fold : callable, optional
        What it gives for constants: from the Node and the arrays.
    pattern : callable, optional
        The arguments of an activation that exporters write out with it: patterns.py.
    """

    least: int
    most: int
    layer: Callable[..., Any] | None = None
    fold: Callable[..., Any] | None = None
    pattern: Callable[..., Any] | None = None
