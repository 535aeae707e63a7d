"""Modules with a forward() of their own, in the manner of those that people publish: 60, in files by what they do."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import forwardpass as fp
from tests.support.torch_modules import blocks, control, tables

# By name: what makes the module, the width of its rows, and what its refusal says; None where it converts.
MODULES: dict[str, tuple[Callable[[], Any], int, str | None]] = {
    module.__name__: (module, group.INPUTS, group.REFUSED.get(module))
    for group in (control, blocks, tables)
    for module in group.MODULES
}


def converted(module: Any) -> Any:
    return fp.from_torch(module, verbose=False)


def made(name: str) -> tuple[Any, np.ndarray[Any, Any]]:
    torch.manual_seed(0)
    make, width, _ = MODULES[name]
    return make(), np.random.default_rng(1).standard_normal((33, width)).astype(np.float32)
