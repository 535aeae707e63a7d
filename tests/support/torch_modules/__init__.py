"""Modules with a forward() of their own, in the manner of those that people publish: 60, in files by what they do."""

from collections.abc import Callable
from typing import Any

from tests.support.torch_modules import blocks, control, tables

# By name: what makes the module, the width of its rows, and what its refusal says; None where it converts.
MODULES: dict[str, tuple[Callable[[], Any], int, str | None]] = {
    module.__name__: (module, group.INPUTS, group.REFUSED.get(module))
    for group in (control, blocks, tables)
    for module in group.MODULES
}
