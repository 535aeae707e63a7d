"""forwardpass itself; its thread count comes from the worker's environment."""

from collections.abc import Callable

from ..workload import Array, Workload


def fresh(workload: Workload, threads: int) -> Callable[[], Array]:
    """A new array each time."""
    net, x = workload.network(), workload.x
    return lambda: net(x)


def into(workload: Workload, threads: int) -> Callable[[], Array]:
    """Into the same array each time."""
    net, x = workload.network(), workload.x
    out = net(x)
    return lambda: net(x, out=out)
