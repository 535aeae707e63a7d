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


def alone(workload: Workload, threads: int) -> Call:
    """One thread where the others may use more: what more threads are worth."""
    return Call("net(x, num_threads=1)", {"net": workload.network(), "x": workload.x})
