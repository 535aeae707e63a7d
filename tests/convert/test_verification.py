"""The comparison that every importer ends with: what it lets pass, and what not."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import forwardpass as fp
from forwardpass.convert.rounding import SHAKEN, UNITS, Moves
from forwardpass.convert.verification import rows_for, verify
from forwardpass.error_bound import agreement_bound
from forwardpass.nn.verification import Verification
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
    verify(net, by_numpy(net), 5, importer="from_it", source="NumPy")
    result = net.verification
    assert capsys.readouterr().out == f"{result}\n"
    assert re.fullmatch(
        rf"from_it: {len(rows_for(5, np.dtype(dtype)))} rows agree with NumPy, within [\d.]+ % of what rounding allows",
        str(result),
    )
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
        verify(net, lambda x: change(run(x)), 5, importer="from_it", source="NumPy")
    assert not hasattr(net, "verification")


def test_answers_of_another_shape() -> None:
    net = network()
    with pytest.raises(fp.ConversionError, match=r"its answers have shape \(75, 2\), the converted ones \(75, 3\)"):
        verify(net, lambda x: x[:, :2], 5, importer="from_it", source="NumPy")


def test_a_source_that_cannot_run(capsys: pytest.CaptureFixture[str]) -> None:
    net = network()
    verify(net, None, 5, importer="from_it", source="a file")
    assert capsys.readouterr().out == "from_it: not verified, as the source cannot run here\n"
    assert net.verification.rows == 0


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0.0, "without any difference"),
        (1e-9, "within 0.1 % of what rounding allows"),
        (0.01742, "within 1.8 % of what rounding allows"),
        (0.9999, "within 100 % of what rounding allows"),
    ],
)
def test_the_line_is_never_better_than_the_answers(share: float, said: str) -> None:
    """The percentage is rounded up, and a difference of nothing is said to be nothing."""
    assert (
        str(Verification("from_torch", "PyTorch", 102, share, share, share))
        == f"from_torch: 102 rows agree with PyTorch, {said}"
    )


def test_a_source_that_fails() -> None:
    def fail(_: Array) -> Array:
        raise KeyError("weights")

    with pytest.raises(fp.ConversionError, match="a file: it cannot answer: KeyError: 'weights'"):
        verify(network(), fail, 5, importer="from_it", source="a file")


def test_overflows_are_no_mismatch(dtype: Float) -> None:
    """The order of the sums decides between an infinity and NaN."""
    big = float(np.finfo(dtype).max) / 4
    net = fp.Linear(np.full((2, 5), big, dtype))
    verify(net, lambda x: x @ net.weight.T, 5, importer="from_it", source="NumPy")
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

    verify(net, run, 1, importer="from_it", source="NumPy")


def test_a_deep_network_is_compared_too(dtype: Float) -> None:
    """Its bound is larger than its answers; half a percent in one layer is noticed all the same."""
    rng = np.random.default_rng(3)
    weights = [(0.25 * rng.standard_normal((32, 32))).astype(dtype) for _ in range(25)]

    def of(slope: float) -> fp.Sequential:
        layers = [(fp.Linear(w), fp.LeakyReLU(slope if i == 12 else 0.1)) for i, w in enumerate(weights)]
        return fp.Sequential(*(layer for pair in layers for layer in pair))

    verify(of(0.1), of(0.1), 32, importer="from_it", source="ours")
    with pytest.raises(fp.ConversionError, match="where rounding explains"):
        verify(of(0.1), of(0.105), 32, importer="from_it", source="another slope")


class OwnError(Exception):
    """What a handler of the caller's raises."""


@pytest.mark.parametrize("error", [TimeoutError, OwnError, KeyboardInterrupt, MemoryError, OSError])
def test_what_is_not_of_the_source_passes(error: type[BaseException]) -> None:
    """A handler of signals raises in the middle of the source's answers; that is no fault of the source."""

    def fail(_: Array) -> Array:
        raise error("of the caller")

    with pytest.raises(error, match="of the caller"):
        verify(network(), fail, 5, importer="from_it", source="a file")


def test_wide_networks_are_compared_on_few_rows() -> None:
    """Few at a time, too, and never fewer than at four scales."""
    width, seen = 1 << 17, []
    net = fp.Sequential(fp.ReLU(), fp.Tanh())

    def run(x: Array) -> Array:
        seen.append(len(x))
        return np.tanh(np.maximum(x, 0))

    verify(net, run, width, importer="from_it", source="NumPy")
    assert sum(seen) == net.verification.rows == (1 << 22) // (3 * width)
    assert max(seen) == 2
    assert np.ptp(np.log2(np.abs(rows_for(1 << 22, np.dtype(np.float32))).max(axis=1))) > 15


def test_an_error_in_a_later_part_is_found() -> None:
    width = 1 << 17
    net = fp.Sequential(fp.ReLU(), fp.Tanh())
    calls = []

    def run(x: Array) -> Array:
        calls.append(x)
        y: Array = np.tanh(np.maximum(x, 0)) + (0.01 if len(calls) == 4 else 0)
        return y

    with pytest.raises(fp.ConversionError, match="row 6 of the verification"):
        verify(net, run, width, importer="from_it", source="NumPy")


@pytest.mark.parametrize("layers", [1, 20])
def test_trials_move_answers_as_rounding_does(layers: int, dtype: Float) -> None:
    """As far as a network whose numbers are really moved, within the spread of random signs."""
    rng = np.random.default_rng(5)
    made = [fp.Linear((rng.standard_normal((40, 40)) / 6).astype(dtype)) for _ in range(layers)]
    net = fp.Sequential(*made, fp.Normalize(np.ones(40), np.full(40, 2.0)), fp.LayerNorm(40), fp.Residual(fp.Tanh()))
    x: Any = rng.standard_normal((30, 40)).astype(dtype)
    u = UNITS * float(np.finfo(dtype).eps) / 2
    furthest = np.zeros(30)
    for _ in range(SHAKEN):
        moved = fp.Sequential(
            *(fp.Linear(layer.weight * signs(rng, u, 40, 40), layer.bias) for layer in made), *net[-3:]
        )
        furthest = np.maximum(furthest, np.abs(moved(x * signs(rng, u, 40)).astype(float) - net(x)).max(axis=1))
    ratio = np.median(Moves(net).of(x, net(x))[:, 0] / furthest)
    assert 0.8 < ratio < 2


def signs(rng: np.random.Generator, u: float, *shape: int) -> Array:
    made: Array = (1 + u * (1 - 2.0 * rng.integers(0, 2, shape))).astype(np.float32 if u > 1e-9 else np.float64)
    return made


def test_bounds_in_parts_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large weight is taken some outputs at a time."""
    rng = np.random.default_rng(1)
    net = fp.Sequential(fp.Linear.random(5, 200, rng=rng), fp.Linear.random(200, 7, rng=rng))
    x = rows_for(5, np.dtype(np.float32))
    whole = agreement_bound(net, x)
    monkeypatch.setattr("forwardpass.nn.linear.PART", 100)
    np.testing.assert_allclose(agreement_bound(net, x), whole, rtol=1e-12)
