"""Layers without arrays as functions: `fp.tanh(x)` is `fp.Tanh()(x)`, for numbers, in place and by name."""

import inspect
from typing import Any

import numpy as np
import pytest

import forwardpass as fp
from forwardpass import functional
from forwardpass.nn import LAYERS
from tests.support import Float, normal, same_bits

# Each function's own layer: the class says what it is called.
KINDS = {kind.function: kind for kind in LAYERS.values() if kind.function and kind is not fp.Identity}
# Of those that have arguments, others than the defaults.
ARGUMENTS: dict[str, list[Any]] = {
    "leaky_relu": [0.3],
    "hardtanh": [-0.5, 0.25],
    "elu": [0.5],
    "celu": [0.5],
    "gelu": ["tanh"],
    "softplus": [2.0, 3.0],
    "softmax": [1],
    "log_softmax": [1],
}


def test_there_is_a_function_of_every_layer_without_arrays() -> None:
    assert sorted(KINDS) == functional.__all__


@pytest.mark.parametrize("name", KINDS)
def test_a_function_is_its_layer(name: str, dtype: Float) -> None:
    x, function = normal(1, (5, 7), dtype), getattr(fp, name)
    for arguments in ([], ARGUMENTS.get(name, [])):
        expected = KINDS[name](*arguments)(x)
        out = np.empty_like(x)
        assert same_bits(function(x, *arguments), expected)
        assert function(x, *arguments, out=out) is out
        assert same_bits(out, expected)
        in_place = x.copy()
        assert function(in_place, *arguments, out=in_place) is in_place
        assert same_bits(in_place, expected)


@pytest.mark.parametrize("name", KINDS)
def test_the_arguments_are_those_of_the_layer(name: str) -> None:
    shown = inspect.signature(getattr(fp, name)).parameters
    own = {key: value.default for key, value in inspect.signature(KINDS[name]).parameters.items()}
    assert {key: value.default for key, value in shown.items()} == {"x": inspect.Parameter.empty, **own, "out": None}


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.order != "row_order"])
def test_functions_of_numbers(name: str) -> None:
    function, layer = getattr(fp, name), KINDS[name]()
    for value in (-1.5, np.float32(0.5), -3, True, np.array(0.25, ">f4"), np.float16(2)):
        got = function(value)
        assert isinstance(got, np.floating), value
        assert same_bits(got, layer(np.atleast_1d(value))[0])
        assert same_bits(layer(value), got)
        out = np.empty((), got.dtype)
        assert function(value, out=out) is out
        assert same_bits(out, got)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: fp.softmax(1.0), ValueError, "x: expected at least one axis"),
        (lambda: fp.softmax([1.0], 0), ValueError, "dim: expected -1"),
        (lambda: fp.hardtanh([1.0], 2.0, 1.0), ValueError, "expected min_val < max_val"),
        (lambda: fp.elu([1.0], [2.0]), TypeError, "alpha: expected a number, got"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: fp.gelu([1.0], ["tanh"]), ValueError, "approximate: expected"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: fp.tanh("x"), TypeError, "x: expected an array of numbers"),
        (lambda: fp.tanh([1.0], out=[0.0]), TypeError, "out: "),  # type: ignore[arg-type]  # wrong on purpose
    ],
)
def test_what_is_refused(call: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        call()
