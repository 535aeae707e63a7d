"""Nodes of a graph, each behind those that make its inputs."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Container, Sequence
from typing import Any

from ..errors import ConversionError


def in_order(nodes: Sequence[Any], given: Container[str]) -> list[int]:
    """The positions of nodes in an order that they can run in; that of the file, wherever it is one.

    ``given`` are the names of values that no node makes.

    Raises
    ------
    ConversionError
        Nodes that wait for each other.
    """
    makers: dict[str, int] = {}
    for position, node in enumerate(nodes):
        for name in node.output:
            if name not in given:
                makers.setdefault(name, position)
    waiting = [0] * len(nodes)
    users: defaultdict[int, list[int]] = defaultdict(list)
    for position, node in enumerate(nodes):
        for maker in {makers[name] for name in node.input if name in makers}:
            users[maker].append(position)
            waiting[position] += 1
    ready = [position for position, count in enumerate(waiting) if not count]
    ordered: list[int] = []
    while ready:
        ordered.append(heapq.heappop(ready))
        for user in users[ordered[-1]]:
            waiting[user] -= 1
            if not waiting[user]:
                heapq.heappush(ready, user)
    if len(ordered) < len(nodes):
        first = next(position for position, count in enumerate(waiting) if count)
        raise ConversionError(
            f"node {nodes[first].name[:100] or first!r} ({nodes[first].op_type[:100]}): it waits for its own result"
        )
    return ordered
