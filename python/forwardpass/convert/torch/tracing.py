"""The graph of a module's forward(): torch.fx follows the user's own code once, with a stand-in for the input."""

from __future__ import annotations

import importlib
import inspect
import traceback
from pathlib import Path
from typing import Any

from ...limits import FAILURES
from ..errors import ConversionError
from .kinds import BETWEEN, OWN, SEQUENTIAL, THE_MODULE, kind_of
from .running import in_eval_mode

ROOT = "module"  # the name of the module in the one that torch.fx gets
BRANCH = (
    "write forward() without the branch; or call torch.onnx.export(), which takes one side of it, and fp.from_onnx()"
)


class Traced:
    """A graph of torch.fx, and the modules that it calls.

    Attributes
    ----------
    nodes : list of torch.fx.Node
        In the order in which forward() came to them. Tensors among their arguments are constants.
    modules : dict of str to torch.nn.Module
        By the names that nodes have for them.
    """

    def __init__(self, module: Any, at: str) -> None:
        self.modules: dict[str, Any] = {}
        self.names: dict[Any, str] = {}
        self._at, self._place = at, [(at, type(module).__name__)]
        torch, fx = importlib.import_module("torch"), importlib.import_module("torch.fx")
        outer = self

        class Tracer(fx.Tracer):  # type: ignore[name-defined]  # torch is not imported before it is there
            def is_leaf_module(self, m: Any, module_qualified_name: str) -> bool:
                kind = kind_of(m, outer.place_of(module_qualified_name))
                return kind not in (OWN, SEQUENTIAL)

            def path_of_module(self, mod: Any) -> str:
                if mod not in outer.names:
                    try:
                        name = super().path_of_module(mod)
                    except NameError:  # forward() makes this module
                        name = f"{ROOT}.{type(mod).__name__}(), number {len(outer.names)} in forward()"
                    outer.names[mod], outer.modules[name] = name, mod
                return outer.names[mod]

            def call_module(self, m: Any, forward: Any, args: Any, kwargs: Any) -> Any:
                outer._place.append((outer.place_of(self.path_of_module(m)), type(m).__name__))
                value = super().call_module(m, forward, args, kwargs)
                outer._place.pop()
                return value

            def create_node(self, *args: Any, **kwargs: Any) -> Any:
                node = super().create_node(*args, **kwargs)
                node.meta["place"] = outer._place[-1]
                return node

            def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: Any) -> Any:
                return attr_val  # a parameter is a constant: what forward() computes of it, PyTorch does now

            def create_arg(self, a: Any) -> Any:
                return a if isinstance(a, torch.Tensor) else super().create_arg(a)

        class Outer(torch.nn.Module):  # type: ignore[name-defined]  # likewise
            def forward(self, x: Any) -> Any:
                return self._modules[ROOT](x)

        _check_inputs(module, at)
        root = Outer()
        root._modules[ROOT] = module
        try:
            with in_eval_mode(root):
                self.nodes = list(Tracer().trace(root).nodes)
        except ConversionError:
            raise
        except FAILURES as error:
            where, kind = self._place[-1]
            raise ConversionError(f"{where}: {kind}.forward() {_said(error)}") from error

    def place_of(self, name: str) -> str:
        """What messages call a module, by its name in the outer one."""
        inner = name.removeprefix(ROOT).removeprefix(".")
        if not inner:
            return self._at
        return f"layer {inner}" if self._at == THE_MODULE else f"{self._at}.{inner}"


def _check_inputs(module: Any, at: str) -> None:
    """Refuse a forward() of other than one input; what has a default keeps it."""
    parameters = inspect.signature(module.forward).parameters.values()
    names = [p.name for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if len(names) > 1:
        raise ConversionError(
            f"{at}: {type(module).__name__}.forward() takes {len(names)} inputs, {', '.join(names)}, expected one: "
            "give a module that takes them joined in one row, such as the layers behind their torch.cat()"
        )


def _said(error: Exception) -> str:
    """What torch.fx or the user's own code says, the line where it happens, and what to do instead."""
    folder = str(Path(importlib.import_module("torch").__file__ or "").parent)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(folder)]
    line = f", in {frames[-1].line!r}" if frames and frames[-1].filename != __file__ else ""
    if "symbolically traced" in str(error):
        return f"branches on data or on a shape{line}: {BRANCH}"
    return f"cannot be followed{line}: {type(error).__name__}: {error}: {BETWEEN}"
