"""Products x * f(x) that are one layer of PyTorch's, as people write them out."""

from __future__ import annotations

import numpy as np

from ... import nn
from ..errors import ConversionError
from .parts import Arithmetic, Layer, Part
from .values import JOIN, Value

CUT = "Hardtanh(min_val=0.0, max_val=6.0)"
# By the parts of f, and what the product is divided by afterwards.
GATES: dict[tuple[str, ...], tuple[type[nn.Module], float]] = {
    ("Sigmoid()",): (nn.SiLU, 1.0),
    ("Hardsigmoid()",): (nn.Hardswish, 1.0),
    ("+3", CUT, "/6"): (nn.Hardswish, 1.0),
    ("+3", CUT): (nn.Hardswish, 1 / 6),
    ("Softplus(beta=1.0, threshold=20.0)", "Tanh()"): (nn.Mish, 1.0),
}


def product(first: Value, second: Value) -> Value:
    """The product of two values, one of which is made from the other. Raises ConversionError for any other."""
    for start, end in ((first, second), (second, first)):
        parts = end.parts_since(start)
        if not parts or start.squeezed != end.squeezed:
            continue
        # x * sigmoid(1.702 x) is a SiLU of 1.702 x, divided by that.
        scale = parts[0] if len(parts) == 2 and _described(parts[0]).startswith("*") else None
        kind, divisor = GATES.get(tuple(map(_described, parts[1:] if scale else parts)), (None, 1.0))
        if kind is None:
            continue
        if isinstance(scale, Arithmetic):
            start, divisor = start.then(scale), divisor * float(scale.value)
        gate = start.then(Layer(start.at, kind()))
        return gate if divisor == 1.0 else gate.arithmetic("/", np.array(divisor))
    raise ConversionError(f"a product of two values that depend on the input is not supported: {JOIN}")


def _described(part: Part) -> str:
    if isinstance(part, Arithmetic) and not part.value.ndim:
        return f"{part.operator}{float(part.value):.6g}"
    return repr(part.layer) if isinstance(part, Layer) else ""
