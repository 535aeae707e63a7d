"""Networks in files, .npz or .safetensors. A file holds the values under PyTorch's names, and a document about them.

The document is one JSON string: the architecture, the answer to a fixed input, and the content hash. load() compares
answer and hash, so a network from a file answers as the saved one did, bit for bit. Where the order of sums has changed
since, the answer is within the error bounds of both orders, and load() warns.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import ModuleType

from ..environment import undisturbed
from ..limits import MAX_BYTES, Budget, open_regular
from ..nn import Module
from ..printing import printable
from . import architecture as arch
from . import document, notation, npz, order, safe, writing
from .errors import ModelFileError
from .tensors import Contents, Tensor, Values

__all__ = ["ModelFileError", "content_hash", "load", "save"]

# A message quotes names from the file, which may have any length.
LONGEST_MESSAGE = 2000
FORMATS: dict[str, ModuleType] = {".npz": npz, ".safetensors": safe}


@undisturbed
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
        The network has a layer of a user's own subclass.

    Examples
    --------
    >>> import forwardpass as fp
    >>> a, b = (fp.Linear([[1.0, 2.0]], [0.5]) for _ in range(2))
    >>> fp.content_hash(a) == fp.content_hash(b)
    True
    """
    return document.hash_of(arch.describe(network), document.dtype_of(network), network.state_dict())


@undisturbed
def save(network: Module, path: str | os.PathLike[str]) -> None:
    """Write a network to a file, which is replaced as a whole or not at all.

    save() follows a symbolic link, and keeps the permissions of a file that is there. No other file can take the place
    of a mounted file. So save() writes into a mounted file, and an interrupt then leaves it damaged.

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
        Another suffix, or a network that load() would refuse: of more than 10,000 layers, or one that takes more memory
        than its tensors account for (docs/files.md).
    TypeError
        A subclass of one's own: a file cannot hold its code.
    OSError
        The file cannot be written, its folder is not there, or what is there is no regular file.
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
    arrays = network.state_dict()
    writing.replace(path, partial(write, document=document.written(network, spec, arrays), arrays=arrays))


@undisturbed
def load(path: str | os.PathLike[str], architecture: str | None = None, *, max_bytes: int = MAX_BYTES) -> Module:
    """Read a network from a file, and make sure that it is the one that was saved.

    Nothing in a file can run code. A file that save() wrote answers a test input as it did then, and has
    the same content hash, or is refused. A file of an older version, which summed in another order (fma-v1), answers
    within the error bounds of both orders, and a UserWarning says so. Reading takes at most four times the bytes of the
    tensors in memory, and 64 MiB.

    Parameters
    ----------
    path : path-like
        ``.npz`` or ``.safetensors``; a regular file, or a link to one.
    architecture : str, optional
        For a file of bare weights, like ``64-128-10:relu``: tensors ``<name>.weight`` (out, in) and
        ``<name>.bias``, float32, float64, float16 or bfloat16, in the file's order or in that of their names, whichever
        fits; refused where both do, unless they differ in numbers alone.
    max_bytes : int
        The most bytes that the tensors may have, as they are once inflated: 4 GiB unless told otherwise.

    Raises
    ------
    ModelFileError
        A ValueError: the file is damaged, of another format, of another network than it says, or no regular file; or
        it would take more than ``max_bytes``, or more memory than its tensors account for.
    ValueError
        Another suffix, or an architecture that is no such text, or negative ``max_bytes``.
    TypeError
        An architecture that is no text, or ``max_bytes`` that is no integer.
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
        notation.parse(architecture)  # a fault of the argument, not of the file
    budget = Budget(max_bytes, ModelFileError)
    try:
        with open_regular(path, ModelFileError) as file:
            network, note = _network_of(read(file, budget), architecture, path.suffix == ".safetensors", budget)
    except ModelFileError as error:
        # Without its cause: a traceback would print the cause's message with the file's control characters.
        raise ModelFileError(printable(f"{path}: {str(error)[:LONGEST_MESSAGE]}")) from None
    except MemoryError as error:
        raise ModelFileError(printable(f"{path}: takes more memory than there is")) from error
    if note:
        warnings.warn(printable(f"{path}: {note}"), stacklevel=3)  # of the caller, behind @undisturbed
    return network


def _format(path: Path) -> ModuleType:
    if path.suffix not in FORMATS:
        raise ValueError(f"path: expected a name that ends in .npz or .safetensors, got {path.name!r}")
    return FORMATS[path.suffix]


def _network_of(contents: Contents, architecture: str | None, sorted_: bool, budget: Budget) -> tuple[Module, str]:
    """The network, and what a user should know of it, or nothing."""
    if contents.document is not None:
        if architecture is not None:
            raise ModelFileError("says itself what it holds: load(path), without an architecture")
        return document.replayed(contents.document, contents.tensors, budget)
    if architecture is None:
        raise ModelFileError("holds bare weights; say what they are of: an architecture, like '64-128-10:relu'")
    return _bare(contents.tensors, architecture, sorted_, budget), ""


def _bare(tensors: Mapping[str, Tensor], architecture: str, sorted_: bool, budget: Budget) -> Module:
    """The network that ``architecture`` describes, with the tensors of a file of bare weights."""
    try:
        spec, names = order.assigned({name: tensor.shape for name, tensor in tensors.items()}, architecture, sorted_)
    except ValueError as error:
        raise ModelFileError(str(error)) from error
    dtype = max(tensor.native for tensor in tensors.values())  # float64 if one tensor is float64
    values = Values({mine: tensors[name] for mine, name in names.items()}, dtype)
    return document.built(spec, dtype, values, budget)
