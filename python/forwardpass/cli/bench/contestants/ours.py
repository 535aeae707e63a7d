"""forwardpass itself; its thread count comes from the worker's environment."""

from ..workload import Workload
from . import Call


def fresh(workload: Workload, threads: int) -> Call:
    """A new array each time."""
    return Call("net(x)", {"net": workload.network(), "x": workload.x})


def into(workload: Workload, threads: int) -> Call:
    """Into the same array each time."""
    net, x = workload.network(), workload.x
    return Call("net(x, out=y)", {"net": net, "x": x, "y": net(x)})
