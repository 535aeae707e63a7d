"""The JSON document of a model file: the architecture, the answer to a test input, and the content hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..error_bound import error_bound, older_bound
from ..limits import Budget, json_bytes, once
from ..nn import LAYERS, FloatArray, Module
from ..nn.arithmetic import CONTRACTS
from . import architecture as arch
from . import cost, order
from .errors import ModelFileError, shown
from .tensors import Tensor, Values

VERSION = 1
KEYS = {"forwardpass", "contract", "dtype", "architecture", "answer", "hash"}
# The names of the ways in which networks compute today. A layer class gives one of the keys as its `order`.
ORDERS = {"contract": _core.CONTRACT, "row_order": _core.ROW_ORDER, "functions": _core.FUNCTIONS}
# Older files do not have these keys, because the two orders had no names then.
NEWER_KEYS = {"row_order", "functions"}
# A file keeps at most so many outputs of the test input.
MOST_ANSWERS = 4096
# So many elements of an array are copied at a time.
LARGEST_COPY = 1 << 17


class ContentHash:
    """SHA-256 of an architecture and of its arrays, which are added one after another."""

    def __init__(self, spec: Any, dtype: str) -> None:
        self._digest = hashlib.sha256(json.dumps([dtype, spec], sort_keys=True, separators=(",", ":")).encode())

    def add(self, array: NDArray[Any]) -> None:
        """Add the next array, in pieces: reading a file may not take the memory for a whole copy."""
        flat = array.reshape(-1)
        for first in range(0, flat.size, LARGEST_COPY):
            self._digest.update(_one_nan(flat[first : first + LARGEST_COPY]).tobytes())

    def text(self) -> str:
        """The hash as 64 hexadecimal digits."""
        return self._digest.hexdigest()


def hash_of(spec: Any, dtype: str, arrays: Mapping[str, NDArray[Any]]) -> str:
    """The content hash of arrays in the order of a network's state_dict()."""
    content = ContentHash(spec, dtype)
    for array in arrays.values():
        content.add(array)
    return content.text()


def dtype_of(network: Module) -> str:
    """The dtype of the weights. A network without weights takes its test input in float32."""
    return "float32" if network.dtype is None else network.dtype.name


def written(network: Module, spec: Any, arrays: Mapping[str, FloatArray]) -> str:
    """The document of a network with this description and these arrays.

    Raises
    ------
    ModelFileError
        A network that load() would refuse.
    """
    dtype = dtype_of(network)
    arch.tensors(spec)  # refuses what load() would refuse; so does the budget below
    copy = arch.build(spec, arrays)  # load_state_dict() in another thread does not change the copy
    made = {
        "forwardpass": VERSION,
        **ORDERS,
        "dtype": dtype,
        "architecture": spec,
        "answer": _one_nan(_answer(copy, spec, dtype)).tobytes().hex(),
        "hash": hash_of(spec, dtype, arrays),
    }
    text = json.dumps(made)
    nbytes = sum(array.nbytes for array in arrays.values())
    budget = Budget(nbytes, ModelFileError)
    budget.count_tensors(nbytes)
    budget.take(cost.memory(spec, dtype) + cost.texts(text, arrays), "its architecture")
    budget.compute(cost.work(spec), "its architecture")
    return text


def replayed(text: str, tensors: Mapping[str, Tensor], budget: Budget) -> tuple[Module, str]:
    """The network of a document, after its answer was checked, and a warning for the user, or "".

    Raises
    ------
    ModelFileError
        The text is no such document, the tensors do not fit it, or the network gives another answer.
    """
    document = _parsed(text, budget)
    dtype, spec = document["dtype"], document["architecture"]
    expected = arch.tensors(spec)
    try:
        order.check_names(expected, tensors)
    except ValueError as error:
        raise ModelFileError(str(error)) from error
    for name, tensor in expected.items():
        wanted, got = ("float64" if tensor.float64 else dtype, tensor.shape), (tensors[name].dtype, tensors[name].shape)
        if got != wanted:
            raise ModelFileError(f"{name}: expected {wanted[0]} of shape {wanted[1]}, got {got[0]} of shape {got[1]}")
    content = ContentHash(spec, dtype)
    network = built(spec, dtype, Values(tensors, use=content.add), budget)
    if document["hash"] != content.text():
        raise ModelFileError("the values are not those that were saved: another content hash")
    return network, _check_answer(network, document)


def built(spec: Any, dtype: str, values: arch.Arrays, budget: Budget) -> Module:
    """The network of a checked description. Raises ModelFileError where it takes more memory than it may."""
    budget.take(cost.memory(spec, dtype), "its architecture")
    budget.compute(cost.work(spec), "its architecture")
    try:
        return arch.build(spec, values)
    except ModelFileError:
        raise
    except (ValueError, TypeError) as error:  # layers that do not chain
        raise ModelFileError(f"architecture: {error}") from error


def _parsed(text: str, budget: Budget) -> dict[str, Any]:
    budget.take(json_bytes(text.encode(errors="surrogatepass")), "the document")
    try:
        document: Any = json.loads(text, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"the document: not JSON: {str(error)[:100]}") from error
    ours = isinstance(document, dict) and document.keys() - NEWER_KEYS == KEYS
    if not ours or type(document["forwardpass"]) is not int or document["forwardpass"] != VERSION:
        raise ModelFileError(f"the document: expected version {VERSION} with {sorted(KEYS)}")
    if document["contract"] not in CONTRACTS:
        raise ModelFileError(f"the document: expected contract {_core.CONTRACT}, got {shown(document['contract'])}")
    if document["dtype"] not in ("float32", "float64"):
        raise ModelFileError(f"the document: expected dtype float32 or float64, got {shown(document['dtype'])}")
    parsed: dict[str, Any] = document
    return parsed


def _answer(network: Module, spec: Any, dtype: str) -> FloatArray:
    return np.atleast_1d(network(arch.test_input(spec, dtype)))[:MOST_ANSWERS]  # a scalar behind a Squeeze


def _check_answer(network: Module, document: dict[str, Any]) -> str:
    """Raises ModelFileError unless the answer has the saved bits. If an order has changed since, the answer must be
    within the bounds of both orders, and the result is a warning for the user.
    """
    dtype, spec, said = document["dtype"], document["architecture"], document["answer"]
    older = _older_orders(document)
    answer = _one_nan(_answer(network, spec, dtype))
    if said != answer.tobytes().hex():
        x, right = arch.test_input(spec, dtype), False
        if older:
            bound = error_bound(network, x) + older_bound(network, x, document["contract"])
            right = _agree(answer, said, bound[:MOST_ANSWERS])
        if not right:
            raise ModelFileError("the network does not answer the test input as the saved one did")
    if not older:
        return ""
    return (
        f"it was saved in the order of {' and '.join(older)}, which has changed since: it answers as it did then "
        "within the error bounds of both orders, not bit for bit. Save it again to keep the answer of today"
    )


def _older_orders(document: dict[str, Any]) -> list[str]:
    """The names of a file's orders that differ from today's, if one of its layers uses them."""
    used = {LAYERS[layer["type"]].order for _, layer in arch.layers(document["architecture"])}
    return [
        shown(document[key]) if key in document else f"{name.partition('-')[0]} without a name"
        for key, name in ORDERS.items()
        if document.get(key) != name and key in used
    ]


def _agree(answer: FloatArray, said: Any, bound: NDArray[np.float64]) -> bool:
    try:
        old = np.frombuffer(bytes.fromhex(said), answer.dtype)
    except (TypeError, ValueError):  # not a text, or not hexadecimal digits
        return False
    if old.shape != answer.shape:
        return False
    with np.errstate(all="ignore"):
        near = np.abs(old.astype(np.float64) - answer) <= bound
    # Something overflowed where the bound is not finite. Such an output proves nothing.
    return bool((near | (old == answer) | (np.isnan(old) & np.isnan(answer)) | ~np.isfinite(bound)).all())


def _one_nan(array: NDArray[Any]) -> NDArray[Any]:
    """The array, little-endian and with the same bits in every NaN: instruction sets make different NaNs."""
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return np.where(np.isnan(little), little.dtype.type(np.nan), little).astype(little.dtype, copy=False)
