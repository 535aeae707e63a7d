"""Messages for people who know PyTorch, scikit-learn or NumPy: what they may try, and what to write instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inspect import Signature

_DEVICE = "networks run on the CPU, where their arrays are"
_DTYPE = "the dtype is that of the arrays: make the layers from arrays of another dtype"
_TRAINING = "networks do not train: train elsewhere, convert the result, or load_state_dict() new values"
_ARRAYS = "state_dict() has the arrays by name"
_LABELS = "net(x) gives the outputs, Regressor(*net) predicts them, and Classifier(*net, classes=...) predicts labels"

ATTRIBUTES = {
    "forward": "call the network itself, net(x)",
    "eval": "a network always computes what PyTorch computes in eval mode, so leave the call out",
    "train": _TRAINING,
    "fit": _TRAINING,
    "backward": _TRAINING,
    "zero_grad": _TRAINING,
    "requires_grad_": _TRAINING,
    "parameters": _ARRAYS,
    "named_parameters": _ARRAYS,
    "buffers": _ARRAYS,
    "children": "named_children() has the layers with their names",
    "modules": "leaves() has the layers with their names",
    "named_modules": "leaves() has the layers with their names",
    "append": "networks do not change: Sequential(*net, layer) makes a longer one",
    "to": f"{_DEVICE}; {_DTYPE}",
    "cpu": _DEVICE,
    "cuda": _DEVICE,
    "float": _DTYPE,
    "double": _DTYPE,
    "half": _DTYPE,
    "predict": _LABELS,
    "predict_proba": _LABELS,
    "save": "forwardpass.save(net, path) writes a file",
}


def instead_of(value: Any, base: type) -> str:
    """For a message: the wrong value, and how to write the layer instead. ``base`` is the class of all layers."""
    if isinstance(value, (list, tuple)):
        return f"{type(value).__name__}; pass its layers one by one, Sequential(*layers)"
    if isinstance(value, type):
        name = value.__name__
        return f"the class {name}" + (f"; a layer is {name}(...)" if issubclass(value, base) else "")
    if type(value).__module__.partition(".")[0] == "torch" and hasattr(value, "state_dict"):
        return f"{type(value).__name__} of PyTorch; from_torch() converts a whole module"
    if isinstance(value, str):
        name, shown = value, f"the text {value[:40]!r}"
    elif callable(value) and isinstance(getattr(value, "__name__", None), str):
        name, shown = value.__name__, f"the function {value.__name__}"
    else:
        return type(value).__name__
    layer = _layer_named(name, base)
    return shown + (f"; the layer is {layer}()" if layer else "")


def _layer_named(name: str, base: type) -> str | None:
    """The class whose ``function`` has this name, as in torch.relu, numpy.tanh or "relu"; None if there is none."""
    kinds: list[type] = base.__subclasses__()
    for kind in kinds:
        found = kind.__name__ if getattr(kind, "function", "") == name else _layer_named(name, kind)
        if found:
            return found
    return None


class SignatureOfCall:
    """inspect.signature() of a network shows the arguments of its call; of a class, those of a new layer."""

    def __get__(self, layer: Any, owner: type) -> Signature:
        if layer is None:
            raise AttributeError("__signature__")
        from inspect import signature

        call = signature(owner.__call__)
        return call.replace(parameters=list(call.parameters.values())[1:])
