"""What a network of a description takes in memory and time, known before anything of it is made."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..limits import BYTES_OF_TEXT, json_bytes
from . import architecture as arch

# Objects of a layer, and its step in the plan of each network that it is in: measured, and rounded up.
LAYER, STEP = 2048, 384
# Of a tensor in the header of a .safetensors file, without its name: twelve marks, and up to a hundred characters.
ENTRY = 3000
# Of a layer with values for each feature: its tables and arrays, and what it is made from.
COLUMN_KEPT, COLUMN_MADE = 136, 160


def memory(spec: Any, dtype: str) -> int:
    """Bytes at the peak, while a network of a checked description is made and answers its test input.

    Arrays are read one after another, and packed. So the largest one counts, and all of them packed.
    """
    each = np.dtype(dtype).itemsize
    kept = largest = buffers = widest = outputs = steps = 0
    for prefix, layer in arch.layers(spec):
        kept += LAYER + STEP * prefix.count(".")
        buffers = max(buffers, 2 + prefix.count("inner."))
        if layer["type"] == "Linear":
            inputs, outputs = layer["in_features"], layer["out_features"]
            kept += _packed(inputs, outputs, 64 // each) * each
            largest = max(largest, inputs * outputs * each)
            widest = max(widest, outputs)
        elif layer["type"] in arch.COLUMNS:
            outputs = layer["features"]
            kept += COLUMN_KEPT * outputs
            largest = max(largest, COLUMN_MADE * outputs)
            widest = max(widest, outputs)
        steps += layer["type"] not in ("Sequential", "Residual")
    between = buffers * widest if steps > 1 else 0
    call = (arch.width(spec) + between + outputs) * each
    return kept + max(largest, call)


def work(spec: Any) -> int:
    """Numbers that the layers without weights compute of one row: thousands of them may share a large width."""
    width, numbers = arch.width(spec), 0
    for _, layer in arch.layers(spec):
        width = layer.get("out_features", layer.get("features", width))
        numbers += width if layer["type"] not in ("Linear", "Sequential") else 0
    return numbers


def texts(document: str, names: Iterable[str]) -> int:
    """Bytes that a document and the names of tensors take at most, in whichever format takes more."""
    # A .safetensors file has the document in its header, in quotes, and then it is parsed once more.
    return 3 * json_bytes(document.encode()) + sum(ENTRY + 2 * BYTES_OF_TEXT * len(name) for name in names)


def _packed(inputs: int, outputs: int, line: int) -> int:
    """The most elements that a weight and its bias take, on any instruction set (cpp/kernels/layout/panel.hpp).

    A few outputs are rows, and they and their biases begin on a cache line. More outputs are lanes, whole lines of them
    for each input; the last few of them may be rows as well.
    """
    panels = (inputs + 1) * _whole(outputs, line)
    if inputs > 128 and outputs <= 4:
        return line + outputs * _whole(inputs, line)
    # Up to half a line of the shallow ones: whether they are rows depends on the instruction set.
    return panels + (line // 2 + 1) * line


def _whole(elements: int, line: int) -> int:
    return -(-elements // line) * line
