"""From PyTorch, which is never imported here: a module or a state_dict is taken by what it is like."""

from __future__ import annotations

import copy
import itertools
import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import nn
from ..environment import undisturbed
from .classes import full_name
from .errors import ConversionError
from .labelled import labelled
from .state import from_state
from .tensors import HALVES, array_of
from .verification import ANY_WIDTH, verify


@undisturbed
def from_torch(
    module: Any, architecture: str | nn.Module | None = None, *, classes: ArrayLike | None = None, verbose: bool = True
) -> nn.Module:
    """The network of a PyTorch module, or of a mapping of arrays and an architecture.

    Layers keep their positions, and with them PyTorch's keys of the ``state_dict``. The network computes what
    the module computes in eval mode, in whichever mode it is: dropout does nothing, and BatchNorm1d uses its
    running statistics. The module's own answers are compared with the network's, and the result of it is printed
    and kept as ``net.verification``; a mapping cannot answer, so there nothing is compared.

    Parameters
    ----------
    module : torch.nn.Module or mapping of str to tensor or array
        A ``torch.nn.Sequential``, in which others may be nested, or a single layer; on the CPU. Or its
        ``state_dict()``, or a mapping of NumPy arrays named alike. float32 and float64 stay what they are; float16
        and bfloat16 become float32, which is exact. Nothing of it is changed.
    architecture : str or Module, optional
        For a mapping: widths and the activation between them, like ``64-128-10:relu``, for layers called
        ``<name>.weight`` and ``<name>.bias``, in the order of the mapping and of their names. Or a network of the same
        layers, the values of which do not matter.
    classes : array_like, optional
        Labels of the outputs: the network is a `Classifier` then, which predicts them.
    verbose : bool
        Print the line about the comparison.

    Returns
    -------
    Sequential, or another layer where the module is a single one; with classes a Classifier

    Raises
    ------
    ConversionError
        A ValueError: a layer that is not supported, its place and its class in the message; values that do not fit;
        or answers that differ by more than rounding explains.
    ValueError
        An architecture that is no such text, or classes that a Classifier refuses.
    TypeError
        An architecture beside a module, which says itself what it is, or classes that a Classifier refuses.

    Examples
    --------
    >>> import numpy as np, forwardpass as fp
    >>> state = {"0.weight": np.eye(3), "2.weight": np.ones((1, 3)), "2.bias": np.ones(1)}
    >>> net = fp.from_torch(state, "3-3-1:relu")
    torch: not verified, as the source cannot run here
    >>> net([1.0, -2.0, 3.0])
    array([5.])
    """
    if isinstance(module, Mapping):
        net = from_state(module, architecture)
        verify(net, None, 0, source="torch", verbose=verbose)
        return labelled(net, classes)
    if architecture is not None:
        raise TypeError("architecture: expected None, as the module says itself what it is")
    net = layer_of(module, "")
    width = ANY_WIDTH if net.in_features is None else net.in_features
    verify(net, _runner(module), width, source="torch", verbose=verbose)
    return labelled(net, classes)


def layer_of(module: Any, prefix: str) -> nn.Module:
    """The layer of a module, which may be part of a policy; the prefix is that of its names in the state_dict."""
    at = f"layer {prefix.rstrip('.')}" if prefix else "the module"
    kind = _kind(module, at)
    if kind == "Sequential":
        layers = [layer_of(inner, f"{prefix}{position}.") for position, inner in enumerate(module._modules.values())]
        if not layers:  # gives back what it gets
            return nn.Identity()
        return _built(nn.Sequential, at, *layers)
    return LAYERS[kind](module, at)


def _kind(module: Any, at: str) -> str:
    """The name of PyTorch's class, if the module does just what that class does."""
    base = next((base for base in type(module).__mro__ if base.__module__.startswith("torch.nn.modules.")), None)
    if base is None or base.__name__ not in (*LAYERS, "Sequential"):
        raise ConversionError(f"{at}: {_name(module)} is not supported{_way_out(module, base)}")
    name = _name(module)
    methods = ("forward", "__call__", "__iter__") if base.__name__ == "Sequential" else ("forward", "__call__")
    if any(getattr(type(module), method) is not getattr(base, method) for method in methods) or "forward" in vars(
        module
    ):
        raise ConversionError(f"{at}: {name} is a {base.__name__} with a forward() of its own")
    if module._forward_hooks or module._forward_pre_hooks:
        raise ConversionError(f"{at}: {name} has forward hooks, which may change what it computes")
    if "parametrizations" in module._modules:
        raise ConversionError(f"{at}: {name} is parametrized: call torch's remove_parametrizations() first")
    return base.__name__


def _name(module: Any) -> str:
    kind = type(module)
    return kind.__name__ if kind.__module__.startswith("torch.nn.modules.") else full_name(module)


def _way_out(module: Any, base: Any) -> str:
    """What to do about a module that is none of PyTorch's layers, where something can be done."""
    if base is None or base.__name__ != "Module":
        return ""
    if type(module).__module__.startswith("torch.ao."):
        return ": give the module of floats that it was quantized from"
    if type(module).__module__.startswith(("torch.fx.", "torch.jit.", "torch._dynamo.")):
        return ": give the module that it was made from"
    return (
        "; its forward() may be anything: put its layers into a torch.nn.Sequential, or give its state_dict() and an "
        "architecture"
    )


def _runner(module: Any) -> Callable[[nn.FloatArray], NDArray[Any]]:
    """The module as a function of arrays, in eval mode; float16 and bfloat16 run as float32, as here."""
    torch = sys.modules["torch"]
    dtypes = [t.dtype for t in itertools.chain(module.parameters(), module.buffers()) if t.is_floating_point()]
    if any(str(dtype) in HALVES for dtype in dtypes):
        module, dtypes = copy.deepcopy(module).float(), [torch.float32]

    def run(x: nn.FloatArray) -> NDArray[Any]:
        rows = torch.from_numpy(x)
        rows = rows.to(dtypes[0]) if dtypes else rows
        modes = [(inner, inner.training) for inner in module.modules()]
        try:
            for inner, _ in modes:
                inner.training = False
            # Dropout3d for one warns of rows, on which it does nothing.
            with warnings.catch_warnings(), torch.no_grad(), torch.autocast("cpu", enabled=False):
                warnings.simplefilter("ignore")
                answers: NDArray[Any] = module(rows).numpy()
        finally:
            for inner, mode in modes:
                inner.training = mode
        return answers

    return run


def _built(kind: Callable[..., nn.Module], at: str, *values: Any, **options: Any) -> nn.Module:
    """A layer, or the error of its constructor with the place where it stands."""
    try:
        return kind(*values, **options)
    except (ValueError, TypeError) as error:
        raise ConversionError(f"{at}: {error}") from error


def _parameter(module: Any, name: str, at: str) -> nn.FloatArray | None:
    value = getattr(module, name)
    return None if value is None else array_of(value, f"{at}: {name}")


def _linear(module: Any, at: str) -> nn.Module:
    return _built(nn.Linear, at, array_of(module.weight, f"{at}: weight"), _parameter(module, "bias", at))


def _features(module: Any, at: str) -> int:
    if len(module.normalized_shape) != 1:
        kind = type(module).__name__
        raise ConversionError(f"{at}: {kind} over {tuple(module.normalized_shape)}: expected the last axis alone")
    features: int = module.normalized_shape[0]
    return features


def _rms_norm(module: Any, at: str) -> nn.Module:
    weight = _parameter(module, "weight", at)
    # PyTorch has no fixed default here: it takes the eps of the dtype of x, and x has the dtype of the weight.
    eps = float(np.finfo(np.float32 if weight is None else weight.dtype).eps) if module.eps is None else module.eps
    return _built(nn.RMSNorm, at, _features(module, at), weight, eps=eps)


def _layer_norm(module: Any, at: str) -> nn.Module:
    features = _features(module, at)
    weight, bias = _parameter(module, "weight", at), _parameter(module, "bias", at)
    return _built(nn.LayerNorm, at, features, weight, bias, eps=module.eps)


def _batch_norm(module: Any, at: str) -> nn.Module:
    if module.running_mean is None or module.running_var is None:
        raise ConversionError(f"{at}: BatchNorm1d without running statistics depends on the whole batch")
    values = [_parameter(module, name, at) for name in ("running_mean", "running_var", "weight", "bias")]
    return _built(nn.BatchNorm1d, at, *values, eps=module.eps)


def _flatten(module: Any, at: str) -> nn.Module:
    if (module.start_dim, module.end_dim) != (1, -1):
        raise ConversionError(
            f"{at}: Flatten(start_dim={module.start_dim}, end_dim={module.end_dim}): expected 1 and -1, one row of each"
        )
    return nn.Flatten()


def _softmax(kind: Callable[[int], nn.Module]) -> Callable[[Any, str], nn.Module]:
    def build(module: Any, at: str) -> nn.Module:
        if module.dim not in (-1, 1):
            raise ConversionError(f"{at}: {type(module).__name__}(dim={module.dim}): expected -1 or 1, an axis of rows")
        return kind(module.dim)

    return build


def _with(kind: Callable[..., nn.Module], *names: str) -> Callable[[Any, str], nn.Module]:
    """A layer that has its options in attributes of the same names, here and there."""
    return lambda module, at: _built(kind, at, **{name: getattr(module, name) for name in names})


DROPOUTS = ("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout")
LAYERS: dict[str, Callable[[Any, str], nn.Module]] = {
    "Linear": _linear,
    "ReLU": _with(nn.ReLU),
    "ReLU6": _with(nn.Hardtanh, "min_val", "max_val"),
    "LeakyReLU": _with(nn.LeakyReLU, "negative_slope"),
    "ELU": _with(nn.ELU, "alpha"),
    "SELU": _with(nn.SELU),
    "GELU": _with(nn.GELU, "approximate"),
    "SiLU": _with(nn.SiLU),
    "Tanh": _with(nn.Tanh),
    "Sigmoid": _with(nn.Sigmoid),
    "Softplus": _with(nn.Softplus, "beta", "threshold"),
    "Hardtanh": _with(nn.Hardtanh, "min_val", "max_val"),
    "Mish": _with(nn.Mish),
    "Softsign": _with(nn.Softsign),
    "PReLU": lambda module, at: _built(nn.PReLU, at, array_of(module.weight, f"{at}: weight")),
    "CELU": _with(nn.CELU, "alpha"),
    "Hardswish": _with(nn.Hardswish),
    "Hardsigmoid": _with(nn.Hardsigmoid),
    "Softmax": _softmax(nn.Softmax),
    "LogSoftmax": _softmax(nn.LogSoftmax),
    "LayerNorm": _layer_norm,
    "RMSNorm": _rms_norm,
    "BatchNorm1d": _batch_norm,
    "Identity": _with(nn.Identity),
    "Flatten": _flatten,
    **dict.fromkeys(DROPOUTS, _with(nn.Dropout, "p")),
}
