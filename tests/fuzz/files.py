"""Fuzzing of .npz and .safetensors files: valid ones, changed where their structure says what is there.

    python -m tests.fuzz.files --seconds 600 --seed 7

See tests/fuzz/harness.py for its options.
"""

import contextlib
import json
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import forwardpass as fp
from forwardpass.files import architecture as arch
from forwardpass.files import document
from forwardpass.files.errors import ModelFileError
from tests.fuzz.formats import Arrays, npz, safetensors
from tests.fuzz.harness import Fuzzer, Input, main
from tests.fuzz.values import NUMBERS, TEXTS, Rng, change_json, chosen


def random_layer(rng: Rng, width: int, dtype: type) -> tuple[fp.Module, int]:
    """A layer that takes so many features, and how many it gives."""

    def values() -> Any:
        return rng.uniform(0.5, 2, width)

    match rng.integers(10):
        case 0 | 1 | 2 | 3:
            outputs = int(chosen(rng, (0, 1, 1, 2, 5, 9, 17, 64, 65, 130, 1000)))
            w: Any = rng.standard_normal((outputs, width)).astype(dtype)
            return fp.Linear(w, w.sum(axis=1) if rng.integers(2) else None), outputs
        case 4:
            both = bool(rng.integers(2))
            return fp.LayerNorm(width, values() if rng.integers(2) else None, values() if both else None), width
        case 5:
            return fp.BatchNorm1d(values(), values(), values() if rng.integers(2) else None), width
        case 6:
            return chosen(rng, (fp.Normalize(values(), values(), 3.0), fp.Normalize(values(), values(), np.inf))), width
        case 7:
            return chosen(rng, (fp.Affine(values(), values()), fp.Clip(-values(), values()))), width
        case 8:
            return fp.Residual(fp.Sequential(chosen(rng, FUNCTIONS), fp.Residual(chosen(rng, FUNCTIONS)))), width
    return chosen(rng, FUNCTIONS), width


FUNCTIONS = (
    fp.ReLU(), fp.GELU("tanh"), fp.Softmax(), fp.LogSoftmax(), fp.Hardtanh(0, np.inf), fp.Hardtanh(-1.7e308, 1.7e308),
    fp.Softplus(2.0), fp.ELU(2.0),
)  # fmt: skip


def random_network(rng: Rng) -> fp.Module:
    """A few layers that chain."""
    width = int(chosen(rng, (0, 1, 3, 7, 64, 70, 600, 4096)))
    dtype = chosen(rng, (np.float32, np.float64))
    layers = []
    for _ in range(int(rng.integers(1, 6))):
        layer, width = random_layer(rng, width, dtype)
        layers.append(layer)
    net = fp.Sequential(*layers)
    for _ in range(int(chosen(rng, (0, 0, 0, 1, 30)))):
        net = fp.Sequential(net)
    return net


def written(net: fp.Module) -> tuple[dict[str, Any], Arrays]:
    spec, arrays = arch.describe(net), net.state_dict()
    with np.errstate(all="ignore"):
        return json.loads(document.written(net, spec, arrays)), dict(arrays)


def claims(rng: Rng) -> tuple[dict[str, Any], Arrays]:
    """A document with a right hash whose layers are huge, and tensors that are not: sizes with a zero, or no arrays."""
    layers: list[Any] = []
    arrays: Arrays = {}
    width = int(chosen(rng, (0, 1, 2**20, 2**25, 2**29)))
    for _ in range(int(rng.integers(1, 5))):
        kind = int(rng.integers(4))
        if kind == 0:
            layers.append({"type": "LayerNorm", "features": width, "eps": 1e-5, "weight": False, "bias": False})
        elif kind == 1:
            layers += [{"type": "Softmax", "dim": -1}] * int(chosen(rng, (1, 100, 5000)))
        else:
            outputs = int(chosen(rng, (0, 1, 3))) if width > 2**20 else int(chosen(rng, (0, 1, 2**20, 2**25, 2**29)))
            outputs = outputs if outputs * width <= 2**21 else 0
            layers.append({"type": "Linear", "in_features": width, "out_features": outputs, "bias": False})
            arrays[f"{len(layers) - 1}.weight"] = np.zeros((outputs, width), np.float32)
            width = outputs
    spec: Any = {"type": "Sequential", "layers": layers}
    for _ in range(int(chosen(rng, (0, 0, 1, 45)))):
        spec = {"type": "Sequential", "layers": [spec]} if rng.integers(2) else {"type": "Residual", "inner": spec}
        inside = "0." if spec["type"] == "Sequential" else "inner."
        arrays = {inside + name: array for name, array in arrays.items()}
    text, _ = written(fp.ReLU())
    return text | {"architecture": spec, "hash": document.hash_of(spec, "float32", arrays)}, arrays


def change_document(rng: Rng, text: dict[str, Any], arrays: Arrays) -> None:
    """One value of the architecture, or of all of it; half of the time with a hash that fits."""
    if rng.integers(4):
        text["architecture"] = change_json(rng, text["architecture"])
    else:
        change_json(rng, text)
    if rng.integers(2):
        with contextlib.suppress(KeyError, TypeError, ValueError, RecursionError):
            text["hash"] = document.hash_of(text["architecture"], text["dtype"], arrays)


def change_arrays(rng: Rng, arrays: Arrays) -> None:
    """One array of another shape, dtype, name, or not there; or many more."""
    if not arrays:
        arrays["0.weight"] = np.ones((2, 2), np.float32)
    name = chosen(rng, list(arrays))
    array = arrays[name]
    match rng.integers(6):
        case 0:
            del arrays[name]
        case 1:
            arrays[name + chosen(rng, TEXTS).encode(errors="replace").decode()] = arrays.pop(name)
        case 2:
            arrays[name] = array.astype(chosen(rng, ("float16", "float32", "float64", "int32", "uint8")))
        case 3:
            arrays[name] = chosen(rng, (array.T, array.reshape(-1), array[None], array[:0], array[..., :0]))
        case 4:
            arrays[name] = np.zeros(chosen(rng, ((2**20,), (2**22, 1), (1, 2**22), (3000, 1000))), array.dtype)
        case 5:
            few = array.reshape(-1)[:3]
            arrays |= {f"{i}.{name}": few for i in range(int(chosen(rng, (1, 100, 19_990, 30_000))))}


FORMATS: dict[str, Callable[[Rng, bytes | None, Arrays, bool], bytes]] = {".npz": npz, ".safetensors": safetensors}


def change_bytes(rng: Rng, content: bytes) -> bytes:
    """A few bytes replaced, removed or doubled."""
    made = bytearray(content)
    at, length = int(rng.integers(len(made))), int(rng.integers(1, 33))
    match rng.integers(4):
        case 0:
            made[at : at + length] = rng.bytes(length)
        case 1:
            del made[at : at + length]
        case 2:
            made[at:at] = made[at : at + length]
        case 3:
            made[at : at + 4] = struct.pack("<L", int(chosen(rng, NUMBERS)) & 0xFFFFFFFF)
    return bytes(made)


def generate(rng: Rng) -> Input:
    """A file with a document, or of bare weights, with at most one thing wrong of each kind."""
    suffix = chosen(rng, tuple(FORMATS))
    text, arrays = written(random_network(rng)) if rng.integers(4) else claims(rng)
    bare, lies = int(rng.integers(5)) == 0, int(rng.integers(7))
    architecture = ""
    if bare:
        width, inner = (int(chosen(rng, (1, 3, 17, 300, 3000))) for _ in range(2))
        dtype = chosen(rng, ("float16", "float32", "float64"))
        arrays = {"a.weight": np.zeros((inner, width), dtype), "b.weight": np.ones((2, inner), dtype)}
        architecture = f".{width}-{chosen(rng, (inner, inner, inner + 1, 2**29))}-2"
    if lies == 1:
        change_document(rng, text, arrays)
    if lies in (2, 3):
        change_arrays(rng, arrays)
    raw = None if bare else json.dumps(text).encode()
    content = FORMATS[suffix](rng, raw, arrays, lies in (3, 4, 5))
    if lies == 6:
        content = change_bytes(rng, content)
    return Input(content, architecture + suffix, sum(array.nbytes for array in arrays.values()))


def good(suffix: str, seed: int) -> Input:
    """A file that must be taken."""
    rng = np.random.default_rng(seed)
    text, arrays = written(fp.Sequential(fp.Linear(rng.standard_normal((3, 4))), fp.LayerNorm(3), fp.GELU()))
    return Input(FORMATS[suffix](rng, json.dumps(text).encode(), arrays, False), suffix, 96)


def read(path: Path) -> fp.Module:
    """The network of a file; the architecture of bare weights stands in its name."""
    _, *architecture, _ = path.name.split(".")
    return fp.load(path, architecture[0] if architecture else None)


FILES = Fuzzer([good(suffix, seed) for suffix in FORMATS for seed in range(2)], generate, read, (ModelFileError,))

if __name__ == "__main__":
    sys.exit(main(FILES))
