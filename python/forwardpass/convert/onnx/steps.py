"""From the output back to the input: one step for each layer."""

from __future__ import annotations

from dataclasses import dataclass

from ...limits import DEEPEST_NESTING
from ..errors import ConversionError
from .functions import scaled
from .layers import Builder, Emit, Handled
from .node import Node
from .patterns import activation
from .reading import Graph


@dataclass(frozen=True)
class Step:
    """What turns the value `base` into the next one."""

    node: Node
    base: str
    emit: Emit


def chain(graph: Graph, end: str, start: str, branch_of: Node | None = None, nesting: int = 0) -> list[Step]:
    """The steps that lead from one value to another, in order.

    Parameters
    ----------
    graph : Graph
    end, start : str
        Names of values.
    branch_of : Node, optional
        The Add that the chain is a branch of.
    nesting : int
        How many residual blocks it is in.

    Raises
    ------
    ConversionError
        A node that is not supported, or no chain.
    """
    steps: list[Step] = []
    while end != start:
        if graph.constants.get(end) is not None:
            raise ConversionError(f"the value {end[:100]!r} does not depend on the input")
        if graph.position(end) <= graph.position(start) and branch_of is not None:
            raise branch_of.refusal("neither of the two values that it adds leads to the other: no residual block")
        steps.append(_step(graph, end, nesting))
        end = steps[-1].base
    return steps[::-1]


def run(steps: list[Step], builder: Builder) -> None:
    """Add the layers of all steps."""
    for step in steps:
        builder.node = step.node
        step.emit(builder)


def _step(graph: Graph, name: str, nesting: int) -> Step:
    node = graph.producer(name)
    assert node is not None  # the chain ends at the input, and no constant is in it
    if name != node.outputs[0]:
        raise node.refusal(f"its result {name[:100]!r} is not supported, only the first")
    known = graph.operators.get(node.operator)
    if known is None or known.layer is None:
        raise node.refusal("this operator is not supported" + _way_out(graph, node, name))
    if node.operator in ("Add", "Sub", "Mul", "Div"):
        found = activation(graph, name)
        if found is not None:
            x, layer, arguments, factor = found
            return Step(node, x, scaled(layer, arguments, factor))
    if node.operator == "Add" and all(graph.constants.get(node.inputs[index]) is None for index in (0, 1)):
        base, emit = _residual(graph, node, nesting)
    else:
        base, emit = known.layer(graph, node)
    if node.operator != "Cast" and graph.types[base] != graph.types[name]:
        raise node.refusal("its data and its result differ in type")
    return Step(node, base, emit)


def _way_out(graph: Graph, node: Node, name: str) -> str:
    """What gives all but the end of the model, where a node is that."""
    base = next((value for value in node.inputs if value and graph.constants.get(value) is None), "")
    return f"; output={base[:100]!r} gives the network before it" if base and name == graph.output else ""


def _residual(graph: Graph, node: Node, nesting: int) -> Handled:
    """A sum x + inner(x): the value that was there first is x."""
    node.attributes()
    if nesting >= DEEPEST_NESTING:
        raise node.refusal(f"expected at most {DEEPEST_NESTING} residual blocks inside each other")
    x, end = sorted(node.inputs, key=graph.position)
    if graph.types[x] != graph.types[end]:
        raise node.refusal("the two values that it adds differ in type")
    steps = chain(graph, end, x, node, nesting + 1)

    def emit(builder: Builder) -> None:
        inner = builder.inner()
        run(steps, inner)
        builder.node = node
        builder.residual(inner)

    return x, emit
