"""Shapes that do not fit are refused by name, with what came and what was expected; empty ones work."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import forwardpass as fp
from tests.support import ENTRIES, Float, normal, same_bits


def everything(*parts: str) -> str:
    """A pattern for messages that contain all the parts, in any order."""
    return "".join(f"(?=.*{re.escape(part)})" for part in parts)


@pytest.mark.parametrize("shape", [(3,), (5,), (2, 3), (2, 5), (2, 0), (3, 4, 7)])
def test_depth_mismatch(shape: tuple[int, ...]) -> None:
    x, W = np.ones(shape), np.ones((2, 4))
    message = everything("x", "(2, 4)", str(shape))
    net = fp.Sequential(fp.Linear(W), fp.ReLU())
    out = np.full((*shape[:-1], 2), 7.0)
    calls: list[Callable[[], Any]] = [
        lambda: net(x, out=out),
        lambda: fp.linear(x, W, out=out),
        lambda: fp.matvec(W, x, out=out),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=message):
            call()
        assert (out == 7).all()


def test_layers_are_counted_as_the_network_shows_them() -> None:
    """Those of a Sequential in a Sequential are one there."""
    inner = fp.Sequential(fp.Linear(np.ones((8, 4))), fp.ReLU())
    with pytest.raises(ValueError, match=everything("layer 0", "gives 8", "layer 1", "takes 9")):
        fp.Sequential(inner, fp.Linear(np.ones((2, 9))))
    with pytest.raises(ValueError, match=everything("weight of layer 1", "(8, 4)")):
        fp.Sequential(fp.ReLU(), inner)(np.ones(3))
    with pytest.raises(ValueError, match=everything("as weight has", "(4, 4)")):
        fp.Residual(fp.Linear(np.ones((4, 4))))(np.ones(3))


def test_features_mismatch() -> None:
    """Of layers without weights: one alone, and the first one with a width of a network."""
    norm, x = fp.LayerNorm(3), np.ones((2, 4))
    with pytest.raises(ValueError, match=everything("x: expected a last axis of 3", "this layer", "(2, 4)")):
        norm(x)
    with pytest.raises(ValueError, match=everything("x: expected a last axis of 3", "layer 1", "(2, 4)")):
        fp.Sequential(fp.ReLU(), norm, fp.Linear(np.ones((2, 3))))(x)


def test_depth_mismatch_in_matmul_and_dot() -> None:
    with pytest.raises(ValueError, match=everything("A", "B", "(2, 3)", "(4, 5)")):
        fp.matmul(np.ones((2, 3)), np.ones((4, 5)))
    with pytest.raises(ValueError, match=everything("a", "b", "(3,)", "(4,)")):
        fp.dot(np.ones(3), np.ones(4))
    with pytest.raises(ValueError, match=everything("(3, 3)", "1-d")):
        fp.dot(np.ones((3, 3)), np.ones(3))


@pytest.mark.parametrize(("a", "b"), [((2, 3), (4,)), ((3,), (2, 4, 5)), ((2, 3), (6, 4, 5)), ((2, 2, 3), (2, 4, 5))])
def test_depth_mismatch_in_matmul_of_other_axes(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    """The shapes named are the caller's, not those of something made from them."""
    with pytest.raises(ValueError, match=everything("A", "B", str(a), str(b))):
        fp.matmul(np.ones(a), np.ones(b))


def test_stacks_that_do_not_broadcast() -> None:
    with pytest.raises(ValueError, match=everything("(2,", "(3,")):
        fp.matmul(np.ones((2, 4, 5)), np.ones((3, 5, 6)))


@pytest.mark.parametrize("call", ["linear", "rows"])
def test_a_transposed_weight_is_recognised(call: str) -> None:
    with pytest.raises(ValueError, match=everything("transposed", "(3, 5)", "weight.T")):
        ENTRIES[call](np.ones((2, 5)), np.ones((5, 3)), None, None)
    with pytest.raises(ValueError, match=r"^((?!transposed).)*$"):  # of a shape that would not fit either
        ENTRIES[call](np.ones((2, 4)), np.ones((5, 3)), None, None)


@pytest.mark.parametrize("call", ["layer", "network"])
@pytest.mark.parametrize("x", [np.ones(5), np.ones((2, 5)), np.ones(2)])
def test_x_alone_is_wrong_where_the_layer_was_made_before(call: str, x: NDArray[np.float64]) -> None:
    with pytest.raises(ValueError, match=r"^x: ((?!\.T).)*$"):
        ENTRIES[call](x, np.ones((5, 3)), None, None)


@pytest.mark.parametrize("call", ["layer", "network", "linear"])
def test_transposed_rows_are_recognised(call: str) -> None:
    with pytest.raises(ValueError, match=everything("(3, 7)", "x.T")):
        ENTRIES[call](np.ones((3, 7)), np.ones((5, 3)), None, None)


def test_no_axes() -> None:
    W = np.ones((2, 1))
    for call in (fp.Linear(W), fp.Softmax(), fp.Flatten(), fp.Sequential(fp.Affine([1.0], [0.0]), fp.ReLU())):
        with pytest.raises(ValueError, match=r"x: .*0-d"):
            call(np.float64(1.0))
    with pytest.raises(ValueError, match=r"x: .*0-d"):
        fp.linear(1.0, W)
    with pytest.raises(ValueError, match=r"x: .*0-d"):
        fp.matvec(W, 1.0)
    with pytest.raises(ValueError, match=r"y: .*0-d"):
        fp.add_bias(1.0, [1.0])
    with pytest.raises(ValueError, match=r"a, b: .*\(\)"):
        fp.dot(1.0, 1.0)
    pairs: list[tuple[Any, Any]] = [(1.0, W), (W, 1.0), (1.0, [1.0]), ([1.0], 1.0), (1.0, np.ones((2, 2, 2)))]
    for A, B in pairs:
        with pytest.raises(ValueError, match=r"^A.*(0-d|\(\))"):
            fp.matmul(A, B)


@pytest.mark.parametrize("shape", [(), (3,), (3, 4, 5)])
def test_weights_are_matrices(shape: tuple[int, ...]) -> None:
    came = str(shape) if shape else ""  # "0-d" says as much as "()"
    with pytest.raises(ValueError, match=everything("weight: ", "2-d", "(out_features, in_features)", came)):
        fp.Linear(np.ones(shape))
    with pytest.raises(ValueError, match=everything("W: ", "2-d", "(out_features, in_features)", came)):
        fp.linear(np.ones(3), np.ones(shape))


@pytest.mark.parametrize("shape", [(4, 1), (1, 4), (), (3,), (5,), (0,), (1,)])
def test_biases_are_never_broadcast(shape: tuple[int, ...]) -> None:
    W, b, out = np.ones((4, 2)), np.ones(shape), np.full((3, 4), 7.0)
    with pytest.raises(ValueError, match=everything("bias", "(4,)", str(shape))):
        fp.Linear(W, b)
    with pytest.raises(ValueError, match=everything("b: ", "(4,)", str(shape))):
        fp.linear(np.ones((3, 2)), W, b, out=out)
    with pytest.raises(ValueError, match=everything("b: ", "(4,)", str(shape))):
        fp.add_bias(np.ones((3, 4)), b, out=out)
    assert (out == 7).all()


def test_layers_that_do_not_chain() -> None:
    four, five = fp.Linear(np.ones((4, 3))), fp.Linear(np.ones((2, 5)))
    both = everything("layer 0", "(in_features=3, out_features=4)", "layer 2", "(in_features=5, out_features=2)")
    with pytest.raises(ValueError, match=both):
        fp.Sequential(four, fp.ReLU(), five)
    with pytest.raises(ValueError, match="transposed"):
        fp.Sequential(four, fp.Linear(np.ones((4, 5))))
    with pytest.raises(ValueError, match=r"layer 0.*layer 1"):
        fp.Sequential(fp.Sequential(four), fp.Sequential(five))


def test_an_empty_network() -> None:
    with pytest.raises(ValueError, match="at least one layer"):
        fp.Sequential()
    with pytest.raises(ValueError, match="at least one layer"):
        fp.Sequential(fp.ReLU())[:0]


@pytest.mark.usefixtures("isa")
class TestEmpty:
    @pytest.mark.parametrize("entry", ENTRIES)
    def test_no_rows_or_no_outputs(self, entry: str, dtype: Float) -> None:
        for rows, outputs, depth in [(0, 5, 3), (4, 0, 3), (0, 0, 3), (0, 0, 0), (0, 5, 0), (1, 0, 7)]:
            x, W, b = np.ones((rows, depth), dtype), np.ones((outputs, depth), dtype), np.ones(outputs, dtype)
            assert same_bits(ENTRIES[entry](x, W, b, "relu"), np.ones((rows, outputs), dtype))

    @pytest.mark.parametrize("entry", ENTRIES)
    def test_no_depth(self, entry: str, dtype: Float) -> None:
        """The sum of nothing is +0: rows of act(b)."""
        for outputs in (1, 3, 8, 9, 40, 70):
            b = normal(1, (outputs,), dtype)
            b[0] = -0.0
            for rows in (1, 4, 7):
                x, W = np.empty((rows, 0), dtype), np.empty((outputs, 0), dtype)
                biases = np.tile(b, (rows, 1)) + dtype(0)
                assert same_bits(ENTRIES[entry](x, W, None, None), np.zeros((rows, outputs), dtype))
                assert same_bits(ENTRIES[entry](x, W, b, None), biases)
                assert same_bits(ENTRIES[entry](x, W, b, "relu"), np.maximum(biases, 0))

    def test_no_rows_of_many_axes(self, dtype: Float) -> None:
        net = fp.Sequential(fp.Linear(np.ones((2, 3), dtype)), fp.ReLU(), fp.Linear(np.ones((5, 2), dtype)))
        for shape in [(0, 4), (4, 0), (2, 0, 2)]:
            assert same_bits(net(np.empty((*shape, 3), dtype)), np.empty((*shape, 5), dtype))
        assert same_bits(fp.ReLU()(np.empty((3, 0), dtype)), np.empty((3, 0), dtype))

    def test_elementwise_calls(self, dtype: Float) -> None:
        for shape in [(0,), (0, 3), (3, 0), (2, 0, 4)]:
            y = np.empty(shape, dtype)
            assert same_bits(fp.relu(y), y)
            assert same_bits(fp.add_bias(y, np.ones(shape[-1], dtype)), y)


def test_leading_axes_are_kept(dtype: Float) -> None:
    layer = fp.Linear(normal(1, (3, 5), dtype), normal(2, (3,), dtype))
    x = normal(3, (2, 4, 6, 5), dtype)
    y = layer(x)
    assert y.shape == (2, 4, 6, 3)
    for index in np.ndindex(2, 4, 6):
        assert same_bits(layer(x[index]), y[index])
        assert same_bits(fp.linear(x[index], layer.weight, layer.bias), y[index])
    many = np.ones((1,) * 31 + (5,), dtype)
    assert layer(many).shape == (1,) * 31 + (3,)
