"""Values that nobody expects in a file, and what changes the JSON of one."""

import json
from typing import Any

import numpy as np

Rng = np.random.Generator
# Values that a size, an offset or a length may have instead of its own.
NUMBERS = (0, 1, -1, 2, 3, 63, 255, 65535, 65536, 2**20, 2**24, 2**29, 2**30, 2**31 - 1, 2**31, 2**32 - 1, 2**32)
LARGE = (2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**30)
TEXTS = (
    "",
    "Linear",
    "weight",
    "inf",
    "nan",
    "\x1b[2J",
    "\ud800",
    "a" * 10_000,
    "../../etc",
    "1e999",
    "\u202e",
    "x\0y",
)


def chosen(rng: Rng, values: Any) -> Any:
    return values[int(rng.integers(len(values)))]


def times(rng: Rng, value: Any, most: int) -> int:
    """How often a value may stand in a file that stays below some megabytes."""
    return int(rng.integers(1, max(2, min(most, 4_000_000 // len(json.dumps(value))))))


def odd_value(rng: Rng, old: Any) -> Any:
    """Anything that JSON can hold, often near what was there."""
    number = isinstance(old, (int, float)) and not isinstance(old, bool)
    if number and rng.integers(2):
        return chosen(rng, (old + 1, old - 1, old * 2, -old, float(old), old + 0.5, bool(old), str(old)))
    match rng.integers(8):
        case 0:
            return int(chosen(rng, NUMBERS + LARGE))
        case 1:
            return chosen(rng, TEXTS)
        case 2:
            return chosen(
                rng, (None, True, False, [], {}, 1e308, -1e308, 5e-324, float("inf"), float("nan"), 0.1, -0.0)
            )
        case 3:
            return [[]] * int(rng.integers(1, 300_000))
        case 4:
            return [old] * times(rng, old, 2000)
        case 5:
            nested: Any = old
            for _ in range(int(rng.integers(1, 400))):
                nested = [nested] if rng.integers(2) else {"inner": nested, "type": "Residual"}
            return nested
        case 6:
            return {str(i): old for i in range(times(rng, old, 3000))}
    return "9" * int(rng.integers(1, 6000)) if rng.integers(2) else 10 ** int(rng.integers(1, 4000))


def change_json(rng: Rng, tree: Any) -> Any:
    """The tree with one value replaced, removed, doubled or added, anywhere in it."""
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        for key in list(node) if isinstance(node, dict) else range(len(node)):
            places.append((node, key))
            if isinstance(node[key], (dict, list)) and len(places) < 2000:
                walk(node[key])

    walk(tree)
    if not places:
        return odd_value(rng, tree)
    node, key = chosen(rng, places)
    match rng.integers(6):
        case 0:
            del node[key]
        case 1 if isinstance(node, dict):
            node[chosen(rng, TEXTS)] = odd_value(rng, node[key])
        case 2 if isinstance(node, list):
            node[key:key] = [node[key]] * times(rng, node[key], chosen(rng, (2, 100, 20_000)))
        case 3:
            other, place = chosen(rng, places)
            node[key] = json.loads(json.dumps(other[place]))
        case _:
            node[key] = odd_value(rng, node[key])
    return tree
