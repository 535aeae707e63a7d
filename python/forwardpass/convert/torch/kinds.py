"""Which modules are PyTorch's own, and which of them nobody can read: each refusal says what to give instead."""

from __future__ import annotations

from typing import Any

from ..classes import full_name
from ..errors import ConversionError
from .layers import LAYERS

SEQUENTIAL, OWN = "Sequential", ""
THE_MODULE = "the module"  # what messages call the one that from_torch() gets
# By where PyTorch defines the class: what to do instead.
WAYS_OUT = {
    "torch._dynamo.": "it is compiled: give the module that it was made from, its ._orig_mod",
    "torch.nn.parallel.": "give the module inside of it, its .module",
    "torch.distributed.": "give the module inside of it, its .module",
    "torch.ao.": "it is quantized: give the module of floats that it was quantized from",
    "torch.jit.": "it is a script: give the module that it was made from",
    "torch.export.": "it is exported: give the module that it was made from",
}
BETWEEN = "convert the modules before and after it, such as fp.from_torch(module.part), and compute it between them"


def name_of(module: Any) -> str:
    """What messages call its class: PyTorch's own by their bare names."""
    kind = type(module)
    return kind.__name__ if kind.__module__.startswith("torch.nn.modules.") else full_name(module)


def kind_of(module: Any, at: str) -> str:
    """The name of PyTorch's class, if the module does just what that class does; OWN where its forward() is its own.

    Raises
    ------
    ConversionError
        A module that is known to be none of both.
    """
    base: Any = next((base for base in type(module).__mro__ if base.__module__.startswith("torch.nn.modules.")), None)
    _refuse(module, base, at)
    assert base is not None  # or it would have been refused
    kind: Any = type(module)
    own = "forward" in vars(module) or any(
        getattr(kind, method) is not getattr(base, method, None) for method in ("forward", "__call__")
    )
    if base.__name__ == SEQUENTIAL and not own and kind.__iter__ is base.__iter__:
        return SEQUENTIAL
    if own or base.__name__ == SEQUENTIAL:
        return OWN
    if base.__name__ in LAYERS:
        return str(base.__name__)
    way_out = BETWEEN
    if base.forward.__name__ == "_forward_unimplemented":
        parts = ", ".join(f"fp.from_torch(module.{name})" for name in [*module._modules][:3])
        way_out = f"it has no forward(): give {parts or 'a module that has one'}"
    raise ConversionError(f"{at}: {name_of(module)} is not supported: {way_out}")


def _refuse(module: Any, base: Any, at: str) -> None:
    """Raises ConversionError for what no graph of the forward() would show."""
    name = name_of(module)
    for package, way_out in WAYS_OUT.items():
        if f"{type(module).__module__}.".startswith(package):
            raise ConversionError(f"{at}: {name} is not supported: {way_out}")
    if base is None:
        raise ConversionError(f"{at}: {name} is not supported: expected a torch.nn.Module")
    if hasattr(module, "has_uninitialized_params") and module.has_uninitialized_params():
        raise ConversionError(f"{at}: {name} is not supported before it knows its sizes: call it once")
    hooks = [*module._forward_pre_hooks.values(), *module._forward_hooks.values()]
    for hook in hooks:
        if type(hook).__module__ in ("torch.nn.utils.weight_norm", "torch.nn.utils.spectral_norm"):
            remove = f"remove_{type(hook).__module__.rpartition('.')[2]}"
            raise ConversionError(f"{at}: {name} has a weight that is computed: call torch.nn.utils.{remove}() first")
    if hooks:
        raise ConversionError(f"{at}: {name} has forward hooks, which may change what it computes: remove them first")
    if "parametrizations" in module._modules:
        raise ConversionError(
            f"{at}: {name} is parametrized: call torch.nn.utils.parametrize.remove_parametrizations(module, 'weight') "
            "first"
        )
