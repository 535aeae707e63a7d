"""from_torch: what is not known is refused by name, with what to do instead."""

import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import forwardpass as fp


def hooked(*, before: bool) -> nn.Module:
    layer = nn.Linear(3, 3)
    if before:
        layer.register_forward_pre_hook(lambda _, args: (args[0] + 1,))
    else:
        layer.register_forward_hook(lambda *args: args[2] + 1)
    return nn.Sequential(nn.ReLU(), layer)


def old_weight_norm() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is going to be removed
        return nn.utils.weight_norm(nn.Linear(3, 3))


def compiled() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's own modules
        return torch.compile(nn.Linear(3, 3), backend="eager")


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "hook": (lambda: hooked(before=False), "layer 1: Linear has forward hooks"),
    "hook before": (lambda: hooked(before=True), "layer 1: Linear has forward hooks"),
    "parametrized": (
        lambda: nn.utils.parametrizations.weight_norm(nn.Linear(3, 3)),
        r"the module: torch.nn.utils.parametrize.ParametrizedLinear is parametrized: call .*remove_parametrizations\(",
    ),
    "weight norm": (old_weight_norm, r"Linear has a weight that is computed: call torch.nn.utils.remove_weight_norm\("),
    "parallel": (lambda: nn.DataParallel(nn.Linear(3, 3)), "give the module inside of it, its .module"),
    "compiled": (compiled, "give the module that it was made from, its ._orig_mod"),
    "convolution": (
        lambda: nn.Sequential(nn.ReLU(), nn.Conv2d(1, 1, 1)),
        "layer 1: Conv2d is not supported: convert the modules before",
    ),
    "nested": (lambda: nn.Sequential(nn.ReLU(), nn.Sequential(nn.ReLU(), nn.RReLU())), "layer 1.1: RReLU is not"),
    "module list": (lambda: nn.ModuleList([nn.ReLU()]), r"ModuleList is not supported: it has no forward\(\): give"),
    "lazy": (lambda: nn.Sequential(nn.LazyLinear(3)), "layer 0: LazyLinear is not supported .*: call it once"),
    "other device": (lambda: nn.Sequential(nn.Linear(3, 3, device="meta")), "layer 0: weight: .* got one on meta"),
    "complex": (lambda: nn.Linear(3, 3, dtype=torch.complex64), "weight: expected dense floats, got torch.complex64"),
    "8 bits": (lambda: nn.Linear(3, 3).to(torch.float8_e4m3fn), "weight: .* got torch.float8_e4m3fn"),
    "two dtypes": (lambda: nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3).double()), "float64"),
    "no chain": (
        lambda: nn.Sequential(nn.Linear(3, 4), nn.Linear(3, 4)),
        "the module: layer 0, .* gives 4 features, but layer 1",
    ),
    "softmax of the batch": (lambda: nn.Sequential(nn.Softmax(dim=0)), r"layer 0: Softmax\(dim=0\): expected -1 or 1"),
    "softmax of no axis": (lambda: nn.Softmax(), r"Softmax\(dim=None\): expected -1 or 1"),
    "log softmax": (lambda: nn.LogSoftmax(dim=2), r"LogSoftmax\(dim=2\): expected -1 or 1"),
    "flatten all": (lambda: nn.Sequential(nn.Flatten(0)), r"layer 0: Flatten\(start_dim=0, end_dim=-1\)"),
    "layer norm of images": (lambda: nn.LayerNorm((3, 4)), r"LayerNorm over \(3, 4\): expected the last axis alone"),
    "batch statistics": (
        lambda: nn.Sequential(nn.BatchNorm1d(3, track_running_stats=False)),
        "layer 0: BatchNorm1d without running statistics",
    ),
    "batch norm of images": (lambda: nn.BatchNorm2d(3), "BatchNorm2d is not supported"),
    "no module": (lambda: 5, "the module: int is not supported: expected a torch.nn.Module"),
    "none inside": (lambda: nn.Sequential(OrderedDict([("a", None)])), "layer 0: NoneType is not supported"),
    "unknown activation": (lambda: nn.Sequential(nn.Softshrink()), "layer 0: Softshrink is not supported"),
}


def test_classes_that_are_called_as_others() -> None:
    """With their modules, and what to give instead."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that they are going to be removed
        quantized = torch.ao.nn.quantized.Linear(3, 2)
    with pytest.raises(
        fp.ConversionError, match=r"layer 0: torch\.ao\.nn\.quantized\..*Linear is not .*quantized: give the module of"
    ):
        fp.from_torch(nn.Sequential(quantized))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = torch.jit.script(nn.Sequential(nn.Linear(3, 2)))
    with pytest.raises(
        fp.ConversionError, match=r"torch\.jit\..* is not supported.*: give the module that it was made"
    ):
        fp.from_torch(scripted)
    exported = torch.export.export(nn.Linear(3, 2), (torch.ones(1, 3),))
    with pytest.raises(fp.ConversionError, match=r"torch\.export\..* is not supported: .* give the module that it was"):
        fp.from_torch(exported)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    make, message = REFUSED[name]
    module = make()
    with pytest.raises(fp.ConversionError, match=message):
        fp.from_torch(module)
