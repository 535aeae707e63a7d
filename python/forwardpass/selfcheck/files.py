"""Tries small model files that claim to be large, pipes, devices and folders. load() refuses each in little memory."""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import signal
import struct
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from .. import _core
from ..files import ModelFileError, load
from ..files.document import VERSION, hash_of
from ..limits import SPARE
from .outcome import Outcome, amount, in_a_process

# After so long a file counts as hanging. All files together take a few seconds.
SECONDS = 20
# Address space allowed beside SPARE: stacks and arenas of threads reserve much of it and never touch it.
RESERVED = 512 << 20

Make = Callable[[Path, np.random.Generator], Any]


def small_files(share: float) -> Outcome:
    """400 small files of the kinds in KINDS, read in a process of their own."""
    count = amount(400, share, least=len(KINDS))
    return in_a_process("files", "_try_files", count, seconds=60 + SECONDS * count / 10)


def _try_files(count: int) -> Outcome:
    """load() must refuse each file, and take at most SPARE bytes of memory."""
    outcome = Outcome()
    rng = np.random.default_rng(0)
    kinds = [(s, m) for s, m in KINDS if s != ".safetensors" or importlib.util.find_spec("safetensors") is not None]
    with tempfile.TemporaryDirectory() as folder, suppress(ModelFileError):
        warm = Path(folder) / "warm.npz"
        warm.write_bytes(b"")
        load(warm)
    signal.signal(signal.SIGALRM, _late)
    for i in range(count):
        suffix, make = kinds[i % len(kinds)]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"net{suffix}"
            make(path, rng)
            took, came = _took(path)
        right = isinstance(came, ModelFileError) and not isinstance(came.__cause__, MemoryError) and took <= SPARE
        outcome.check(right, f"{make.__name__.strip('_')}{suffix}: {took >> 20} MiB, {came!r:.150}")
    return outcome


def _took(path: Path) -> tuple[int, BaseException | None]:
    """Load a file. The most bytes of memory that this took, and the exception that it raised."""
    with suppress(OSError):  # resets the peak; where that fails, the largest peak so far counts
        Path("/proc/self/clear_refs").write_text("5")
    before, came = _pages(1), None
    limits = resource.getrlimit(resource.RLIMIT_AS)
    most = _pages(0) + SPARE + RESERVED
    resource.setrlimit(resource.RLIMIT_AS, (most if limits[1] < 0 else min(most, limits[1]), limits[1]))
    signal.alarm(SECONDS)
    try:
        load(path)
    except BaseException as error:
        came = error
    signal.alarm(0)
    resource.setrlimit(resource.RLIMIT_AS, limits)
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return (int(peak.split()[1]) << 10) - before, came


def _late(number: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"no end within {SECONDS} s")


def _pages(column: int) -> int:
    """Bytes of address space (column 0) or of resident memory (column 1)."""
    return int(Path("/proc/self/statm").read_text().split()[column]) * resource.getpagesize()


def _written(path: Path, spec: Any, shapes: dict[str, tuple[int, ...]]) -> None:
    """Write a file with the document of a description and tensors that are empty. Its hash is right."""
    arrays = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    about = {"forwardpass": VERSION, "contract": _core.CONTRACT, "dtype": "float32", "architecture": spec}
    text = json.dumps({**about, "answer": "", "hash": hash_of(spec, "float32", arrays)})
    if path.suffix == ".npz":
        np.savez(path, forwardpass=np.frombuffer(text.encode(), np.uint8), allow_pickle=False, **arrays)
        return
    header: dict[str, Any] = {"__metadata__": {"forwardpass": text}}
    for name, shape in shapes.items():
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [0, 0]}
    _with_header(path, json.dumps(header).encode())


def _with_header(path: Path, header: bytes) -> None:
    path.write_bytes(struct.pack("<Q", len(header)) + header)


def _no_inputs(path: Path, rng: np.random.Generator) -> None:
    size = 2 ** int(rng.integers(25, 30))
    spec = {"type": "Linear", "in_features": 0, "out_features": size, "bias": False}
    _written(path, spec, {"weight": (size, 0)})


def _no_outputs(path: Path, rng: np.random.Generator) -> None:
    size = 2 ** int(rng.integers(25, 30))
    spec = {"type": "Linear", "in_features": size, "out_features": 0, "bias": False}
    _written(path, spec, {"weight": (0, size)})


def _norm_without_arrays(path: Path, rng: np.random.Generator) -> None:
    size = 2 ** int(rng.integers(20, 30))
    _written(path, {"type": "LayerNorm", "features": size, "eps": 1e-5, "weight": False, "bias": False}, {})


def _networks_in_networks(path: Path, rng: np.random.Generator) -> None:
    spec: Any = {"type": "Sequential", "layers": [{"type": "ReLU"}] * int(rng.integers(8000, 9900))}
    for _ in range(48):
        spec = {"type": "Sequential", "layers": [spec]}
    _written(path, spec, {})


def _long_document(path: Path, rng: np.random.Generator) -> None:
    _written(path, [[]] * int(rng.integers(200_000, 2_000_000)), {})


def _directory(path: Path, rng: np.random.Generator) -> None:
    entry = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    directory = entry * int(rng.integers(25_000, 800_000))
    path.write_bytes(directory + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(directory), 0, 0))


def _lying_size(path: Path, rng: np.random.Generator) -> None:
    """A member that claims a size to which its few bytes cannot inflate."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weight.npy", b"\x93NUMPY" + bytes(1000))
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\1\2") + 24
    content[at : at + 4] = struct.pack("<L", int(rng.integers(2**28, 2**32 - 1)))
    path.write_bytes(content)


def _long_header(path: Path, rng: np.random.Generator) -> None:
    values = b",".join([b"[]", b'{"a":1}', b"1", b'"a"'][int(rng.integers(4))] for _ in range(4))
    repeated = b",".join([values] * int(rng.integers(200_000, 1_000_000)))
    _with_header(path, b'{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0],"x":[' + repeated + b"]}}")


def _pipe(path: Path, rng: np.random.Generator) -> None:
    os.mkfifo(path)


def _device(path: Path, rng: np.random.Generator) -> None:
    path.symlink_to("/dev/zero")


def _folder(path: Path, rng: np.random.Generator) -> None:
    path.mkdir()


BOTH: list[Make] = [
    _no_inputs,
    _no_outputs,
    _norm_without_arrays,
    _networks_in_networks,
    _long_document,
    _pipe,
    _device,
]
KINDS: list[tuple[str, Make]] = [
    *((suffix, make) for suffix in (".npz", ".safetensors") for make in (*BOTH, _folder)),
    *((".npz", make) for make in (_directory, _lying_size)),
    (".safetensors", _long_header),
]
