"""Functions that a model defines itself, put in the place of their calls by onnx's own inliner."""

from __future__ import annotations

from typing import Any

from ...limits import DEEPEST_NESTING, FAILURES, MOST_PARTS, Budget
from ..errors import ConversionError
from .content import library

# Bytes in protobuf of a field, and for each byte of a packed list of numbers.
FIELD, PACKED = 200, 8

Key = tuple[str, str, str]


def inlined(model: Any, budget: Budget, known: frozenset[str]) -> Any:
    """The model without functions of its own. What they come to is counted before any is put in its place.

    Parameters
    ----------
    model : onnx.ModelProto
    budget : Budget
    known : frozenset of str
        Domains whose operators nobody may redefine.

    Raises
    ------
    ConversionError
        Functions that call each other without end, or come to too much.
    """
    for function in model.functions:
        if function.domain in known:
            raise ConversionError(f"the model redefines the operator {function.name[:100]!r}")
    functions = {_key(function.domain, function): function for function in model.functions}
    calls = [node for node in model.graph.node if _called(node) in functions]
    if calls:
        sizes = _Sizes(functions)
        nodes, nbytes = (sum(both) for both in zip(*(sizes.of(_called(node)) for node in calls), strict=True))
        if nodes > MOST_PARTS:
            raise ConversionError(f"the functions of the model come to {nodes} nodes: expected at most {MOST_PARTS}")
        budget.take(nbytes, "the functions of the model")
        try:
            from onnx import inliner

            library()
            model = inliner.inline_local_functions(model)
        except FAILURES as error:
            raise ConversionError(f"onnx cannot inline the functions of the model: {str(error)[:200]}") from error
    return model


class _Sizes:
    """How many nodes a call of a function comes to, and how many bytes, with all calls inside."""

    def __init__(self, functions: dict[Key, Any]) -> None:
        self._functions = functions
        self._known: dict[Key, tuple[int, int]] = {}

    def of(self, key: Key, nesting: int = 0) -> tuple[int, int]:
        if nesting > DEEPEST_NESTING:
            raise ConversionError(
                f"the function {key[1][:100]!r} of the model: expected calls at most {DEEPEST_NESTING} deep"
            )
        if key not in self._known:
            nodes = nbytes = 0
            for node in self._functions[key].node:
                called = _called(node)
                inside = self.of(called, nesting + 1) if called in self._functions else (1, _bytes(node))
                nodes, nbytes = nodes + inside[0], nbytes + inside[1]
            self._known[key] = nodes, nbytes
        return self._known[key]


def _bytes(node: Any) -> int:
    fields = 4 + len(node.input) + len(node.output) + 4 * len(node.attribute)
    return FIELD * fields + PACKED * int(node.ByteSize())


def _key(domain: str, named: Any) -> Key:
    return domain, named.name, getattr(named, "overload", "")


def _called(node: Any) -> Key:
    return node.domain, node.op_type, getattr(node, "overload", "")
