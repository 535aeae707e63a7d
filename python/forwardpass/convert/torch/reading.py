"""From a graph to parts: every node that the answer depends on, in the order of the forward()."""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ... import nn
from ...limits import FAILURES
from ..errors import ConversionError
from .kinds import BETWEEN, kind_of
from .layers import LAYERS
from .operations import OPERATIONS
from .parts import Layer, Part, built
from .running import dtype_of
from .tracing import Traced
from .values import Value

IN_PLACE = ("iadd", "isub", "imul", "itruediv", "imatmul", "ipow")


def parts_of(module: Any, at: str) -> list[Part]:
    """The parts of a module with a forward() of its own.

    Raises
    ------
    ConversionError
        What the graph of its forward() has beside known layers: module, operation and what to do instead.
    """
    traced = Traced(module, at)
    *nodes, output = traced.nodes
    _check_in_place(nodes, traced.modules)
    needed, functions = {output}, _functions()
    for node in reversed(traced.nodes):
        if node in needed:
            needed.update(node.all_input_nodes)
    dtype = dtype_of(module)
    start = Value(at, "torch.float32" if dtype is None else str(dtype))
    values: dict[Any, Any] = {}
    for node in nodes:
        if node in needed:
            values[node] = start if node.op == "placeholder" else _value(traced, node, values, functions)
    result = values.get(output.args[0]) if hasattr(output.args[0], "op") else None
    if not isinstance(result, Value):
        raise ConversionError(f"{at}: forward() returns {_described(output.args[0])}")
    if result.squeezed:
        result = result.then(Layer(at, nn.Squeeze()))
    return result.parts_since(start) or []


def _described(returned: Any) -> str:
    if not isinstance(returned, (tuple, list, dict)):
        return "what does not depend on its input: expected one tensor of answers"
    key = next(iter(returned), None) if isinstance(returned, dict) else 0
    return (
        f"{len(returned)} values, expected one: give a module whose forward() returns one of them, such as "
        f"module(x)[{key!r}]"
    )


def _check_in_place(nodes: list[Any], modules: dict[str, Any]) -> None:
    """Refuse what changes a value in place that is used again: the graph does not show that it has changed."""
    order = {node: position for position, node in enumerate(nodes)}
    for node in nodes:
        target = modules.get(node.target) if node.op == "call_module" else node.target
        name = getattr(target, "__name__", target)
        in_place = getattr(target, "inplace", False) or node.kwargs.get("inplace", False) or name in IN_PLACE
        in_place = in_place or (isinstance(name, str) and name.endswith("_") and not name.endswith("__"))
        changed = node.args[0] if node.args else None
        if in_place and any(order.get(user, 0) > order[node] for user in getattr(changed, "users", ())):
            at, kind = node.meta["place"]
            raise ConversionError(
                f"{at}: {kind}.forward() changes a value in place and uses it again: use the result of "
                "the function that is not in place"
            )


def _value(traced: Traced, node: Any, values: dict[Any, Any], functions: dict[Any, str]) -> Any:
    """What a node gives."""
    at, kind = node.meta["place"]

    def known(argument: Any) -> Any:
        if isinstance(argument, (tuple, list)):
            return tuple(known(part) for part in argument)
        value = values[argument] if hasattr(argument, "all_input_nodes") else argument
        return replace(value, at=at) if isinstance(value, Value) else value

    arguments = [known(argument) for argument in node.args]
    named = {name: known(argument) for name, argument in node.kwargs.items()}
    if node.op == "call_module":
        return _called(traced, node.target, arguments, named)
    name = functions.get(node.target, "") if node.op == "call_function" else node.target
    where = f"{at}: {kind}.forward(): {name or getattr(node.target, '__name__', node.target)}()"
    operation = OPERATIONS.get(name if name.startswith("__") else name.rstrip("_"))
    if operation is None:
        raise ConversionError(f"{where} is not supported: {BETWEEN}")
    try:
        return operation(*arguments, **named)
    except ConversionError as error:
        raise ConversionError(f"{where}: {error}") from error.__cause__
    except FAILURES as error:
        raise ConversionError(f"{where}: {error}: {BETWEEN}") from error


def _called(traced: Traced, name: str, arguments: list[Any], named: dict[str, Any]) -> Value:
    """What a module of PyTorch's own makes of a value."""
    at, module = traced.place_of(name), traced.modules[name]
    x = arguments[0] if arguments else next(iter(named.values()), None)
    if len(arguments) + len(named) != 1 or not isinstance(x, Value):
        raise ConversionError(f"{at}: expected a call with one value that depends on the input: {BETWEEN}")
    return replace(x, at=at).through(built(at, LAYERS[kind_of(module, at)].of_module, module))


def _functions() -> dict[Any, str]:
    """Every function of PyTorch and every operator that is known, and its name."""
    torch = sys.modules["torch"]
    holders = (torch, torch.nn.functional, torch.special, operator)
    functions: dict[Callable[..., Any], str] = {getattr: "getattr"}
    for name in OPERATIONS:
        for holder in holders:
            for spelled in (name, f"{name}_"):
                found = getattr(holder, spelled, None)
                if found is not None:
                    functions.setdefault(found, name)
    return functions
