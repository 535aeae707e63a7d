"""How much memory and time the network of a description takes, computed before anything of it is made."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..limits import BYTES_OF_TEXT, json_bytes
from ..nn import LAYERS
from . import architecture as arch

# Bytes of a layer's Python objects, and of its step in the plan of each network that holds it; measured, rounded up.
LAYER, STEP = 2048, 384
# Bytes to parse one tensor's entry in a .safetensors header, without its name: twelve marks, up to 100 characters.
ENTRY = 3000


def memory(spec: Any, dtype: str) -> int:
    """The most bytes that are in use at a time, while the network is made and answers its test input.

    The reader packs one array after another. So all packed arrays count, and of the others the largest one.
    """
    each = np.dtype(dtype).itemsize
    kept = largest = buffers = widest = outputs = steps = 0
    for prefix, layer in arch.layers(spec):
        kind, sizes = LAYERS[layer["type"]], arch.sizes_of(layer)
        kept += LAYER + STEP * prefix.count(".")
        buffers = max(buffers, 2 + prefix.count("inner."))
        packed, made = kind.memory(sizes, each)
        labels = sum(each.nbytes(layer[name]) for name, each in kind.labels.items())
        kept, largest = kept + packed + labels, max(largest, made)
        _, outputs = kind.widths(sizes) or (0, outputs)
        widest = max(widest, outputs)
        steps += not kind.holds
    between = buffers * widest if steps > 1 else 0
    call = (arch.width(spec) + between + outputs) * each
    return kept + max(largest, call)


def work(spec: Any) -> int:
    """How many numbers the layers compute for one row. Thousands of layers without weights may share a large width."""
    width, numbers = arch.width(spec), 0
    for _, layer in arch.layers(spec):
        kind = LAYERS[layer["type"]]
        _, width = kind.widths(arch.sizes_of(layer)) or (0, width)
        numbers += width
    return numbers


def texts(document: str, names: Iterable[str]) -> int:
    """The most bytes that parsing a document and the names of tensors takes, in either format."""
    # A .safetensors header holds the document as a quoted string: it is parsed with the header, and then once more.
    return 3 * json_bytes(document.encode()) + sum(ENTRY + 2 * BYTES_OF_TEXT * len(name) for name in names)
