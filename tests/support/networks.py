"""Networks that several promises are tried on."""

import numpy as np

import forwardpass as fp
from tests.support import Array, Float, normal


def build_rich(dtype: Float = np.float32) -> fp.Sequential:
    """Every kind of layer."""
    rng = np.random.default_rng(7)

    def values() -> Array:
        return rng.uniform(0.5, 2, 6)

    functions = [
        fp.Dropout(0.25), fp.ELU(0.5), fp.Flatten(), fp.GELU(), fp.GELU("tanh"), fp.Hardtanh(-2, 3), fp.Identity(),
        fp.Hardtanh(0, np.inf), fp.LeakyReLU(0.2), fp.LogSoftmax(), fp.ReLU(), fp.SELU(), fp.Sigmoid(), fp.SiLU(),
        fp.Softmax(), fp.Softplus(2, 30), fp.Squeeze(), fp.Tanh(),
    ]  # fmt: skip
    return fp.Sequential(
        fp.Normalize(values(), values(), 10),
        fp.Normalize(values(), values()),
        fp.Residual(fp.Sequential(fp.Linear(normal(1, (6, 6), dtype)), *functions, fp.Residual(fp.ReLU()))),
        fp.LayerNorm(6),
        fp.LayerNorm(6, values(), eps=1e-3),
        fp.LayerNorm(6, values(), values()),
        fp.BatchNorm1d(values(), values()),
        fp.BatchNorm1d(values(), values(), values(), values(), 0.0),
        fp.Affine(values(), values()),
        fp.Clip([-1, -2, -np.inf, 0, -1, -1], [1, 1, 1, np.inf, 2, 3]),
        fp.Linear(normal(2, (3, 6), dtype)),
    )
