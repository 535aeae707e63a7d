"""x of more than two axes: every row of the last one, a Flatten, or a refusal where the source takes another axis."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import forwardpass as fp
from tests.support import Array, Float, same_bits

RNG = np.random.default_rng(0)


def linear(inputs: int, outputs: int) -> fp.Linear:
    return fp.Linear.random(inputs, outputs, dtype=np.float64, rng=1)


def norm() -> fp.BatchNorm1d:
    return fp.BatchNorm1d([0.5, -1.0, 2.0], [1.0, 4.0, 9.0])


@pytest.mark.parametrize("layer", [fp.Softmax(1), fp.LogSoftmax(1), norm()], ids=repr)
@pytest.mark.parametrize(
    "network",
    [
        lambda layer: layer,
        lambda layer: fp.Sequential(fp.ReLU(), layer, fp.Tanh()),
        lambda layer: fp.Sequential(linear(3, 3), fp.Residual(fp.Sequential(layer, fp.ReLU()))),
        lambda layer: fp.Sequential(layer, fp.Flatten()),
        lambda layer: fp.fold_batch_norm(fp.Sequential(linear(3, 3), layer)),
        lambda layer: fp.fold_batch_norm(fp.Sequential(layer, linear(3, 3))),
    ],
)
def test_layers_over_axis_1_take_rows_alone(layer: fp.Module, network: Callable[[fp.Module], fp.Module]) -> None:
    net, x = network(layer), RNG.standard_normal((4, 3))
    assert same_bits(np.stack([net(row) for row in x]), net(x))
    for shape in ((2, 2, 3), (1, 4, 3), (2, 1, 2, 3), (0, 4, 3)):
        with pytest.raises(ValueError, match=r"^x: expected (one or two axes|a last axis of 3)"):
            net(np.zeros(shape))
        with pytest.raises(ValueError, match=r"^x: expected (one or two axes|a last axis of 3)"):
            fp.error_bound(net, np.zeros(shape))


def test_the_refusal_names_the_layer() -> None:
    net = fp.Sequential(linear(3, 3), fp.Softmax(1))
    with pytest.raises(ValueError, match=r"one or two axes, got shape \(2, 5, 3\); layer 1 is not over the last axis"):
        net(np.zeros((2, 5, 3)))


def test_the_last_axis_is_any_rank_s() -> None:
    net, x = (
        fp.Sequential(linear(3, 3), fp.Softmax(), fp.LayerNorm(3), fp.LogSoftmax(-1)),
        RNG.standard_normal((2, 5, 3)),
    )
    assert same_bits(net(x), net(x.reshape(-1, 3)).reshape(x.shape))


@pytest.mark.parametrize("shape", [(5, 1, 4, 3), (5, 12), (5, 3, 4), (0, 3, 4), (1, 12), (12,)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_flatten(shape: tuple[int, ...], order: str, dtype: Float) -> None:
    x = np.asarray(RNG.standard_normal(shape).astype(dtype), order=order)  # type: ignore[call-overload]  # a str
    flat: Array = x if x.ndim == 1 else x.reshape(len(x), 12)
    assert same_bits(fp.Flatten()(x), np.ascontiguousarray(flat))
    weights = fp.Linear.random(12, 4, dtype=dtype, rng=2)
    for net in (
        fp.Sequential(fp.Flatten(), weights),
        fp.Sequential(fp.ReLU(), fp.Dropout(), fp.Flatten(), weights, fp.Softmax(1), fp.Flatten()),
    ):
        assert same_bits(net(x), net(flat))
        out = np.full(net(x).shape, np.nan, dtype)
        assert net(x, out=out) is out
        assert same_bits(out, net(flat))
        assert fp.error_bound(net, x).shape == out.shape


def test_flatten_behind_layers_of_rows() -> None:
    """Its rows would be others than those that the layers before it took."""
    for net in (fp.Sequential(linear(3, 4), fp.Flatten(), linear(4, 2)), fp.Residual(fp.Flatten())):
        assert net(np.ones((2, 3))).shape[0] == 2
        with pytest.raises(ValueError, match="one or two axes"):
            net(np.ones((2, 5, 3)))


def test_axes_stay_through_files(tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    fp.save(fp.Sequential(fp.Flatten(), linear(12, 3), fp.Softmax(1)), path)
    assert fp.load(path)(np.zeros((5, 4, 3))).shape == (5, 3)
    fp.save(fp.Sequential(linear(3, 3), fp.Softmax(1)), path)
    with pytest.raises(ValueError, match="one or two axes"):
        fp.load(path)(np.zeros((5, 4, 3)))
