"""Compares errors with error_bound in exact arithmetic: every layer, with extreme parameters and inputs."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial

import numpy as np

from .. import nn
from ..error_bound import error_bound
from ..reference import exactly
from .outcome import DTYPES, Array, Float, Outcome, amount, every_isa, same_bits

WIDTH = 4


class Numbers:
    """Random numbers of a dtype: ordinary ones, and some near the ends of its range, far from zero, or zero."""

    def __init__(self, seed: int, dtype: Float) -> None:
        self.rng, self.dtype, self.info = np.random.default_rng(seed), dtype, np.finfo(dtype)

    def one(self, least: int | None = None, most: int | None = None) -> float:
        """A positive number that the dtype holds: near 1, or with any exponent from ``least`` to below ``most``."""
        low, high = self.info.minexp if least is None else least, self.info.maxexp - 2 if most is None else most
        exponent = self.rng.integers(-3, 4) if self.rng.integers(2) else self.rng.integers(low, high)
        return float(self.dtype(np.ldexp(self.rng.uniform(0.5, 1), exponent)))

    def sign(self) -> float:
        """-1 or 1."""
        return float(self.rng.choice([-1.0, 1.0]))

    def many(self, count: int = WIDTH) -> Array:
        """Numbers of both signs, and now and then a zero."""
        signs = self.rng.choice([-1.0, 1.0, 1.0, -1.0, 0.0], count)
        values: Array = np.array([self.one() for _ in range(count)]) * signs
        return values

    def columns(self) -> Array:
        """An array for a layer with float64 arrays. Now and then its numbers are beyond what the dtype holds."""
        if self.rng.integers(4):
            return self.many()
        values: Array = np.ldexp(self.rng.uniform(-1, 1, WIDTH), self.rng.integers(-1000, 1000, WIDTH))
        return values

    def parameter(self) -> float:
        """A positive number that both dtypes hold, because a layer learns its dtype from its network."""
        return self.one(-140, 126)

    def positive(self) -> Array:
        """Positive numbers, and no zeros."""
        return np.array([self.one() for _ in range(WIDTH)])

    def row(self) -> Array:
        """A row of input: numbers of similar sizes, or of very different sizes, or close together but far from 0."""
        kind = self.rng.integers(4)
        if kind == 0:
            return self.many()
        if kind == 1:
            far = self.one()
            return far * (1 + float(self.info.eps) * self.rng.integers(-8, 9, WIDTH))
        values: Array = self.rng.standard_normal(WIDTH) * (1.0 if kind == 2 else self.one(most=20))
        return values

    def rows(self) -> Array:
        """Two rows of input in the dtype."""
        return np.stack([self.row(), self.row()]).astype(self.dtype)


LAYERS: dict[str, Callable[[Numbers], nn.Module]] = {
    "Linear": lambda n: nn.Linear(
        n.many(WIDTH * WIDTH).reshape(WIDTH, WIDTH).astype(n.dtype), n.many().astype(n.dtype)
    ),
    "ReLU": lambda n: nn.ReLU(),
    "LeakyReLU": lambda n: nn.LeakyReLU(n.sign() * n.parameter()),
    "ELU": lambda n: nn.ELU(n.sign() * n.parameter()),
    "SELU": lambda n: nn.SELU(),
    "GELU": lambda n: nn.GELU(),
    "GELU tanh": lambda n: nn.GELU("tanh"),
    "SiLU": lambda n: nn.SiLU(),
    "Tanh": lambda n: nn.Tanh(),
    "Sigmoid": lambda n: nn.Sigmoid(),
    "Softplus": lambda n: nn.Softplus(n.parameter(), n.rng.choice([0.0, 20.0, n.sign() * n.parameter()])),
    "Hardtanh": lambda n: nn.Hardtanh(-n.parameter(), n.parameter()),
    "CELU": lambda n: nn.CELU(n.one(-90, 90)),
    "Mish": lambda n: nn.Mish(),
    "Softsign": lambda n: nn.Softsign(),
    "Hardswish": lambda n: nn.Hardswish(),
    "Hardsigmoid": lambda n: nn.Hardsigmoid(),
    "PReLU": lambda n: nn.PReLU([n.sign() * n.parameter()]),
    "PReLU of several": lambda n: nn.PReLU(n.columns()),
    "Softmax": lambda n: nn.Softmax(),
    "LogSoftmax": lambda n: nn.LogSoftmax(),
    "LayerNorm": lambda n: nn.LayerNorm(WIDTH, eps=n.one() if n.rng.integers(2) else 0.0),
    "LayerNorm with arrays": lambda n: nn.LayerNorm(WIDTH, n.columns(), n.columns(), n.one()),
    "RMSNorm": lambda n: nn.RMSNorm(WIDTH, eps=n.one()),
    "RMSNorm with weights": lambda n: nn.RMSNorm(WIDTH, n.columns(), n.one()),
    "BatchNorm1d": lambda n: nn.BatchNorm1d(n.columns(), n.positive(), n.columns(), n.columns(), n.one(most=2)),
    "Normalize": lambda n: nn.Normalize(
        n.columns(), np.abs(n.columns()) + 5e-324, n.one() if n.rng.integers(2) else None
    ),
    "Affine": lambda n: nn.Affine(n.columns(), n.columns()),
    "Clip": lambda n: nn.Clip(-np.abs(n.columns()), np.abs(n.columns())),
    "Identity": lambda n: nn.Identity(),
    "Dropout": lambda n: nn.Dropout(),
    "Flatten": lambda n: nn.Flatten(),
    "Squeeze": lambda n: nn.Squeeze(),
}


def subclass_of(layer: nn.Module) -> nn.Module:
    """An equal layer of a subclass, as a user may write one."""
    kind = type(layer)
    arguments, named = layer.made_from()
    made: nn.Module = type(f"Mine{kind.__name__}", (kind,), {})(*arguments, **named)
    return made


def random_layer(numbers: Numbers) -> nn.Module:
    """One layer of LAYERS; sometimes of a subclass, and sometimes inside of a Residual."""
    layer = list(LAYERS.values())[numbers.rng.integers(len(LAYERS))](numbers)
    kind = numbers.rng.integers(6)
    if kind == 0:
        return subclass_of(layer)
    return nn.Residual(nn.Sequential(layer, random_layer(numbers))) if kind == 1 else layer


def check(outcome: Outcome, make: Callable[[], nn.Module], x: Array, case: str) -> None:
    """Compare each finite output that has a finite bound. Other instruction sets must give the same bits."""
    network = make()
    y, bound = network(x), error_bound(network, x)
    for isa in every_isa():
        outcome.check(same_bits(make()(x), y), f"{isa} {case}: {network} gives other bits")
    for row, got, allowed in zip(x, y, bound, strict=True):
        finite = np.isfinite(got) & np.isfinite(allowed)
        expected = exactly(network, row, x.dtype.type) if finite.any() else []
        for i in np.flatnonzero(finite):
            error = abs(Decimal(float(got[i])) - expected[i])
            right = error <= Decimal(float(allowed[i]))
            outcome.check(right, f"{case}: {network} of {row.tolist()}: {got[i]!r}, exactly {expected[i]:.17}")


def bounds_at_extremes(share: float) -> Outcome:
    """For each dtype, 250 layers of each kind, half of them of a subclass, and 1,250 networks."""
    outcome = Outcome()
    for dtype in DTYPES:
        for name, layer_of in LAYERS.items():
            for seed in range(amount(250, share)):
                check(
                    outcome, partial(_one_layer, layer_of, seed, dtype), Numbers(seed, dtype).rows(), f"{name} {seed}"
                )
        for seed in range(amount(1250, share)):
            check(outcome, partial(_network, seed, dtype), Numbers(seed, dtype).rows(), f"network {seed}")
    return outcome


def _one_layer(layer_of: Callable[[Numbers], nn.Module], seed: int, dtype: Float) -> nn.Module:
    """A layer with a Linear behind it. The Linear gives the dtype and passes its input on unchanged."""
    layer = layer_of(Numbers(seed + 1, dtype))
    return nn.Sequential(subclass_of(layer) if seed % 2 else layer, nn.Linear(np.eye(WIDTH, dtype=dtype)))


def _network(seed: int, dtype: Float) -> nn.Module:
    numbers = Numbers(seed + 1, dtype)
    first = nn.Linear(numbers.rng.standard_normal((WIDTH, WIDTH)).astype(dtype))
    return nn.Sequential(first, *(random_layer(numbers) for _ in range(numbers.rng.integers(1, 5))))
