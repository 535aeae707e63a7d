"""Squeeze: a network of one feature answers without its axis, for every shape of x and of out=."""

import pickle

import numpy as np
import pytest

import forwardpass as fp
from tests.support import Float, normal, same_bits


def network(dtype: Float, width: int = 3) -> fp.Sequential:
    return fp.Sequential(fp.Linear(normal(1, (1, width), dtype), normal(2, (1,), dtype)), fp.Tanh())


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("lead", [(), (1,), (5,), (0,), (2, 4), (1, 1)])
def test_the_last_axis_goes(lead: tuple[int, ...], dtype: Float) -> None:
    net = network(dtype)
    squeezed = fp.Sequential(net, fp.Squeeze())
    x = normal(3, (*lead, 3), dtype)
    y = squeezed(x)
    assert np.shape(y) == lead
    assert same_bits(np.asarray(y), net(x)[..., 0])
    assert np.shape(fp.error_bound(squeezed, x)) == lead


@pytest.mark.parametrize("step", [1, 2, -1])
def test_out_of_any_layout(step: int, dtype: Float) -> None:
    net = network(dtype)
    x = normal(3, (7, 3), dtype)
    whole = np.full(7 * abs(step), 9, dtype)
    out = whole[::step]
    assert fp.Sequential(net, fp.Squeeze())(x, out=out) is out
    assert same_bits(np.ascontiguousarray(out), net(x)[:, 0])
    assert (whole == 9).sum() == whole.size - 7


def test_out_that_is_a_column_of_x() -> None:
    net, x = network(np.float32), normal(3, (7, 3), np.float32)
    expected = net(x)[:, 0]
    fp.Sequential(net, fp.Squeeze())(x, out=x[:, 1])
    assert same_bits(np.ascontiguousarray(x[:, 1]), expected)


def test_out_with_the_axis_is_refused() -> None:
    with pytest.raises(ValueError, match=r"out: expected shape \(7,\), got \(7, 1\)"):
        fp.Sequential(network(np.float32), fp.Squeeze())(np.ones((7, 3), "f"), out=np.empty((7, 1), "f"))


def test_other_widths_stay() -> None:
    assert fp.Squeeze()(np.ones((4, 2))).shape == (4, 2)
    assert fp.Squeeze()(np.ones((4, 1))).shape == (4,)
    assert fp.Sequential(fp.Linear(np.eye(2)), fp.Squeeze())(np.ones((4, 2))).shape == (4, 2)


def test_what_comes_after_it_is_refused() -> None:
    with pytest.raises(ValueError, match="layer 1, Squeeze, takes the axis of features away"):
        fp.Sequential(fp.Linear(np.ones((1, 2))), fp.Squeeze(), fp.Linear(np.ones((2, 1))))
    with pytest.raises(ValueError, match="layer 0, Squeeze"):
        fp.Sequential(fp.Squeeze(), fp.Linear(np.ones((2, 1))))
    unknown = fp.Sequential(fp.Squeeze(), fp.Softmax())
    assert unknown(np.ones((2, 4))).shape == (2, 4)
    with pytest.raises(ValueError, match="x: expected more than one feature"):
        unknown(np.ones((2, 1)))


def test_it_comes_back_from_files_and_copies(tmp_path: object) -> None:
    net = fp.Sequential(network(np.float32), fp.Squeeze())
    fp.save(net, f"{tmp_path}/net.npz")
    x = normal(3, (7, 3), np.float32)
    for again in (fp.load(f"{tmp_path}/net.npz"), pickle.loads(pickle.dumps(net))):
        assert repr(again) == repr(net)
        assert same_bits(again(x), net(x))


@pytest.mark.parametrize("dim", [0, 1, True])
def test_other_axes_are_refused(dim: int) -> None:
    with pytest.raises(ValueError, match="dim: expected -1"):
        fp.Squeeze(dim)
