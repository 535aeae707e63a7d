"""What a network of a description takes in memory and time, known before anything of it is made."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..limits import BYTES_OF_TEXT, json_bytes
from ..nn import LAYERS
from . import architecture as arch

# Objects of a layer, and its step in the plan of each network that it is in: measured, and rounded up.
LAYER, STEP = 2048, 384
# Of a tensor in the header of a .safetensors file, without its name: twelve marks, and up to a hundred characters.
ENTRY = 3000


def memory(spec: Any, dtype: str) -> int:
    """Bytes at the peak, while a network of a checked description is made and answers its test input.

    Arrays are read one after another, and packed. So the largest one counts, and all of them packed.
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
    """Numbers that the layers compute of one row, if no weights account for them: thousands may share a large width."""
    width, numbers = arch.width(spec), 0
    for _, layer in arch.layers(spec):
        kind = LAYERS[layer["type"]]
        _, width = kind.widths(arch.sizes_of(layer)) or (0, width)
        numbers += width
    return numbers


def texts(document: str, names: Iterable[str]) -> int:
    """Bytes that a document and the names of tensors take at most, in whichever format takes more."""
    # A .safetensors file has the document in its header, in quotes, and then it is parsed once more.
    return 3 * json_bytes(document.encode()) + sum(ENTRY + 2 * BYTES_OF_TEXT * len(name) for name in names)
