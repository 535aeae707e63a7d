"""From PyTorch, which is never imported here: a module or a state_dict is taken by what it is like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import ArrayLike

from ... import nn
from ...environment import undisturbed
from ..labelled import labelled
from ..state import from_state
from ..verification import ANY_WIDTH, verify
from .kinds import THE_MODULE, kind_of
from .modules import part_of
from .running import answers, runnable


@undisturbed
def from_torch(
    module: Any, architecture: str | nn.Module | None = None, *, classes: ArrayLike | None = None, verbose: bool = True
) -> nn.Module:
    """The network of a PyTorch module, or of a mapping of arrays and an architecture.

    It computes what the module computes in eval mode: dropout does nothing, and BatchNorm1d uses its running
    statistics. Layers of a Sequential keep their positions, and with them PyTorch's keys
    of the ``state_dict``. The module's own answers are compared with the network's, and the result of it is printed
    and kept as ``net.verification``; a mapping cannot answer, so there nothing is compared.

    Parameters
    ----------
    module : torch.nn.Module or mapping of str to tensor or array
        On the CPU: a ``torch.nn.Sequential``, in which others may be nested, a single layer, or a module with a
        ``forward()`` of its own, which torch.fx follows once. Or its ``state_dict()``, or a mapping of NumPy arrays
        named alike. float32 and float64 stay what they are; float16 and bfloat16 become float32, which is exact.
        Nothing of it is changed.
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
        A ValueError: what is not supported, its place and what to do instead in the message; values that do not fit;
        or answers that differ by more than rounding explains.
    ValueError, TypeError
        An architecture that is no such text, or beside a module; or classes that a Classifier refuses.

    Examples
    --------
    >>> import numpy as np, forwardpass as fp
    >>> state = {"0.weight": np.eye(3), "2.weight": np.ones((1, 3)), "2.bias": np.ones(1)}
    >>> net = fp.from_torch(state, "3-3-1:relu")
    from_torch: not verified, as the source cannot run here
    >>> net([1.0, -2.0, 3.0])
    array([5.])
    """
    if isinstance(module, Mapping):
        net = from_state(module, architecture)
        verify(net, None, 0, importer="from_torch", source="PyTorch", verbose=verbose)
        return labelled(net, classes)
    if architecture is not None:
        raise TypeError("architecture: expected None, as the module says itself what it is")
    kind_of(module, THE_MODULE)  # refuses what is no module before anything is asked of it
    module = runnable(module)
    net = part_of(module).build(None)
    width = ANY_WIDTH if net.in_features is None else net.in_features
    verify(net, lambda x: answers(module, x), width, importer="from_torch", source="PyTorch", verbose=verbose)
    return labelled(net, classes)
