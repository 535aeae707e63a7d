"""What one tries without reading: an error says what to do instead, and help shows Python's view."""

import inspect
import pydoc
from typing import Any

import numpy as np
import pytest

import forwardpass as fp
from forwardpass.nn import hints


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (fp.relu, r"the function relu; the layer is ReLU\(\)"),
        (fp.log_softmax, r"the function log_softmax; the layer is LogSoftmax\(\)"),
        (np.tanh, r"the function tanh; the layer is Tanh\(\)"),
        (lambda x: x, "the function <lambda>"),
        ("gelu", r"the text 'gelu'; the layer is GELU\(\)"),
        ("no such", "the text 'no such'"),
        (fp.ReLU, r"the class ReLU; a layer is ReLU\(\.\.\.\)"),
        (dict, "the class dict"),
        ([fp.ReLU()], r"list; pass its layers one by one, Sequential\(\*layers\)"),
        (np.ones(3), "ndarray"),
        (None, "NoneType"),
    ],
)
def test_what_is_no_layer(value: Any, hint: str) -> None:
    with pytest.raises(TypeError, match=f"^layer 1: expected a forwardpass layer, got {hint}$"):
        fp.Sequential(fp.Linear.random(3, 2), value)
    with pytest.raises(TypeError, match=f"^inner: expected a forwardpass layer, got {hint}$"):
        fp.Residual(value)


@pytest.mark.parametrize("name", hints.ATTRIBUTES)
def test_attributes_of_other_libraries(name: str) -> None:
    for network in (fp.ReLU(), fp.Sequential(fp.Linear.random(3, 2))):
        assert not hasattr(network, name)
        with pytest.raises(AttributeError, match=f"^{type(network).__name__} has no {name}: "):
            getattr(network, name)


def test_other_attributes_keep_their_errors() -> None:
    with pytest.raises(AttributeError, match=r"^'ReLU' object has no attribute 'fowrard'"):
        _ = fp.ReLU().fowrard  # type: ignore[attr-defined]  # wrong on purpose
    unmade: Any = fp.ELU.__new__(fp.ELU)
    with pytest.raises(AttributeError, match="alpha: the layer was never initialised"):
        _ = unmade.alpha


def test_arrays_are_read_only() -> None:
    net = fp.Sequential(fp.Linear.random(3, 2), fp.BatchNorm1d(2))
    for layer in net:
        for name in layer.array_names:
            with pytest.raises(ValueError, match="read-only"):
                getattr(layer, name)[...] = 5
            with pytest.raises(AttributeError, match=r"load_state_dict\(\)"):
                setattr(layer, name, 5)


def test_signatures_of_calls() -> None:
    class Own(fp.ReLU):
        def __call__(self, x: Any, more: int = 3) -> Any:  # type: ignore[override]  # on purpose
            return x

    assert str(inspect.signature(fp.Linear.__call__)) == "(self, x, /, *, out=None, num_threads=None)"
    for network in (fp.ReLU(), fp.Sequential(fp.ReLU())):
        assert str(inspect.signature(network)) == "(x, /, *, out=None, num_threads=None)"
    assert [*inspect.signature(Own()).parameters] == ["x", "more"]
    assert [*inspect.signature(fp.Linear).parameters] == ["weight", "bias"], "a class shows how a layer is made"


@pytest.mark.parametrize("name", [name for name in fp.__all__ if name != "__version__"])
def test_help_is_of_python(name: str) -> None:
    """And not of the binding, whose text names C++ types and counts overloads."""
    thing = getattr(fp, name)
    if isinstance(thing, type) and issubclass(thing, Exception):
        return  # Python's own
    text = pydoc.plain(pydoc.render_doc(thing)).partition("Static methods inherited")[0]
    for word in ("Overloaded", "Supports", "self: object", "self: forwardpass", "arg0"):
        assert word not in text
    assert "pybind11" not in repr(thing)
    if callable(thing):
        assert "args" not in inspect.signature(thing).parameters
