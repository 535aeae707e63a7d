"""Activations that exporters write out as sums and products, recognized by what they compute.

Such an expression is brought to the form of a polynomial in values that are no sums or products themselves, its atoms:
0.5 * x * (1 + Erf(x / sqrt(2))), in whatever order and grouping, is 0.5 x + 0.5 x T, where T = Erf(0.7071 x). The
source of the patterns: torch/onnx/symbolic_opset9.py, onnxscript's function_libs/torch_lib/ops/nn.py.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from ... import nn
from .node import Node
from .reading import Graph

# Exponents of atoms, sorted by name, with a coefficient for each; of a number alone, no exponents.
Monomial: TypeAlias = tuple[tuple[str, int], ...]
Polynomial: TypeAlias = dict[Monomial, float]
# The class of an activation, its arguments, and a factor: layer(factor * x) / factor.
Found: TypeAlias = tuple[type[nn.Module], tuple[Any, ...], float] | None

# GELU by tanh has nine nodes and four terms.
MOST_NODES, MOST_TERMS = 24, 8
# Constants are rounded to float32 in some exporters; the verification sees what differs more than that.
TOLERANCE = 1e-6
# Where exp(-x) no longer changes x, log(1 + exp(x)) is x, in float64 too: ONNX's has no threshold.
NO_THRESHOLD = 40.0
# The alpha of HardSigmoid in torch's Hardsigmoid and Hardswish: an attribute is a float32.
SIXTH = float(np.float32(1 / 6))


def activation(graph: Graph, name: str) -> tuple[str, type[nn.Module], tuple[Any, ...], float] | None:
    """The activation that makes a value: of which value, and what Found says; None if it is none of these."""
    outer = polynomial(graph, name)
    atoms = sorted({atom for monomial in outer or () for atom, _ in monomial})
    for function in atoms:
        node = graph.producer(function)
        known = None if node is None else graph.operators.get(node.operator)
        if outer is None or node is None or known is None or known.pattern is None:
            continue
        argument = node.inputs[0]
        if mish(graph, outer, function, argument):
            return graph.producers[argument].inputs[0], nn.Mish, (), 1.0
        itself: Polynomial = {((argument, 1),): 1.0}
        for inner in (itself, polynomial(graph, argument)):
            others = {*atoms, *(atom for monomial in inner or () for atom, _ in monomial)} - {function}
            if inner is None or len(others) != 1:
                continue
            x = others.pop()
            found: Found = known.pattern(node, outer, inner, ((x, 1),), ((function, 1),))
            if found is not None:
                return x, *found
    return None


def by_erf(node: Node, outer: Polynomial, inner: Polynomial, x: Monomial, function: Monomial) -> Found:
    """GELU."""
    half = {x: 0.5, _times(x, function): 0.5}
    return (nn.GELU, (), 1.0) if _close(outer, half) and _close(inner, {x: math.sqrt(0.5)}) else None


def by_tanh(node: Node, outer: Polynomial, inner: Polynomial, x: Monomial, function: Monomial) -> Found:
    """GELU of that kind."""
    half, factor = {x: 0.5, _times(x, function): 0.5}, math.sqrt(2 / math.pi)
    cubic = {x: factor, _times(x, _times(x, x)): 0.044715 * factor}
    return (nn.GELU, ("tanh",), 1.0) if _close(outer, half) and _close(inner, cubic) else None


def by_sigmoid(node: Node, outer: Polynomial, inner: Polynomial, x: Monomial, function: Monomial) -> Found:
    """SiLU, and x * sigmoid(alpha x)."""
    alpha = inner.get(x, 0.0)
    right = alpha != 0.0 and len(inner) == 1 and _close(outer, {_times(x, function): 1.0})
    return (nn.SiLU, (), alpha) if right else None


def by_softplus(node: Node, outer: Polynomial, inner: Polynomial, x: Monomial, function: Monomial) -> Found:
    """Softplus of any beta."""
    beta = inner.get(x, 0.0)
    right = beta > 0 and len(inner) == 1 and _close(outer, {function: 1 / beta})
    return (nn.Softplus, (beta, NO_THRESHOLD), 1.0) if right else None


def by_hard_sigmoid(node: Node, outer: Polynomial, inner: Polynomial, x: Monomial, function: Monomial) -> Found:
    """Hardswish."""
    right = _close(outer, {_times(x, function): 1.0}) and _close(inner, {x: 1.0})
    return (nn.Hardswish, (), 1.0) if right and node.attributes(alpha=0.2, beta=0.5) == [SIXTH, 0.5] else None


def mish(graph: Graph, outer: Polynomial, function: str, argument: str) -> bool:
    """Whether x Tanh(Softplus(x)) makes a value, for the Softplus that is the argument of Tanh."""
    tanh, softplus = _made_by(graph, function, "Tanh"), _made_by(graph, argument, "Softplus")
    if tanh is None or softplus is None:
        return False
    return _close(outer, {_times(((softplus.inputs[0], 1),), ((function, 1),)): 1.0})


def softsign(graph: Graph, node: Node) -> str | None:
    """Of x / (1 + Abs(x)): x."""
    x, total = node.inputs[0], _made_by(graph, node.inputs[1], "Add")
    if total is None:
        return None
    for one, size in (total.inputs, total.inputs[::-1]):
        made = _made_by(graph, size, "Abs")
        if graph.constants.scalar(one) == 1.0 and made is not None and made.inputs[0] == x:
            return x
    return None


def softplus_with_threshold(graph: Graph, node: Node) -> tuple[str, float, float] | None:
    """Of torch's Where(beta * x > threshold, x, Softplus(beta * x) / beta): x, beta and threshold."""
    compared, x, below = _made_by(graph, node.inputs[0], "Greater"), node.inputs[1], activation(graph, node.inputs[2])
    if compared is None or below is None or below[:2] != (x, nn.Softplus):
        return None
    scaled, threshold = compared.inputs
    beta, limit = below[2][0], graph.constants.scalar(threshold)
    itself: Polynomial = {((x, 1),): 1.0}
    product = itself if scaled == x else polynomial(graph, scaled)
    return (x, beta, limit) if limit is not None and product and _close(product, {((x, 1),): beta}) else None


def normalization(graph: Graph, node: Node) -> tuple[str, float, int] | None:
    """Of a LayerNorm written out, (x - mean) / sqrt(variance + epsilon): x, epsilon and the axis."""
    centred, deviation = _made_by(graph, node.inputs[0], "Sub"), _made_by(graph, node.inputs[1], "Sqrt")
    total = deviation and _made_by(graph, deviation.inputs[0], "Add")
    if not centred or not total:
        return None
    x = centred.inputs[0]
    axis = _mean_axis(graph, centred.inputs[1], x)
    for variance, epsilon in (total.inputs, total.inputs[::-1]):
        added, mean = graph.constants.scalar(epsilon), _made_by(graph, variance, "ReduceMean")
        if added is None or mean is None:
            continue
        squared = polynomial(graph, mean.inputs[0])
        if axis is None or squared is None or _mean_axis(graph, variance, mean.inputs[0]) != axis:
            continue
        if _close(squared, {((node.inputs[0], 2),): 1.0}):
            return x, added, axis
    return None


def _made_by(graph: Graph, name: str, operator: str) -> Node | None:
    node = graph.producer(name)
    return node if node is not None and node.operator == operator and all(node.inputs) else None


def _mean_axis(graph: Graph, name: str, of: str) -> int | None:
    """The axis that ReduceMean takes the mean of a value over, to a size of 1."""
    node = _made_by(graph, name, "ReduceMean")
    if node is None or node.inputs[0] != of:
        return None
    axes, keep, _ = node.attributes(axes=[0], keepdims=1, noop_with_empty_axes=0)
    given = graph.constants.get(node.input(1)) if node.input(1) else None  # an input from opset 18 on
    if given is not None:
        axes = given.reshape(-1).tolist()
    return int(axes[0]) if len(axes) == 1 and keep == 1 else None


def polynomial(graph: Graph, name: str) -> Polynomial | None:
    """A value as a polynomial of its atoms; None where that is too large.

    Atoms are values that no sum or product makes, or that something else needs too.
    """
    budget = Counter(nodes=MOST_NODES)

    def expand(name: str, top: bool) -> Polynomial | None:
        budget["nodes"] -= 1
        if budget["nodes"] < 0:
            return None
        number = graph.constants.scalar(name)
        if number is not None:
            return {(): number}
        node = graph.producer(name)
        if node is None or (graph.uses[name] > 1 and not top) or len(node.inputs) != 2 or _per_feature(graph, node):
            return {((name, 1),): 1.0}
        if node.operator in ("Add", "Sub", "Mul"):
            a, b = expand(node.inputs[0], False), expand(node.inputs[1], False)
            if a is None or b is None:
                return None
            return _product(a, b) if node.operator == "Mul" else _sum(a, b, 1.0 if node.operator == "Add" else -1.0)
        other = graph.constants.scalar(node.inputs[1])
        if node.operator == "Div" and other:
            a = expand(node.inputs[0], False)
            return None if a is None else {monomial: value / other for monomial, value in a.items()}
        if node.operator == "Pow" and other in (2.0, 3.0):
            a = expand(node.inputs[0], False)
            squared = None if a is None else _product(a, a)
            return squared if other == 2.0 or squared is None or a is None else _product(squared, a)
        return {((name, 1),): 1.0}

    return expand(name, True)


def _per_feature(graph: Graph, node: Node) -> bool:
    """Whether a value meets an array of constants: a bias, a scaler."""
    return any(graph.constants.get(name) is not None and graph.constants.scalar(name) is None for name in node.inputs)


def _times(a: Monomial, b: Monomial) -> Monomial:
    return tuple(sorted((Counter(dict(a)) + Counter(dict(b))).items()))


def _sum(a: Polynomial, b: Polynomial, sign: float) -> Polynomial | None:
    total = {monomial: a.get(monomial, 0.0) + sign * b.get(monomial, 0.0) for monomial in {*a, *b}}
    return total if len(total) <= MOST_TERMS else None


def _product(a: Polynomial, b: Polynomial) -> Polynomial | None:
    total: Polynomial = {}
    for monomial, value in a.items():
        for other, factor in b.items():
            key = _times(monomial, other)
            total[key] = total.get(key, 0.0) + value * factor
    return total if len(total) <= MOST_TERMS else None


def _close(a: Mapping[Monomial, float], b: Mapping[Monomial, float]) -> bool:
    return a.keys() == b.keys() and bool(np.isclose(list(a.values()), [b[m] for m in a], rtol=TOLERANCE, atol=0).all())
