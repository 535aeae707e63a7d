"""From Keras 3, which is never imported here: a model, or the .keras file of one."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import nn
from ...environment import undisturbed
from ...files import architecture as arch
from ...limits import FAILURES, MAX_BYTES
from ...printing import printable
from ..classes import full_name
from ..errors import ConversionError, refusal
from ..labelled import labelled
from ..verification import verify
from . import file
from .layer import Context, Shape
from .model import Weights, network_of


@undisturbed
@np.errstate(all="ignore")  # values that float32 cannot hold become infinite, as in the source
def from_keras(
    model: Any, *, classes: ArrayLike | None = None, max_bytes: int = MAX_BYTES, verbose: bool = True
) -> nn.Sequential:
    """The network of a Keras 3 model, or of a ``.keras`` file.

    Kernels of Keras are (in, out): they are transposed. An activation that is an argument of a Dense becomes a layer of
    its own, and layers that do nothing outside of training are left out. A model of images or the like that flattens
    them takes rows that are flat here. The answers of a live model, ``model(x, training=False)``, are compared with the
    network's, and the result of it is printed and kept as ``net.verification``; a file is read without Keras and
    cannot answer, so there nothing is compared.

    Parameters
    ----------
    model : keras.Sequential, functional keras.Model, or path-like
        A chain of layers, with residual blocks ``x + f(x)`` between them, in float32 or float64; not changed. A file
        needs h5py (``pip install h5py``); nothing in it can run code.
    classes : array_like, optional
        Labels of the outputs: the network is a `Classifier` then, which predicts them.
    max_bytes : int
        A file whose weights take more is refused.
    verbose : bool
        Print the line about the comparison.

    Returns
    -------
    Sequential, with classes a Classifier

    Raises
    ------
    ConversionError
        A ValueError: a layer that is not supported, its place and its class in the message; a file that is damaged or
        of another format; or answers that differ by more than rounding explains.
    OSError, ImportError
        The file cannot be read; h5py is not installed.
    ValueError, TypeError
        Classes that a Classifier refuses.
    RuntimeError
        A file, in a program that has no Python to start: a packaged one, or one that embeds Python.

    Examples
    --------
    >>> import forwardpass as fp
    >>> try:
    ...     fp.from_keras("model.h5")
    ... except fp.ConversionError as error:
    ...     print(error)
    model.h5: expected a name that ends in .keras
    """
    if isinstance(model, (str, os.PathLike)):
        return labelled(_from_file(Path(model), max_bytes, verbose), classes)
    config = _config(model)
    build, row = network_of(config, _LiveWeights(model), Context())
    net = build()
    # Keras's layers multiply matrices of float64 in float32, where its backend is not TensorFlow.
    coarse = sys.modules["keras"].backend.result_type("float64", "float64") == "float32"
    compared = _in_float32(net) if coarse and net.dtype == np.float64 else net
    verify(compared, _runner(model, row), math.prod(row), importer="from_keras", source="Keras", verbose=verbose)
    net.verification = compared.verification
    return labelled(net, classes)


def _from_file(path: Path, max_bytes: int, verbose: bool) -> nn.Sequential:
    if path.suffix != ".keras":
        raise ConversionError(f"{path}: expected a name that ends in .keras")
    try:
        net, row = file.read(path, max_bytes)
    except ConversionError as error:
        raise refusal(path, str(error)) from error.__cause__
    except MemoryError as error:
        raise refusal(path, "takes more memory than there is") from error
    verify(net, None, math.prod(row), importer="from_keras", source=printable(path.name), verbose=verbose)
    return net


class _LiveWeights:
    """The weights of a model or a layer that is there."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer

    def child(self, key: str, name: str) -> Weights:
        """Those of a layer inside."""
        return _LiveWeights(self.layer.get_layer(name)) if key != "input_layer" else self

    def values(self) -> Sequence[Any]:
        """The arrays of this layer."""
        return [_to_numpy(variable.value) for variable in self.layer.weights]


def _config(model: Any) -> Any:
    """What a model says of itself, as it would stand in a file."""
    kind = type(model)
    if not any(base.__module__.startswith("keras.") for base in kind.__mro__) or not hasattr(model, "get_layer"):
        raise ConversionError(f"expected a model of Keras 3 or the path of a .keras file, got {full_name(model)}")
    for position, layer in enumerate(model.layers):  # one of a user's own may be unable to describe itself
        if not type(layer).__module__.startswith("keras.src."):
            raise ConversionError(f"layer {position} {layer.name!r}: {full_name(layer)} is not supported")
    try:
        text = json.dumps(model.get_config(), default=repr)
    except FAILURES as error:
        raise ConversionError(f"the model: {kind.__name__} cannot describe itself: {str(error).strip()}") from error
    return {"module": kind.__module__, "class_name": kind.__name__, "config": json.loads(text)}


def _in_float32(net: nn.Module) -> nn.Module:
    spec, state = arch.describe(net), net.state_dict()
    wide = {name for name, expected in arch.tensors(spec).items() if expected.float64}
    return arch.build(spec, {name: a if name in wide else a.astype(np.float32) for name, a in state.items()})


def _runner(model: Any, row: Shape) -> Callable[[nn.FloatArray], NDArray[Any]]:
    def run(x: nn.FloatArray) -> NDArray[Any]:
        # An array would be rounded to keras.config.floatx().
        rows = sys.modules["keras"].ops.convert_to_tensor(x.reshape(-1, *row), dtype=x.dtype.name)
        answers = model([rows] if isinstance(getattr(model, "input", None), list) else rows, training=False)
        if isinstance(answers, (list, tuple)):  # of Model([x], [y])
            (answers,) = answers
        return _to_numpy(answers)

    return run


def _to_numpy(tensor: Any) -> NDArray[Any]:
    if hasattr(tensor, "detach"):  # of torch, which Keras's own function converts in a way that NumPy 2 warns of
        return np.asarray(tensor.detach().cpu().numpy())
    return np.asarray(sys.modules["keras"].ops.convert_to_numpy(tensor))
