"""What all layers of rows share: a row is its own, and bad arguments are named."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import forwardpass as fp
from tests.support import Float, same_bits

DTYPES = [np.float32, np.float64]


@pytest.mark.parametrize("layer", [fp.Softmax(), fp.LogSoftmax(), fp.LayerNorm(3), fp.LayerNorm(3, eps=0.0)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_bad_row_makes_only_itself_nan(layer: fp.Module, dtype: Float) -> None:
    x = np.array([[1, 2, 3], [np.nan, 2, 3], [np.inf, 2, 3], [-np.inf] * 3], dtype)
    with np.errstate(all="raise"):
        y = layer(x)
    assert np.isfinite(y[0]).all()
    assert np.isnan(y[1:]).all()


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", [1, 5, 16, 40])
def test_a_row_in_any_batch(width: int, dtype: Float) -> None:
    rng = np.random.default_rng(2)
    x = rng.standard_normal((50, width)).astype(dtype)
    values = rng.uniform(0.5, 2, (4, width))
    layers = [
        fp.Softmax(),
        fp.LogSoftmax(),
        fp.LayerNorm(width, values[0], values[1]),
        fp.BatchNorm1d(*values),
        fp.Normalize(values[0], values[1], 1.5),
        fp.Affine(values[0], values[1]),
        fp.Clip(-values[0], values[1]),
    ]
    for layer in [*layers, fp.Sequential(*layers)]:
        whole = layer(x)
        assert all(same_bits(layer(row), expected) for row, expected in zip(x, whole, strict=True))
        out = x.copy()
        assert layer(out, out=out) is out
        assert same_bits(out, whole)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: fp.LayerNorm(3, [1, 2]), r"weight: expected shape \(3,\), got \(2,\)"),
        (lambda: fp.LayerNorm(-1), "normalized_shape: expected the number of features, got -1"),
        (lambda: fp.LayerNorm(3, eps=-1), "eps: expected a number that is not negative, got -1"),
        (lambda: fp.BatchNorm1d([1, 2], [1, 2, 3]), r"running_var: expected shape \(2,\), got \(3,\)"),
        (lambda: fp.BatchNorm1d([1], [-1]), "running_var: expected values that are positive with eps added"),
        (lambda: fp.Normalize([[1]], [[1]]), r"mean: expected shape \(features,\), got \(1, 1\)"),
        (lambda: fp.Normalize([1], [np.nan]), "std: expected positive values"),
        (lambda: fp.Normalize([1], [1], 0), "clip: expected a positive number, got 0"),
        (lambda: fp.Clip([2], [1]), "low, high: expected low <= high"),
        (lambda: fp.Residual(fp.Linear.random(2, 3)), "expected as many features out as in, got in_features=2"),
        (
            lambda: fp.Sequential(fp.Linear.random(2, 3), fp.LayerNorm(4)),
            r"layer 0, Linear\(in_features=2, out_features=3\), gives 3 features, but layer 1, of 4 features, takes 4",
        ),
    ],
)
def test_what_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_wrong_types() -> None:
    shape: Any = (2, 3)
    for make in (
        lambda: fp.LayerNorm(shape),
        lambda: fp.LayerNorm(True),
        lambda: fp.Affine([1j], [0]),
        lambda: fp.Residual(3),  # type: ignore[arg-type]  # wrong on purpose
    ):
        with pytest.raises(TypeError, match="expected"):
            make()
