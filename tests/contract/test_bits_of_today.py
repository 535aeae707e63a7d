"""Bits that have a name stay as they are: a change of what a function or a row gives needs a new name.

`golden.cpp` holds sums to the contract in this way. Here are functions (FUNCTIONS) and layers of rows (ROW_ORDER).
"""

import hashlib
from collections.abc import Callable

import numpy as np
import pytest

import forwardpass as fp
from forwardpass import _core
from forwardpass.nn import LAYERS
from forwardpass.nn.elementwise import Elementwise
from tests.support import Array, Float

WIDTHS = (1, 3, 16, 33, 100, 1000)


def numbers(seed: int, *shape: int) -> Array:
    """From -1 to 1, of a generator that no version of NumPy changes: the upper half of Knuth's MMIX."""
    steps = np.arange(1, int(np.prod(shape)) + 1, dtype=np.uint64) + np.uint64(1000003 * seed)
    mixed = (steps * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)) * np.uint64(2862933555777941757)
    values: Array = (mixed >> np.uint64(32)).astype(np.float64).reshape(shape) / 2.0**31 - 1
    return values


def specials(dtype: Float) -> Array:
    info = np.finfo(dtype)
    values = [0.0, 1.0, 1e-3, 88.5, 104.0, 709.5, 745.5, float(info.max), float(info.tiny), np.inf, np.nan]
    return np.array([*values, *(-value for value in values)])


def blocks(width: int, dtype: Float) -> list[Array]:
    """Rows of ordinary numbers, of all sizes, far from zero, with an outlier, with subnormal results."""
    ordinary = 4 * numbers(width, 12, width)
    sized = np.ldexp(numbers(width + 1, 12, width), np.arange(-60, 60, 10)[:, np.newaxis])
    outlier = 1e-3 * numbers(width + 2, 4, width)
    outlier[:, 0] = 1.0
    start, end = (-87.0, -104.0) if dtype is np.float32 else (-708.0, -745.0)
    tails = np.linspace(start, end, 12)[:, np.newaxis] + numbers(width + 3, 12, width) / 4
    tails[:, width // 2] = 0.0
    found = [ordinary, sized, ordinary + 2.0**20, ordinary / 64 + 2.0 ** (np.finfo(dtype).nmant - 2), outlier, tails]
    return [block.astype(dtype) for block in found]


def hash_of(layers: list[fp.Module], inputs: list[Array]) -> str:
    """Of all answers; every NaN counts alike."""
    digest = hashlib.sha256()
    with np.errstate(all="ignore"):
        for layer, x in zip(layers, inputs, strict=True):
            y = layer(x)
            digest.update(np.where(np.isnan(y), y.dtype.type(np.nan), y).astype(y.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()[:16]


def layers_of_rows(kind: str, width: int) -> fp.Module:
    a, b, c, d = numbers(width + 9, 4, width)
    makers: dict[str, Callable[[], fp.Module]] = {
        "Softmax": lambda: fp.Softmax(),
        "LogSoftmax": lambda: fp.LogSoftmax(),
        "LayerNorm": lambda: fp.LayerNorm(width, a, b),
        "RMSNorm": lambda: fp.RMSNorm(width, a),
        "BatchNorm1d": lambda: fp.BatchNorm1d(a, 1.5 + b, c, d),
        "Normalize": lambda: fp.Normalize(a, 1.5 + b, 2.0),
        "Affine": lambda: fp.Affine(a, b),
        "PReLU": lambda: fp.PReLU(a),
    }
    return makers[kind]()


ROWS = {
    "Softmax": ("b1fc85bf48f5afd3", "2be750407caabce1"),
    "LogSoftmax": ("ead5bfa75174d6c2", "96accdeb12237755"),
    "LayerNorm": ("ddaa1251ef694754", "40e1ff2c87c43609"),
    "RMSNorm": ("44322b6c357bf5fc", "5824f218bed04f40"),
    "BatchNorm1d": ("34ca5c0cf4c909ac", "7524c609fa0553c9"),
    "Normalize": ("d91ea9b68975f480", "3b2b182e4a7980ec"),
    "Affine": ("0169ab7af3184900", "11a1985bb2ce6b95"),
    "PReLU": ("e8787deacf8d1629", "5e6612190e3defdc"),
}
FUNCTIONS = {
    "celu": ("8781658bf3518143", "59b2b2ed85d3581f"),
    "elu": ("8781658bf3518143", "59b2b2ed85d3581f"),
    "gelu": ("0e7e2709c0c1d437", "38d7bfa50ef70fe4"),
    "hardsigmoid": ("5c7e34c21529c2ab", "1d55e501fe2a18be"),
    "hardswish": ("c9c5ed8e6a3d8216", "0071011b0db716eb"),
    "hardtanh": ("6e98f0605ef789d2", "dd3b064beda7e4f7"),
    "leaky_relu": ("423c527aa34a1ee5", "1839fe6b9f3f33c4"),
    "mish": ("8734bd1bd7fd82c9", "c4fda96a3c123317"),
    "relu": ("ad9c14bd4d527bfe", "3d6d283edc2c234b"),
    "selu": ("cba3cd950e54de93", "60cb50fe0aba250b"),
    "sigmoid": ("4f31ab7c1c561189", "80f1a406352334d7"),
    "silu": ("0161125dd6ce6705", "39f2e3eec0c8f59f"),
    "softplus": ("ded2948d9de2299f", "e11e578c6c7d4e13"),
    "softsign": ("973de44903b04f62", "59e0837882eed994"),
    "tanh": ("bf1f3ad0747c9e82", "d05fa64fdc417f5a"),
}


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("kind", ROWS)
def test_rows(kind: str, dtype: Float) -> None:
    assert _core.ROW_ORDER == "rows-v3", "with new bits come new hashes"
    made = [(layers_of_rows(kind, width), block) for width in WIDTHS for block in blocks(width, dtype)]
    made.append((layers_of_rows(kind, 70_000), numbers(5, 1, 70_000).astype(dtype)))
    made[-1][1][0, 0] = 1000.0
    assert hash_of([layer for layer, _ in made], [x for _, x in made]) == ROWS[kind][dtype is np.float64]


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str, dtype: Float) -> None:
    assert _core.FUNCTIONS == "functions-v2", "with new bits come new hashes"
    layer = next(kind for kind in LAYERS.values() if kind.function == name)()
    inputs = [specials(dtype).astype(dtype), *(block for width in WIDTHS for block in blocks(width, dtype))]
    assert hash_of([layer] * len(inputs), inputs) == FUNCTIONS[name][dtype is np.float64]


def test_every_function_is_here() -> None:
    there = {kind.function for kind in LAYERS.values() if issubclass(kind, Elementwise) and kind.function}
    assert set(FUNCTIONS) == there - {"identity"}
