"""x of other dtypes and layouts, beside float32 in C order, NumPy's own conversion and torch's.

    python benchmarks/inputs.py [--seconds 2]

One row of 17-64-64-6, and batches of 32-64-64-4 into an array that is there. A ratio is of the time of
float32 in C order, in the same rounds.
"""

from support import Array, arguments, microseconds, print_machine  # isort: skip

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

import forwardpass as fp
from forwardpass.bench.timing import time_interleaved

ROWS = 400_000


def network(*sizes: int) -> fp.Sequential:
    layers: list[fp.Module] = []
    for a, b in pairwise(sizes):
        layers += [fp.Linear.random(a, b, rng=0), fp.ReLU()]
    return fp.Sequential(*layers[:-1])


def by_torch(net: fp.Sequential) -> Callable[[Array], object] | None:
    """The same network, of x converted as its users do it."""
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    layers: list[Any] = []
    for layer in net:
        if isinstance(layer, fp.Linear):
            linear = torch.nn.Linear(layer.in_features, layer.out_features)
            linear.weight.data = torch.from_numpy(np.array(layer.weight))
            linear.bias.data = torch.from_numpy(np.array(layer.bias))
            layers.append(linear)
        else:
            layers.append(torch.nn.ReLU())
    module = torch.nn.Sequential(*layers).eval()

    def call(x: Array) -> object:
        with torch.inference_mode():
            return module(torch.from_numpy(x).to(torch.float32)).numpy()

    return call


def show(name: str, calls: dict[str, Callable[[], object]], seconds: float) -> None:
    timings = time_interleaved(calls, seconds)
    first = next(iter(timings.values())).median
    for call, timing in timings.items():
        print(f"| {name} | {call} | {microseconds(timing)} | {timing.median / first:.2f} |", flush=True)


def main() -> None:
    args = arguments(__doc__)
    print_machine()
    print("| network | x | us | ratio |\n|---|---|---|---|")
    net = network(17, 64, 64, 6)
    x = np.random.default_rng(0).standard_normal(17)
    given: dict[str, Any] = {"float32": x.astype(np.float32), "float64": x, "int64": x.astype(np.int64)}
    calls: dict[str, Callable[[], object]] = {name: partial(net, value) for name, value in given.items()}
    numbers = x.tolist()
    calls["list"] = partial(net, numbers)
    calls["np.float32(list)"] = lambda: net(np.float32(numbers))
    calls["float64, NumPy's astype"] = lambda: net(x.astype(np.float32))
    torch = by_torch(net)
    if torch is not None:
        calls["float64, torch"] = partial(torch, x)
    show("17-64-64-6 x 1", calls, args.seconds)

    net = network(32, 64, 64, 4)
    batch = np.random.default_rng(0).standard_normal((ROWS, 32))
    plain = batch.astype(np.float32)
    out = net(plain)
    torch = by_torch(net)
    for threads in (1, 2):
        given = {
            "float32": plain,
            "float64": batch,
            "float32, Fortran order": np.asfortranarray(plain),
            "float64, Fortran order": np.asfortranarray(batch),
            "float16": plain.astype(np.float16),
        }
        calls = {name: partial(net, value, out=out, num_threads=threads) for name, value in given.items()}
        if threads == 1:
            calls["float64, NumPy's astype"] = lambda: net(batch.astype(np.float32), out=out, num_threads=1)
            if torch is not None:
                calls["float64, torch"] = partial(torch, batch)
        show(f"32-64-64-4 x {ROWS}, {threads} threads", calls, args.seconds * 4)


if __name__ == "__main__":
    main()
