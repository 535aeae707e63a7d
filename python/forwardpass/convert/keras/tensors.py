"""The tensors that a functional model's configuration names: which layers take and give them."""

from __future__ import annotations

from typing import Any

from ..errors import ConversionError


def outputs_of(config: Any) -> list[tuple[str, Any]]:
    """The outputs of a functional model: the name of each, and which tensor it is."""
    ends = config.get("output_layers")
    if isinstance(ends, dict):
        return list(ends.items())
    ends = [ends] if isinstance(ends, list) and ends and isinstance(ends[0], str) else ends
    return [(str(end[0]) if isinstance(end, list) and end else "", end) for end in ends or []]


def output_layer(config: dict[str, Any], wanted: str | None, where: str) -> str:
    """The layer that gives the output which is wanted."""
    there = outputs_of(config)
    names = ", ".join(repr(name[:100]) for name, _ in there[:10])
    if wanted is None and len(there) != 1:
        raise ConversionError(f"{where}: it has {len(there)} outputs, {names}: choose one by its name, output=")
    if wanted is not None and wanted not in dict(there):
        raise ConversionError(f"output: expected the name of an output, {names}, got {wanted[:100]!r}")
    end = there[0][1] if wanted is None else dict(there)[wanted]
    return end_layer({"output_layers": end}, "output_layers", where)


def end_layer(config: dict[str, Any], key: str, where: str) -> str:
    """The layer that gives the single tensor of a key: an input or an output of a model."""
    value = config.get(key)
    if isinstance(value, list) and len(value) == 1:  # as Model([x], [y]) has it
        value = value[0]
    if not isinstance(value, list) or len(value) != 3 or not isinstance(value[0], str) or value[1:] != [0, 0]:
        raise ConversionError(f"{where}: expected a single tensor as {key}, got {repr(value)[:100]}")
    return value[0]


def inputs_of(layer: dict[str, Any], at: str) -> list[str]:
    """The names of the layers whose outputs a layer of a functional model takes."""
    calls = layer.get("inbound_nodes")
    if not isinstance(calls, list) or len(calls) != 1 or not isinstance(calls[0], dict):
        raise ConversionError(f"{at}: expected to be called once, in the format of Keras 3")
    args, options = calls[0].get("args"), calls[0].get("kwargs")
    if not isinstance(options, dict) or not options.keys() <= {"training", "mask"} or any(options.values()):
        raise ConversionError(f"{at}: called with {repr(options)[:100]}, which is not supported")
    if isinstance(args, list) and len(args) == 1 and isinstance(args[0], list):
        args = args[0]
    expected = 2 if layer["class_name"] == "Add" else 1
    if not isinstance(args, list) or len(args) != expected:
        raise ConversionError(f"{at}: expected {expected} inputs, got {repr(args)[:100]}")
    return [_producer(tensor, at) for tensor in args]


def _producer(tensor: Any, at: str) -> str:
    config = tensor.get("config") if isinstance(tensor, dict) else None
    history = config.get("keras_history") if isinstance(config, dict) else None
    if not isinstance(history, list) or len(history) != 3 or not isinstance(history[0], str) or history[1:] != [0, 0]:
        raise ConversionError(f"{at}: expected the output of a layer, got {repr(tensor)[:100]}")
    return history[0]
