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
from .tensors import outputs_of


@undisturbed
@np.errstate(all="ignore")  # values that float32 cannot hold become infinite, as in the source
def from_keras(
    model: Any,
    *,
    output: str | None = None,
    classes: ArrayLike | None = None,
    max_bytes: int = MAX_BYTES,
    verbose: bool = True,
) -> nn.Sequential:
    """The network of a Keras 3 model, or of a ``.keras`` file.

    The answers of a live model, ``model(x, training=False)``, are compared with the network's: ``net.verification``,
    and a line that is printed. A file is read without Keras, and a model in half precision rounds all that it
    computes: there nothing is compared. docs/from_keras.md says what is supported.

    Parameters
    ----------
    model : keras.Sequential, functional keras.Model, or path-like
        A chain of layers, with residual blocks ``x + f(x)`` between them; not changed. A file needs h5py
        (``pip install h5py``); nothing in it can run code.
    output : str, optional
        Of a model of several outputs, the name of the one that the network gives.
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
    ImportError, OSError, RuntimeError
        Of a file: no h5py; it cannot be read; the program has no Python to start, as a packaged one.
    ValueError, TypeError
        Classes that a Classifier refuses.

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
        return labelled(_from_file(Path(model), max_bytes, output, verbose), classes)
    config, context = _config(model), Context()
    build, row, lead = network_of(config, _LiveWeights(model), context, output)
    net = build()
    # In half precision Keras computes other numbers than those of its weights.
    run = None if context.half else _runner(model, row, lead, _position(config["config"], output))
    _verify(net, run, math.prod(row), verbose)
    return labelled(net, classes)


def _verify(net: nn.Sequential, run: Callable[[nn.FloatArray], NDArray[Any]] | None, width: int, verbose: bool) -> None:
    """As verify(), but in float32 where Keras multiplies matrices of float64 in that, without TensorFlow."""
    coarse = sys.modules["keras"].backend.result_type("float64", "float64") == "float32"
    compared = _in_float32(net) if coarse and net.dtype == np.float64 else net
    verify(compared, run, width, importer="from_keras", source="Keras", verbose=verbose)
    net.verification = compared.verification


def _from_file(path: Path, max_bytes: int, output: str | None, verbose: bool) -> nn.Sequential:
    if path.suffix != ".keras":
        raise ConversionError(f"{path}: expected a name that ends in .keras")
    try:
        net, row = file.read(path, max_bytes, output)
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

    def wrapped(self, name: str) -> Weights:
        """Those of the layer that this one wraps."""
        return _LiveWeights(self.layer.layer)

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


def _position(config: Any, output: str | None) -> int:
    return 0 if output is None else [name for name, _ in outputs_of(config)].index(output)


def _runner(model: Any, row: Shape, lead: Shape, position: int) -> Callable[[nn.FloatArray], NDArray[Any]]:
    """The answers of a model; where rows stand in more axes, ``lead``, each fills them all."""

    def run(x: nn.FloatArray) -> NDArray[Any]:
        if lead:
            x = np.broadcast_to(x.reshape(len(x), *[1] * len(lead), *row), (len(x), *lead, *row)).copy()
        # An array would be rounded to keras.config.floatx().
        rows = sys.modules["keras"].ops.convert_to_tensor(x.reshape(-1, *lead, *row), dtype=x.dtype.name)
        answers = model([rows] if isinstance(getattr(model, "input", None), list) else rows, training=False)
        if isinstance(answers, dict):
            answers = list(answers.values())
        if isinstance(answers, (list, tuple)):  # of Model([x], [y]) too
            answers = answers[position]
        made = _to_numpy(answers)
        return made.reshape(len(made), math.prod(lead), -1)[:, 0] if lead else made

    return run


def _to_numpy(tensor: Any) -> NDArray[Any]:
    if hasattr(tensor, "detach"):  # of torch, which Keras's own function converts in a way that NumPy 2 warns of
        values = tensor.detach().cpu()
        return np.asarray((values.float() if "bfloat16" in str(values.dtype) else values).numpy())
    return np.asarray(sys.modules["keras"].ops.convert_to_numpy(tensor))
