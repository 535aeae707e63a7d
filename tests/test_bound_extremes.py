"""error_bound against exact arithmetic: random networks of every layer, with parameters and inputs at extremes."""

from collections.abc import Callable

import mpmath
import numpy as np
import pytest

import forwardpass as fp
from tests.exactly import exactly
from tests.support import Array, Float

WIDTH = 4


class Numbers:
    """Random numbers of a dtype: ordinary ones, and some near the ends of its range, far from zero, or zero."""

    def __init__(self, seed: int, dtype: Float) -> None:
        self.rng, self.dtype, self.info = np.random.default_rng(seed), dtype, np.finfo(dtype)

    def one(self, least: int | None = None, most: int | None = None) -> float:
        """A positive number that the dtype holds, with an exponent in that range."""
        low, high = self.info.minexp if least is None else least, self.info.maxexp - 2 if most is None else most
        exponent = self.rng.integers(-3, 4) if self.rng.integers(2) else self.rng.integers(low, high)
        return float(self.dtype(np.ldexp(self.rng.uniform(0.5, 1), exponent)))

    def many(self, count: int = WIDTH) -> Array:
        """With signs, and now and then a zero."""
        signs = self.rng.choice([-1.0, 1.0, 1.0, -1.0, 0.0], count)
        values: Array = np.array([self.one() for _ in range(count)]) * signs
        return values

    def positive(self) -> Array:
        return np.array([self.one() for _ in range(WIDTH)])

    def row(self) -> Array:
        """Of an input: all of one size, or of many, or near each other far from zero."""
        kind = self.rng.integers(4)
        if kind == 0:
            return self.many()
        if kind == 1:
            far = self.one()
            return far * (1 + float(self.info.eps) * self.rng.integers(-8, 9, WIDTH))
        values: Array = self.rng.standard_normal(WIDTH) * (1.0 if kind == 2 else self.one(most=20))
        return values


LAYERS: dict[str, Callable[[Numbers], fp.Module]] = {
    "Linear": lambda n: fp.Linear(
        n.many(WIDTH * WIDTH).reshape(WIDTH, WIDTH).astype(n.dtype), n.many().astype(n.dtype)
    ),
    "ReLU": lambda n: fp.ReLU(),
    "LeakyReLU": lambda n: fp.LeakyReLU(n.many(1)[0]),
    "ELU": lambda n: fp.ELU(n.many(1)[0]),
    "SELU": lambda n: fp.SELU(),
    "GELU": lambda n: fp.GELU(),
    "GELU tanh": lambda n: fp.GELU("tanh"),
    "SiLU": lambda n: fp.SiLU(),
    "Tanh": lambda n: fp.Tanh(),
    "Sigmoid": lambda n: fp.Sigmoid(),
    "Softplus": lambda n: fp.Softplus(n.one(), n.many(1)[0] if n.rng.integers(2) else 20.0),
    "Hardtanh": lambda n: fp.Hardtanh(-n.one(), n.one()),
    "Softmax": lambda n: fp.Softmax(),
    "LogSoftmax": lambda n: fp.LogSoftmax(),
    "LayerNorm": lambda n: fp.LayerNorm(WIDTH, eps=n.one() if n.rng.integers(2) else 0.0),
    "LayerNorm with arrays": lambda n: fp.LayerNorm(WIDTH, n.many(), n.many(), n.one()),
    "BatchNorm1d": lambda n: fp.BatchNorm1d(n.many(), n.positive(), n.many(), n.many(), n.one(most=2)),
    "Normalize": lambda n: fp.Normalize(n.many(), n.positive(), n.one() if n.rng.integers(2) else None),
    "Affine": lambda n: fp.Affine(n.many(), n.many()),
    "Clip": lambda n: fp.Clip(-n.positive(), n.positive()),
    "Identity": lambda n: fp.Identity(),
    "Dropout": lambda n: fp.Dropout(),
    "Flatten": lambda n: fp.Flatten(),
}


def subclass_of(layer: fp.Module) -> fp.Module:
    """An equal layer of a user's own class."""
    kind = type(layer)
    made: fp.Module = type(f"Mine{kind.__name__}", (kind,), {})(*layer._arguments())
    return made


def random_layer(numbers: Numbers) -> fp.Module:
    layer = list(LAYERS.values())[numbers.rng.integers(len(LAYERS))](numbers)
    kind = numbers.rng.integers(6)
    if kind == 0:
        return subclass_of(layer)
    return fp.Residual(fp.Sequential(layer, random_layer(numbers))) if kind == 1 else layer


def outside(network: fp.Module, x: Array) -> tuple[int, list[str]]:
    """How many outputs were compared, and those that are further from the exact ones than the bound."""
    dtype = x.dtype.type
    y, bound = network(x), fp.error_bound(network, x)
    assert y.shape == bound.shape
    compared, wrong = 0, list[str]()
    for row, got, allowed in zip(x, y, bound, strict=True):
        if not np.isfinite(allowed).any():
            continue
        for j, exact in enumerate(exactly(network, row, dtype)):
            if not (np.isfinite(got[j]) and np.isfinite(allowed[j])):  # something has overflowed
                continue
            compared += 1
            error = abs(mpmath.mpf(float(got[j])) - exact)
            if not error <= float(allowed[j]):
                share = float(error / allowed[j])
                wrong.append(f"{network} of {row.tolist()}: {got[j]!r}, exactly {float(exact)!r}, {share} bounds")
    return compared, wrong


@pytest.mark.parametrize("name", LAYERS)
def test_each_layer(name: str, dtype: Float) -> None:
    compared, wrong = 0, list[str]()
    for seed in range(40):
        numbers = Numbers(seed, dtype)
        layer = LAYERS[name](numbers)
        x = np.stack([numbers.row() for _ in range(4)]).astype(dtype)
        network = fp.Sequential(subclass_of(layer) if seed % 2 else layer, fp.Linear(np.eye(WIDTH, dtype=dtype)))
        more, found = outside(network, x)
        compared, wrong = compared + more, wrong + found
    assert not wrong, "\n".join(wrong[:5])
    assert compared > 200


@pytest.mark.parametrize("seed", range(60))
def test_networks(seed: int, dtype: Float) -> None:
    numbers = Numbers(seed + 1000, dtype)
    first = fp.Linear(numbers.rng.standard_normal((WIDTH, WIDTH)).astype(dtype))
    network = fp.Sequential(first, *(random_layer(numbers) for _ in range(numbers.rng.integers(1, 5))))
    x = np.stack([numbers.row() for _ in range(3)]).astype(dtype)
    _, wrong = outside(network, x)
    assert not wrong, "\n".join(wrong[:5])
