"""What every layer must do. The tests walk the layers' own statements, so a new layer is tried without a line here."""

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import forwardpass as fp
from forwardpass import _core, nn
from forwardpass.reference import exact
from forwardpass.selfcheck.extremes import LAYERS, WIDTH, Numbers
from tests.support import Array, Float, normal, same_bits

# Two of each kind, with other numbers in each.
EXAMPLES = [(name, seed) for name in LAYERS for seed in range(2)]
DUPLICATES: list[Callable[[Any], Any]] = [copy.copy, copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))]


# A user's own class of each kind, where pickle finds it.
MINE = {kind: type(f"Mine{name}", (kind,), {"__module__": __name__}) for name, kind in nn.LAYERS.items()}
globals().update({kind.__name__: kind for kind in MINE.values()})


def subclass_of(layer: fp.Module) -> Any:
    """An equal layer of that class."""
    arguments, named = layer.made_from()
    return MINE[type(layer)](*arguments, **named)


def example(name: str, seed: int, dtype: Float = np.float32) -> fp.Module:
    return LAYERS[name](Numbers(seed, dtype))


def rows(dtype: Float = np.float32) -> Array:
    return np.concatenate([normal(3, (9, WIDTH), dtype), Numbers(4, dtype).rows(), np.zeros((1, WIDTH), dtype)])


def test_every_layer_has_an_example() -> None:
    """But for networks, which are made of layers."""
    there = {type(example(name, 0)) for name in LAYERS}
    assert there == {kind for kind in nn.LAYERS.values() if not kind.holds}


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize(("name", "seed"), EXAMPLES)
def test_copies_give_the_same_bits(name: str, seed: int) -> None:
    layer, x = example(name, seed), rows()
    for made in (layer, subclass_of(layer)):
        for duplicate in DUPLICATES:
            again = duplicate(made)
            assert type(again) is type(made)
            assert repr(again) == repr(made)
            assert same_bits(again(x), layer(x))


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize(("name", "seed"), EXAMPLES)
def test_files_give_the_same_bits(name: str, seed: int, suffix: str, tmp_path: Path) -> None:
    layer, x = example(name, seed), rows()
    fp.save(layer, tmp_path / f"net{suffix}")
    again = fp.load(tmp_path / f"net{suffix}")
    assert repr(again) == repr(layer)
    assert same_bits(again(x), layer(x))
    assert fp.content_hash(again) == fp.content_hash(layer)
    with pytest.raises(TypeError, match=f"got Mine{type(layer).__name__}"):
        fp.save(subclass_of(layer), tmp_path / f"mine{suffix}")


@pytest.mark.parametrize(("name", "seed"), EXAMPLES)
def test_arrays_and_arguments_can_be_read_alone(name: str, seed: int) -> None:
    layer: Any = example(name, seed)
    assert set(layer.state_dict()) <= set(layer.arrays)
    for array in layer.arrays:
        value = layer.state_dict().get(array)
        assert (getattr(layer, array) is None) if value is None else same_bits(getattr(layer, array), value)
        with pytest.raises(AttributeError, match=rf"{array} cannot be assigned: load_state_dict\(\)"):
            setattr(layer, array, value)
        if value is not None:
            with pytest.raises(ValueError, match="read-only"):
                getattr(layer, array)[...] = 0
    for argument in layer.arguments:
        with pytest.raises(AttributeError, match=f"{argument} does not change: make a new layer"):
            setattr(layer, argument, getattr(layer, argument))
        with pytest.raises(AttributeError):
            delattr(layer, argument)


@pytest.mark.parametrize(("name", "seed"), EXAMPLES)
def test_new_values_are_taken_in_place(name: str, seed: int) -> None:
    layer, other, x = example(name, seed), example(name, seed), rows()
    state = other.state_dict()
    net = fp.Sequential(fp.Linear(np.eye(WIDTH, dtype=np.float32)), layer)
    net.load_state_dict({f"1.{array}": value for array, value in state.items()} | {"0.weight": np.eye(WIDTH)})
    assert same_bits(net(x), fp.Sequential(net[0], other)(x))


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("name", LAYERS)
def test_results_are_inside_the_bound(name: str, dtype: Float) -> None:
    layer = fp.Sequential(fp.Linear(np.eye(WIDTH, dtype=dtype)), example(name, 0, dtype))
    x = normal(5, (40, WIDTH), dtype)
    with np.errstate(all="ignore"):
        expected, bound = exact(layer, x), fp.error_bound(layer, x)
        error = np.abs(layer(x) - expected)
        known = np.isfinite(bound) & np.isfinite(expected.astype(dtype))
    assert (error[known] <= bound[known] * (1 + 1e-6) + 1e-17 * np.abs(expected[known]) * (dtype is np.float64)).all()


FUNCTIONS = {kind.function: kind for kind in nn.LAYERS.values() if issubclass(kind, nn.elementwise.Elementwise)}
FUNCTIONS.pop("")


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_of_elements(function: str, dtype: Float) -> None:
    """NaN for NaN, -0.0 for -0.0 where 0 gives 0 (but of ReLU), fused as alone, and the defaults of the call."""
    layer = FUNCTIONS[function]()
    y = layer(np.array([np.nan, -np.inf, np.inf, 0.0, -0.0], dtype))
    assert np.isnan(y[0])
    assert not np.isnan(y[1:]).any()
    if y[3] == 0 and function != "relu":
        assert (np.signbit(y[3]), np.signbit(y[4])) == (False, True)
    x, weight = normal(6, (70, 33), dtype), normal(7, (33, 33), dtype)
    linear = fp.Linear(weight)
    fused = fp.Sequential(linear, layer)(x)
    assert same_bits(fused, layer(linear(x)))
    assert same_bits(fused, _core.linear(x, weight, None, function))
