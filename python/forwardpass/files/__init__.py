"""Networks in files, .npz or .safetensors: the values under torch's names, and a document beside them.

The document is one JSON string: the architecture, the answer to a fixed input, and the content hash. Both
are compared when the file is loaded, so that a network from a file answers as the saved one did, bit for bit.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..nn import FloatArray, Module
from . import architecture as arch
from . import npz, order, safe
from .errors import ModelFileError
from .tensors import LARGEST_DOCUMENT, Contents, Tensor

__all__ = ["ModelFileError", "content_hash", "load", "save"]

VERSION = 1
FORMATS: dict[str, ModuleType] = {".npz": npz, ".safetensors": safe}
KEYS = {"forwardpass", "contract", "dtype", "architecture", "answer", "hash"}
# Outputs of the test input that a file keeps.
MOST_ANSWERS = 4096
# Bytes of an array that are copied at a time, or a row of it.
LARGEST_COPY = 1 << 20


def content_hash(network: Module) -> str:
    """SHA-256 of a network's architecture and values; equal for equal networks, in memory or in files.

    Parameters
    ----------
    network : Module
        Of forwardpass's own layers.

    Returns
    -------
    str
        64 hexadecimal digits. Every NaN counts as the same value; -0.0 and 0.0 differ.

    Raises
    ------
    TypeError
        A subclass of one's own.

    Examples
    --------
    >>> import forwardpass as fp
    >>> a, b = (fp.Linear([[1.0, 2.0]], [0.5]) for _ in range(2))
    >>> fp.content_hash(a) == fp.content_hash(b)
    True
    """
    return _hash(arch.describe(network), _dtype(network), network.state_dict())


def save(network: Module, path: str | os.PathLike[str]) -> None:
    """Write a network to a file, which is replaced as a whole or not at all.

    Parameters
    ----------
    network : Module
        Of forwardpass's own layers.
    path : path-like
        Ends in ``.npz``, which NumPy reads, or ``.safetensors``, which torch's users read; the latter
        needs the library of that name (``pip install safetensors``).

    Raises
    ------
    ValueError
        Another suffix.
    TypeError
        A subclass of one's own: a file cannot hold its code.
    OSError
        The file cannot be written, or its folder is not there.
    ImportError
        safetensors is not installed.

    Examples
    --------
    >>> import forwardpass as fp, pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "net.npz"
    >>> net = fp.Sequential(fp.Linear.random(4, 8, rng=0), fp.ReLU(), fp.Linear.random(8, 2, rng=1))
    >>> fp.save(net, path)
    >>> fp.content_hash(fp.load(path)) == fp.content_hash(net)
    True
    """
    spec = arch.describe(network)
    path = Path(path)
    write = _format(path).write
    if not path.parent.exists():
        raise FileNotFoundError(errno.ENOENT, "path: no such folder", str(path.parent))
    dtype, arrays = _dtype(network), network.state_dict()
    arch.tensors(spec)  # refuses what load() would refuse
    copy = arch.build(spec, arrays)  # which another thread's load_state_dict() does not change meanwhile
    document = {
        "forwardpass": VERSION,
        "contract": _core.CONTRACT,
        "dtype": dtype,
        "architecture": spec,
        "answer": _answer(copy, spec, dtype),
        "hash": _hash(spec, dtype, arrays),
    }
    # Beside the file, so that it can take its place in one step.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file:
            write(file, json.dumps(document), arrays)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            temporary.chmod(stat.S_IMODE(path.stat().st_mode))
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def load(path: str | os.PathLike[str], architecture: str | None = None) -> Module:
    """Read a network from a file, and make sure that it is the one that was saved.

    Nothing in a file can run code. A file that save() wrote answers a test input as it did then, and has
    the same content hash, or is refused.

    Parameters
    ----------
    path : path-like
        ``.npz`` or ``.safetensors``.
    architecture : str, optional
        For a file of bare weights, like ``64-128-10:relu``: tensors ``<name>.weight`` (out, in) and
        ``<name>.bias``, float32, float64, float16 or bfloat16, in the file's order or in that of their names, whichever
        fits; refused where both do, unless they differ in numbers alone.

    Raises
    ------
    ModelFileError
        A ValueError: the file is damaged, of another format, or of another network than it says.
    ValueError
        Another suffix, or an architecture that is no such text.
    OSError
        The file cannot be read.
    ImportError
        safetensors is not installed.

    Examples
    --------
    >>> import numpy as np, forwardpass as fp, pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "weights.npz"
    >>> np.savez(path, **{"0.weight": np.eye(3), "2.weight": np.ones((1, 3)), "2.bias": np.ones(1)})
    >>> fp.load(path, "3-3-1:relu")([1.0, -2.0, 3.0])
    array([5.])
    """
    path = Path(path)
    read = _format(path).read
    if architecture is not None:
        arch.parse(architecture)  # a fault of the argument, not of the file
    with path.open("rb") as file:
        try:
            contents: Contents = read(file)
            if architecture is not None and contents.document is not None:
                raise ModelFileError("says itself what it holds: load(path), without an architecture")
            if architecture is not None:
                return _bare(contents.tensors, architecture, sorted_=path.suffix == ".safetensors")
            if contents.document is None:
                raise ModelFileError("holds bare weights; say what they are of: an architecture, like '64-128-10:relu'")
            return _replayed(contents.document, contents.tensors)
        except ModelFileError as error:
            raise ModelFileError(f"{path}: {error}") from error.__cause__


def _format(path: Path) -> ModuleType:
    if path.suffix not in FORMATS:
        raise ValueError(f"path: expected a name that ends in .npz or .safetensors, got {path.name!r}")
    return FORMATS[path.suffix]


def _replayed(text: str, tensors: Mapping[str, Tensor]) -> Module:
    """The network of a document, which answers as the document says."""
    if len(text) > LARGEST_DOCUMENT:
        raise ModelFileError(f"the document: expected text of at most {LARGEST_DOCUMENT} characters")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"the document: not JSON: {str(error)[:100]}") from error
    if not isinstance(document, dict) or document.keys() != KEYS or document["forwardpass"] != VERSION:
        raise ModelFileError(f"the document: expected version {VERSION} with {sorted(KEYS)}")
    if document["contract"] != _core.CONTRACT:
        raise ModelFileError(f"the document: expected contract {_core.CONTRACT}, got {document['contract']!r}"[:200])
    dtype, spec = document["dtype"], document["architecture"]
    if dtype not in ("float32", "float64"):
        raise ModelFileError(f"the document: expected dtype float32 or float64, got {repr(dtype)[:100]}")
    expected = arch.tensors(spec)
    try:
        order.check_names(expected, tensors)
    except ValueError as error:
        raise ModelFileError(str(error)) from error
    for name, tensor in expected.items():
        wanted, got = ("float64" if tensor.float64 else dtype, tensor.shape), (tensors[name].dtype, tensors[name].shape)
        if got != wanted:
            raise ModelFileError(f"{name}: expected {wanted[0]} of shape {wanted[1]}, got {got[0]} of shape {got[1]}")
    arrays = {name: tensors[name].values() for name in expected}
    if document["hash"] != _hash(spec, dtype, arrays):
        raise ModelFileError("the values are not those that were saved: another content hash")
    network = _built(spec, arrays)
    if document["answer"] != _answer(network, spec, dtype):
        raise ModelFileError("the network does not answer the test input as the saved one did")
    return network


def _bare(tensors: Mapping[str, Tensor], architecture: str, sorted_: bool) -> Module:
    """The network of an architecture."""
    try:
        spec, names = order.assigned({name: tensor.shape for name, tensor in tensors.items()}, architecture, sorted_)
    except ValueError as error:
        raise ModelFileError(str(error)) from error
    arrays = {mine: tensors[name].values() for mine, name in names.items()}
    dtype = np.result_type(*arrays.values())
    return _built(spec, {name: array.astype(dtype, copy=False) for name, array in arrays.items()})


def _built(spec: Any, arrays: dict[str, FloatArray]) -> Module:
    try:
        return arch.build(spec, arrays)
    except (ValueError, TypeError) as error:  # layers that do not chain
        raise ModelFileError(f"architecture: {error}") from error


def _dtype(network: Module) -> str:
    return "float32" if network.dtype is None else network.dtype.name


def _answer(network: Module, spec: Any, dtype: str) -> str:
    y = network(arch.test_input(spec, dtype))[:MOST_ANSWERS]
    return _one_nan(y).tobytes().hex()


def _hash(spec: Any, dtype: str, arrays: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256(json.dumps([dtype, spec], sort_keys=True, separators=(",", ":")).encode())
    for array in arrays.values():
        rows = max(1, LARGEST_COPY // max(1, array[:1].nbytes))
        for first in range(0, len(array), rows):
            digest.update(_one_nan(array[first : first + rows]).tobytes())
    return digest.hexdigest()


def _one_nan(array: NDArray[Any]) -> NDArray[Any]:
    """Little-endian, and every NaN with the same bits: theirs differ between instruction sets."""
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return np.where(np.isnan(little), little.dtype.type(np.nan), little).astype(little.dtype, copy=False)
