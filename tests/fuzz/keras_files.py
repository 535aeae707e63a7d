"""Fuzzing of from_keras with files that are built layer by layer, and then changed:

python -m tests.fuzz.keras_files --seconds 600
"""

import contextlib
import io
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np

import forwardpass as fp
from tests.fuzz.harness import Fuzzer, Input, main

JSON = dict[str, Any]
POLICY = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None}
WIDTHS = (1, 3, 4, 17, 256, 1000)
HUGE = (1 << 17, 1 << 19, 1 << 22, 1 << 25, 1 << 30, 1 << 40)
ACTIVATIONS = ("linear", "relu", "gelu", "softmax", "hard_sigmoid", "a\x1b[2J", "\u202e")
VALUES: tuple[Any, ...] = (
    0, -1, 1, 1 << 30, 10**400, 1e308, -1e-320, True, None, "x", "a\x1b[2J", [], [1] * 1000, {}, [[]] * 3, "y" * 5000,
)  # fmt: skip


class Maker:
    """A Sequential model of random layers, and its weights."""

    def __init__(self, rng: np.random.Generator, simple: bool = False) -> None:
        self.rng, self.counts = rng, dict[str, int]()
        self.layers: list[JSON] = []
        self.groups: list[tuple[str, str, list[Any]]] = []
        self.width = 4 if simple else int(self.any_of(WIDTHS) if rng.random() < 0.8 else self.any_of(HUGE))
        self.layer("InputLayer", "input_layer", batch_shape=[None, self.width])
        for _ in range(2 if simple else int(self.any_of((1, 2, 5, 200)))):
            self.step(0 if simple else int(rng.integers(7)))

    def any_of(self, values: Any) -> Any:
        return values[int(self.rng.integers(len(values)))]

    def layer(self, kind: str, key: str, arrays: Any = (), **options: Any) -> None:
        count = self.counts[key] = self.counts.get(key, -1) + 1
        name = f"{key}_{count}" if count else key
        config = {"name": name, "dtype": POLICY, **options}
        self.layers.append({"module": "keras.layers", "class_name": kind, "config": config, "registered_name": None})
        self.groups.append((f"layers/{name}/vars", name, list(arrays)))

    def values(self, *shape: int) -> Any:
        if np.prod(shape, dtype=float) > 1 << 20:
            return np.zeros((1,) * len(shape), np.float32)
        return self.rng.standard_normal(shape).astype(np.float32) ** 2

    def step(self, kind: int) -> None:
        w = self.width
        match kind:
            case 0 | 1:
                self.width = int(self.any_of(WIDTHS))
                arrays = [self.values(w, self.width), self.values(self.width)]
                activation = self.any_of(ACTIVATIONS[:4] if self.rng.random() < 0.9 else ACTIVATIONS)
                options = {"units": self.width, "activation": activation, "use_bias": True}
                self.layer("Dense", "dense", arrays, **options)
            case 2:
                arrays = [self.values(w)] * 4
                options = {"axis": -1, "epsilon": 0.001, "center": True, "scale": True}
                self.layer("BatchNormalization", "batch_normalization", arrays, **options)
            case 3:
                flags = [bool(self.rng.integers(2)) for _ in range(2)]
                options = {"axis": -1, "epsilon": 0.001, "scale": flags[0], "center": flags[1]}
                self.layer("LayerNormalization", "layer_normalization", [self.values(w)] * sum(flags), **options)
            case 4:
                self.layer("Rescaling", "rescaling", scale=2.0, offset=self.any_of((0.0, [0.5] * min(w, 10))))
            case 5:
                options = {"axis": -1, "mean": self.any_of((0.0, [0.0] * min(w, 1000))), "variance": 1.0}
                self.layer("Normalization", "normalization", **options, invert=False)
            case _:
                self.layer("Dropout", "dropout", rate=0.5)

    def config(self) -> JSON:
        inside = {"name": "sequential", "dtype": POLICY, "layers": self.layers}
        return {"module": "keras", "class_name": "Sequential", "config": inside, "registered_name": None}

    def weights(self, changes: int) -> bytes:
        content = io.BytesIO()
        with h5py.File(content, "w") as file:
            for path, name, arrays in self.groups:
                group = file.create_group(path)
                group.attrs["name"] = name
                for i, array in enumerate(arrays):
                    group[str(i)] = array
            for _ in range(changes):
                with contextlib.suppress(OSError, ValueError, KeyError):  # what an earlier change has left no place for
                    self.change(file)
        return content.getvalue()

    def change(self, file: Any) -> None:
        """One change of the weights' structure."""
        group = file[self.any_of(self.groups)[0]]
        key = self.any_of(("0", "1", "2", "name"))
        if key in group:
            del group[key]
        data = self.values(4, 4)
        match int(self.rng.integers(11)):
            case 0:
                group[key] = h5py.SoftLink("/layers")
            case 1:
                group[key] = h5py.ExternalLink("elsewhere.h5", "/x")
            case 2:
                group.create_dataset(key, (1 << 20, 1 << 20), "f4", chunks=(1 << 10, 1 << 10), compression="gzip")
            case 3:
                group.create_dataset(key, (1 << 20, 1 << 20), "f4")
            case 4:
                group.create_dataset(key, data=np.zeros((1 << 12, 1 << 10), np.float32), compression="gzip")
            case 5:
                group.create_dataset(key, (4, 4), "f4", external=[("elsewhere.bin", 0, 64)])
            case 6:
                for i in range(int(self.any_of((10, 3000)))):
                    file.create_group(f"layers/more{i}/vars").attrs["name"] = self.any_of(("x", "a\x1b[2J", "n" * 1000))
            case 7:
                group[key] = self.any_of((np.int8(3), "text", np.zeros((0, 1 << 40), np.int8), np.zeros((1,) * 8), 1j))
            case 8:
                inner = file
                for _ in range(60):
                    inner = inner.require_group("layers").require_group("deep")
            case 9:
                file["layers"]["circle"] = file["/"]
            case _:
                group[key] = data.astype(self.any_of((">f4", "f8", "i4", "f2")))


def changed(value: Any, maker: Maker) -> Any:
    """JSON with one part of it changed."""
    if isinstance(value, dict) and value and maker.rng.random() < 0.9:
        key = maker.any_of(list(value))
        return {**value, key: changed(value[key], maker)}
    if isinstance(value, list) and value and maker.rng.random() < 0.9:
        at = int(maker.rng.integers(len(value)))
        return [*value[:at], changed(value[at], maker), *value[at + 1 :]]
    return maker.any_of((*VALUES, *HUGE))


def generate(rng: np.random.Generator) -> Input:
    """A file, mostly with something wrong about it."""
    maker = Maker(rng)
    spec = maker.config()
    for _ in range(int(maker.any_of((0, 0, 1, 3)))):
        spec = changed(spec, maker)
    tensors = sum(array.nbytes for _, _, arrays in maker.groups for array in arrays)
    weights = maker.weights(int(maker.any_of((0, 0, 1, 3))))
    members = {"metadata.json": b"{}", "config.json": json.dumps(spec).encode(), "model.weights.h5": weights}
    if rng.random() < 0.1:
        members["config.json"] = b'{"a": ' + maker.any_of((b"[[],", b"[", b"[1,", b'{"b":')) * 500_000
    if rng.random() < 0.1:
        members["model.weights.h5"] = weights + bytes(int(maker.any_of((1, 1 << 20, 1 << 26, 1 << 28))))
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data, zipfile.ZIP_DEFLATED if rng.random() < 0.3 else zipfile.ZIP_STORED)
    made = content.getvalue()
    if rng.random() < 0.1:
        at = int(rng.integers(len(made)))
        made = made[:at] + rng.bytes(int(rng.integers(4))) + made[at + int(rng.integers(4)) :]
    # Bytes that lie in the file as they are count as what they say, tensors or not.
    return Input(made, ".keras", max(tensors, len(made)))


def read(path: Path) -> Any:
    """What is read must stay within its limits, and print nothing that steers a terminal."""
    try:
        return fp.from_keras(path, verbose=False)
    except fp.ConversionError as error:
        if not str(error).isprintable():
            raise SystemError(f"a message with control characters: {error!r}") from None
        raise


def good() -> Input:
    maker = Maker(np.random.default_rng(0), simple=True)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("metadata.json", b"{}")
        archive.writestr("config.json", json.dumps(maker.config()))
        archive.writestr("model.weights.h5", maker.weights(0))
    return Input(content.getvalue(), ".keras", 1000)


FUZZER = Fuzzer([good()], generate, read, (fp.ConversionError,))

if __name__ == "__main__":
    sys.exit(main(FUZZER))
