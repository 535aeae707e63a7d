"""Residual blocks, inside each other too, and batch norms folded into what lies beside them."""

import pickle

import numpy as np
import pytest

import forwardpass as fp
from tests.support import Array, Float, same_bits

DTYPES = [np.float32, np.float64]


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("dtype", DTYPES)
def test_residuals(dtype: Float) -> None:
    rng = np.random.default_rng(4)

    def linear(inputs: int, outputs: int) -> fp.Linear:
        return fp.Linear(rng.standard_normal((outputs, inputs)).astype(dtype), rng.standard_normal(outputs))

    inner = fp.Sequential(linear(10, 70), fp.ReLU(), linear(70, 10))
    deep = fp.Residual(fp.Sequential(fp.Residual(inner), fp.Tanh(), linear(10, 10), fp.Residual(fp.ReLU())))
    net = fp.Sequential(linear(6, 10), fp.Residual(inner), fp.ReLU(), deep, fp.Residual(linear(10, 10)), linear(10, 3))
    x = rng.standard_normal((40, 6)).astype(dtype)

    def plain(layer: fp.Module, values: Array) -> Array:
        if isinstance(layer, fp.Sequential):
            for each in layer:
                values = plain(each, values)
            return values
        return values + plain(layer.inner, values) if isinstance(layer, fp.Residual) else layer(values)

    for layer, values in ((net, x), (net[1], net[0](x)), (deep, net[0](x))):
        expected = plain(layer, values)
        assert same_bits(layer(values), expected)
        assert same_bits(layer(values[0]), expected[0])
        assert same_bits(layer(values, num_threads=3), expected)
    names = [name for name in net.state_dict() if name.endswith("weight")]
    assert names[:4] == ["0.weight", "1.inner.0.weight", "1.inner.2.weight", "3.inner.0.inner.0.weight"]
    other = pickle.loads(pickle.dumps(net))
    assert same_bits(other(x), net(x))
    assert repr(other) == repr(net)
    assert "(1): Residual(" in repr(net)


@pytest.mark.parametrize("dtype", DTYPES)
def test_folded_batch_norm(dtype: Float) -> None:
    rng = np.random.default_rng(5)

    def linear(inputs: int, outputs: int, bias: bool = True) -> fp.Linear:
        values = rng.standard_normal(outputs).astype(dtype) if bias else None
        return fp.Linear(rng.standard_normal((outputs, inputs)).astype(dtype), values)

    def norm(features: int) -> fp.BatchNorm1d:
        mean, variance, weight, bias = rng.uniform(0.5, 2, (4, features))
        return fp.BatchNorm1d(mean, variance, weight, bias)

    net = fp.Sequential(
        norm(4),
        linear(4, 8, bias=False),
        norm(8),
        fp.ReLU(),
        fp.Residual(fp.Sequential(linear(8, 8), norm(8), fp.Tanh(), norm(8), linear(8, 8))),
        norm(8),
        fp.ReLU(),
        linear(8, 3),
    )
    folded = fp.fold_batch_norm(net)
    x = rng.standard_normal((20, 4)).astype(dtype)
    assert folded(x) == pytest.approx(net(x), rel=1e-4 if dtype is np.float32 else 1e-12)
    kinds = [type(layer) for _, layer in folded.leaves()]
    assert kinds.count(fp.BatchNorm1d) == 1  # between a Residual and a ReLU
    assert kinds.count(fp.Flatten) == 4
    assert [name for name in folded.state_dict() if name.endswith("weight")] == [
        "1.weight",
        "4.inner.0.weight",
        "4.inner.4.weight",
        "5.weight",
        "7.weight",
    ]
    assert not any(isinstance(layer, fp.Identity) for _, layer in net.leaves())
