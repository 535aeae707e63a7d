"""What becomes of networks of one origin: equal answers, a refusal with a way out, or wrong."""

import sys
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

import forwardpass as fp
from forwardpass.error_bound import agreement_bound

# A refusal says what to do instead in one of these words.
WAYS_OUT = ("give", "convert", "call", "use", "write", "pass", "train", "take", "put", "expected")

# Of one network: the network converted, rows of its input, and the answers of its source.
Converted = tuple[fp.Module, np.ndarray[Any, Any], np.ndarray[Any, Any]]


def report(origin: str, cases: Iterable[tuple[str, Callable[[], Converted]]]) -> int:
    """Print how many are converted to equal answers, refused and wrong; the exit code, 1 where one is wrong."""
    equal, refused, wrong = 0, list[str](), list[str]()
    for name, convert in cases:
        try:
            net, x, expected = convert()
            got = net(x)
            allowed = agreement_bound(net, x)
            if got.shape != expected.shape or not (np.abs(got - expected.astype(np.float64)) <= allowed).all():
                wrong.append(f"{name}: answers differ")
            else:
                equal += 1
        except fp.ConversionError as error:
            has_way_out = any(word in str(error) for word in WAYS_OUT)
            (refused if has_way_out else wrong).append(f"{name}: {error}")
        except Exception as error:  # whatever else it may be is wrong
            wrong.append(f"{name}: {type(error).__name__}: {error}")
    count = equal + len(refused) + len(wrong)
    print(f"{origin}: {count} networks: {equal} with equal answers, {len(refused)} refused, {len(wrong)} wrong")
    for title, lines in (("refused", refused), ("wrong", wrong)):
        for line in lines:
            print(f"  {title}: {line}", file=sys.stderr if title == "wrong" else sys.stdout)
    return 1 if wrong else 0
