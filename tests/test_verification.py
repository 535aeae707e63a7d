"""The comparison that every importer ends with: what it lets pass, and what not."""

from collections.abc import Callable

import numpy as np
import pytest

import forwardpass as fp
from forwardpass.convert.verification import rows_for, verify
from tests.support import Array, Float


def network(dtype: Float = np.float32) -> fp.Sequential:
    rng = np.random.default_rng(0)
    return fp.Sequential(
        fp.Linear.random(5, 40, dtype=dtype, rng=rng), fp.Tanh(), fp.Linear.random(40, 3, dtype=dtype, rng=rng)
    )


def by_numpy(net: fp.Sequential) -> Callable[[Array], Array]:
    """The same in NumPy's order of sums."""
    state = net.state_dict()

    def run(x: Array) -> Array:
        y: Array = np.tanh(x @ state["0.weight"].T + state["0.bias"]) @ state["2.weight"].T + state["2.bias"]
        return y

    return run


def test_the_same_function_passes(dtype: Float, capsys: pytest.CaptureFixture[str]) -> None:
    net = network(dtype)
    verify(net, by_numpy(net), 5, source="NumPy")
    result = net.verification
    assert capsys.readouterr().out == f"{result}\n"
    assert str(result).startswith(f"NumPy: {len(rows_for(5, np.dtype(dtype)))} rows agree; largest error ")
    assert 0 < result.largest_share <= 1
    assert result.largest_ulps > 0
    assert result.largest_error < 1e-3


@pytest.mark.parametrize(
    "change",
    [
        lambda y: y * 1.001,
        lambda y: y[:, ::-1],
        lambda y: np.roll(y, 1, axis=0),
        lambda y: np.where(np.arange(3) == 1, np.nan, y),
        lambda y: np.where(np.arange(len(y))[:, None] == 40, np.inf, y),
        lambda y: y + (np.arange(len(y))[:, None] == 7),
    ],
)
def test_another_function_does_not(change: Callable[[Array], Array], dtype: Float) -> None:
    net = network(dtype)
    run = by_numpy(net)
    with pytest.raises(fp.ConversionError, match="NumPy: the converted network does not answer as its source: row"):
        verify(net, lambda x: change(run(x)), 5, source="NumPy")
    assert not hasattr(net, "verification")


def test_answers_of_another_shape() -> None:
    net = network()
    with pytest.raises(fp.ConversionError, match=r"its answers have shape \(75, 2\), the converted ones \(75, 3\)"):
        verify(net, lambda x: x[:, :2], 5, source="NumPy")


def test_a_source_that_cannot_run(capsys: pytest.CaptureFixture[str]) -> None:
    net = network()
    verify(net, None, 5, source="a file")
    assert capsys.readouterr().out == "a file: not verified, as the source cannot run here\n"
    assert net.verification.rows == 0


def test_a_source_that_fails() -> None:
    def fail(_: Array) -> Array:
        raise KeyError("weights")

    with pytest.raises(fp.ConversionError, match="a file: it cannot answer: KeyError: 'weights'"):
        verify(network(), fail, 5, source="a file")


def test_overflows_are_no_mismatch(dtype: Float) -> None:
    """The order of the sums decides between an infinity and NaN."""
    big = float(np.finfo(dtype).max) / 4
    net = fp.Linear(np.full((2, 5), big, dtype))
    verify(net, lambda x: x @ net.weight.T, 5, source="NumPy")
    x = rows_for(5, np.dtype(dtype))
    assert not np.isfinite(net(x)).all()
    assert np.isfinite(net(x)).any()


def test_tails_are_no_mismatch(dtype: Float) -> None:
    """A sigmoid that is 0 where it should be subnormal is near enough, if its other answers are ordinary."""
    net = fp.Sequential(fp.Linear(np.array([[-95 if dtype is np.float32 else -720]], dtype)), fp.Sigmoid())
    tiny = np.finfo(dtype).tiny

    def run(x: Array) -> Array:
        y = net(x)
        assert ((y > 0) & (y < tiny)).any()
        return np.where(y < tiny, 0.0, y)

    verify(net, run, 1, source="NumPy")


def test_a_deep_network_is_compared_too(dtype: Float) -> None:
    """Its bound is larger than its answers; half a percent in one layer is noticed all the same."""
    rng = np.random.default_rng(3)
    weights = [(0.25 * rng.standard_normal((32, 32))).astype(dtype) for _ in range(25)]

    def of(slope: float) -> fp.Sequential:
        layers = [(fp.Linear(w), fp.LeakyReLU(slope if i == 12 else 0.1)) for i, w in enumerate(weights)]
        return fp.Sequential(*(layer for pair in layers for layer in pair))

    verify(of(0.1), of(0.1), 32, source="ours")
    with pytest.raises(fp.ConversionError, match="where rounding explains"):
        verify(of(0.1), of(0.105), 32, source="another slope")
