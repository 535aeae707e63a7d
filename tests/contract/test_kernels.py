"""Every instruction set, packed or not, fused or not, gives the bits of the reference kernel."""

import numpy as np
import pytest

import forwardpass as fp
from tests.support import ENTRIES, Array, Float, normal, reference, same_bits
from tests.support.case import again, data

pytestmark = pytest.mark.usefixtures("isa")

OUTPUTS = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 96, 127, 130]
DEPTHS = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 17, 31, 33, 40, 64, 65, 100, 127, 128, 129, 136, 137, 256, 257]
ROWS = [0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13]


def seed_of(outputs: int, depth: int) -> int:
    return outputs * 1000 + depth


def check(
    y: Array, expected: Array, entry: str, shape: tuple[int, int, int], bias: bool = True, activation: str | None = None
) -> None:
    """The bits of a way into the kernels; `shape` is rows, outputs and depth."""
    seed = seed_of(*shape[1:])
    assert same_bits(y, expected), again(entry, shape, y.dtype.type, seed, bias, activation)


@pytest.mark.parametrize("outputs", OUTPUTS)
def test_packed_and_unpacked_over_a_grid(outputs: int, dtype: Float) -> None:
    for depth in DEPTHS:
        x, W, b = data(max(ROWS), outputs, depth, dtype, seed_of(outputs, depth))
        expected, rectified = reference(x, W, b), reference(x, W, b, "relu")
        layer = fp.Linear(W, b)
        net = fp.Sequential(layer, fp.ReLU())
        fortran = np.asfortranarray(W)
        for rows in ROWS:
            shape = rows, outputs, depth
            check(layer(x[:rows]), expected[:rows], "layer", shape)
            check(net(x[:rows]), rectified[:rows], "network", shape, activation="relu")
            check(fp.linear(x[:rows], W, b), expected[:rows], "linear", shape)
            check(fp.linear(x[:rows], fortran, b, "relu"), rectified[:rows], "columns", shape, activation="relu")


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize(("rows", "outputs"), [(1, 1), (3, 7), (5, 37), (8, 70)])
def test_every_entry(entry: str, rows: int, outputs: int, dtype: Float) -> None:
    for depth in (1, 5, 9, 33, 128, 129, 200, 259):
        x, W, b = data(rows, outputs, depth, dtype, seed_of(outputs, depth))
        for bias in (None, b):
            for activation in (None, "relu"):
                y = ENTRIES[entry](x, W, bias, activation)
                shape = rows, outputs, depth
                check(y, reference(x, W, bias, activation), entry, shape, bias is not None, activation)


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize(("rows", "outputs"), [(1, 1), (2, 33), (7, 5)])
@pytest.mark.parametrize("depth", [255, 256, 257, 511, 513, 2048, 2049, 3840, 4095, 4096, 4097, 4353, 6200, 8193])
def test_superblocks_and_groups(entry: str, rows: int, outputs: int, depth: int, dtype: Float) -> None:
    x, W, b = data(rows, outputs, depth, dtype, seed_of(outputs, depth))
    check(ENTRIES[entry](x, W, b, None), reference(x, W, b), entry, (rows, outputs, depth))


@pytest.mark.parametrize("rows", [1, 6, 37, 200])
def test_a_network_is_its_layers_one_after_another(rows: int, dtype: Float) -> None:
    widths = [19, 64, 100, 33, 1, 17]
    layers: list[fp.Module] = [fp.ReLU()]  # not fused to anything
    x = normal(1, (rows, widths[0]), dtype)
    expected = fp.relu(x)
    for i in range(len(widths) - 1):
        W, b = normal(2 * i, (widths[i + 1], widths[i]), dtype), normal(2 * i + 1, (widths[i + 1],), dtype)
        layers.append(fp.Linear(W, b))
        expected = reference(expected, W, b)
        if i % 2 == 0:
            layers += [fp.ReLU(), fp.ReLU()]  # the second finds nothing to do
            expected = np.maximum(expected, 0)
    assert same_bits(fp.Sequential(*layers)(x), expected)
    y = x
    for layer in layers:
        y = layer(y)
    assert same_bits(y, expected)


def test_a_network_keeps_the_instruction_set_it_was_built_with(isa: str) -> None:
    """And gives the same bits when another is chosen in between."""
    x, W, b = data(5, 37, 70, np.float32, 0)
    net = fp.Sequential(fp.Linear(W, b), fp.ReLU())
    y = net(x)
    for other in fp.available_isas():
        fp._core.choose_isa(other)
        assert same_bits(net(x), y)
        net.load_state_dict(net.state_dict())
        assert same_bits(net(x), y)


@pytest.mark.full
@pytest.mark.parametrize("depth", range(131))
def test_the_whole_grid(depth: int, dtype: Float) -> None:
    for outputs in range(1, 131):
        x, W, b = data(7, outputs, depth, dtype, seed_of(outputs, depth))
        expected = reference(x, W, b, "relu")
        net = fp.Sequential(fp.Linear(W, b), fp.ReLU())
        for rows in range(1, 8):
            check(net(x[:rows]), expected[:rows], "network", (rows, outputs, depth), activation="relu")
        for rows in (1, 7):
            y = fp.linear(x[:rows], W, b, "relu")
            check(y, expected[:rows], "linear", (rows, outputs, depth), activation="relu")
