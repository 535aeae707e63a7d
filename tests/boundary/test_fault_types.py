"""dtypes and objects that do not fit are refused by name; what NumPy's same_kind rule takes is taken."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import forwardpass as fp
from tests.support import Array, Float, same_bits

REFUSED: dict[str, Array] = {
    "complex64": np.ones((2, 2), np.complex64),
    "complex128": np.ones((2, 2), np.complex128),
    "object": np.array([[1, None], [2, 3]], object),
    "<U1": np.full((2, 2), "1"),
    "|S1": np.full((2, 2), b"1"),
    "datetime64[D]": np.full((2, 2), np.datetime64("2020-01-01")),
    "timedelta64[s]": np.full((2, 2), np.timedelta64(1, "s")),
    "[('a', '<f8')]": np.zeros((2, 2), [("a", "<f8")]),
}
REFUSED_IDS = ["complex64", "complex128", "object", "str", "bytes", "datetime", "timedelta", "record"]
SQUARE = np.ones((2, 2))
VECTOR = np.ones(2)


class OtherDevice:
    """A tensor in the memory of a GPU."""

    shape = (2, 2)
    ndim = 2

    def __dlpack_device__(self) -> tuple[int, int]:
        return (2, 0)

    def __dlpack__(self, **_: Any) -> Any:
        raise AssertionError("must not be asked for data")


def vector(a: Any) -> Any:
    return a[0] if isinstance(a, np.ndarray) else a


# The argument's name, and a call that passes it a (2, 2) matrix, or a vector made of it.
ARGUMENTS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "layer x": ("x", lambda a: fp.Linear(SQUARE)(a)),
    "float32 layer x": ("x", lambda a: fp.Linear(SQUARE.astype(np.float32))(a)),
    "activation x": ("x", lambda a: fp.ReLU()(a)),
    "Linear weight": ("weight", lambda a: fp.Linear(a)),
    "Linear bias": ("bias", lambda a: fp.Linear(SQUARE, vector(a))),
    "linear x": ("x", lambda a: fp.linear(a, SQUARE)),
    "linear W": ("W", lambda a: fp.linear(SQUARE, a)),
    "linear b": ("b", lambda a: fp.linear(SQUARE, SQUARE, vector(a))),
    "matvec W": ("W", lambda a: fp.matvec(a, VECTOR)),
    "matvec x": ("x", lambda a: fp.matvec(SQUARE, a)),
    "matmul A": ("A", lambda a: fp.matmul(a, SQUARE)),
    "matmul B": ("B", lambda a: fp.matmul(SQUARE, a)),
    "matmul A, vector": ("A", lambda a: fp.matmul(a, VECTOR)),
    "matmul A, stack": ("A", lambda a: fp.matmul(a, SQUARE[np.newaxis])),
    "dot a": ("a", lambda a: fp.dot(vector(a), VECTOR)),
    "dot b": ("b", lambda a: fp.dot(VECTOR, vector(a))),
    "add_bias y": ("y", lambda a: fp.add_bias(a, VECTOR)),
    "add_bias b": ("b", lambda a: fp.add_bias(SQUARE, vector(a))),
    "relu x": ("x", lambda a: fp.relu(a)),
}


@pytest.mark.parametrize("argument", ARGUMENTS)
@pytest.mark.parametrize("dtype_name", REFUSED, ids=REFUSED_IDS)
def test_refused_dtypes(argument: str, dtype_name: str) -> None:
    _, call = ARGUMENTS[argument]
    with pytest.raises(TypeError) as error:
        call(REFUSED[dtype_name])
    assert dtype_name in str(error.value)
    assert "float" in str(error.value)  # what was expected


@pytest.mark.parametrize("argument", ARGUMENTS)
def test_a_refused_dtype_is_blamed_on_its_argument(argument: str) -> None:
    name, call = ARGUMENTS[argument]
    with pytest.raises(TypeError, match=rf"\b{name}\b.*complex64"):
        call(REFUSED["complex64"])


@pytest.mark.parametrize("argument", ARGUMENTS)
def test_masked_arrays(argument: str) -> None:
    name, call = ARGUMENTS[argument]
    with pytest.raises(TypeError, match=rf"\b{name}: masked"):
        call(np.ma.masked_equal(SQUARE, 3))


@pytest.mark.parametrize("argument", ARGUMENTS)
def test_tensors_on_another_device(argument: str) -> None:
    name, call = ARGUMENTS[argument]
    with pytest.raises(TypeError, match=rf"\b{name}: .*device"):
        call(OtherDevice())


class Unreadable:
    """A tensor that does not give its data away."""

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)

    def __dlpack__(self, **_: Any) -> Any:
        raise BufferError("not now")


@pytest.mark.parametrize("argument", ARGUMENTS)
def test_tensors_that_cannot_be_read(argument: str) -> None:
    name, call = ARGUMENTS[argument]
    with pytest.raises(TypeError, match=rf"\b{name}: not now"):
        call(Unreadable())
    with pytest.raises(TypeError, match=rf"\b{name}: "):
        call(np.ndarray)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError])
def test_what_is_no_fault_of_a_tensor(error: type[BaseException]) -> None:
    class Ending(Unreadable):
        def __dlpack__(self, **_: Any) -> Any:
            raise error

    with pytest.raises(error):
        fp.relu(Ending())  # type: ignore[arg-type]  # no array, on purpose


@pytest.mark.parametrize("argument", ARGUMENTS)
def test_ragged_lists(argument: str) -> None:
    name, call = ARGUMENTS[argument]
    ragged: list[Any] = [[[1.0, 2.0], [3.0]], ([1.0, 2.0], [3.0])]
    for value in ragged:
        with pytest.raises(ValueError, match=rf"\b{name}: .*inhomogeneous"):
            call(value)


@pytest.mark.parametrize("argument", ARGUMENTS)
@pytest.mark.parametrize(
    "value", [None, object(), {}, "text", b"text", {1, 2}, fp.ReLU()], ids=lambda v: type(v).__name__
)
def test_objects_that_are_no_numbers(argument: str, value: Any) -> None:
    name, call = ARGUMENTS[argument]
    if value is None and argument in ("Linear bias", "linear b"):
        call(value)  # no bias
        return
    with pytest.raises(TypeError, match=rf"\b{name}: expected an array of numbers, got {type(value).__name__}"):
        call(value)


@pytest.mark.parametrize("bias", [True, False])
def test_a_bias_as_torch_takes_it(bias: Any) -> None:
    with pytest.raises(TypeError, match=r"bias: expected an array of shape \(out_features,\) or None, got a bool"):
        fp.Linear(SQUARE, bias)


@pytest.mark.parametrize("given", ["?", "i1", "u1", "i2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "g", ">f4", ">i8"])
def test_dtypes_that_same_kind_takes(given: str, dtype: Float) -> None:
    """Converted to the layer's dtype; the result has the layer's dtype."""
    x = np.array([[1, 0, 1], [0, 1, 1]]).astype(given)
    W, b = np.array([[1, 2, 3], [4, 5, 6]], dtype), np.array([0, 1]).astype(given)
    plain = x.astype(dtype)
    expected = fp.linear(plain, W, b.astype(dtype))
    layer = fp.Linear(W, b)
    assert layer.dtype == dtype
    assert same_bits(layer(x), expected)
    out = np.empty((2, 2), dtype)
    assert same_bits(layer(x, out=out), expected)


def test_values_beyond_float32_become_infinite_without_a_warning() -> None:
    layer = fp.Linear(np.ones((1, 1), np.float32))
    with np.errstate(all="raise"):
        y = layer(np.array([[1e300], [-1e300], [1e-300]]))
        layer.load_state_dict({"weight": np.array([[1e300]])})
        biased = fp.Linear(np.ones((1, 1), np.float32), np.array([-1e300]))
    assert same_bits(y, np.array([[np.inf], [-np.inf], [0]], np.float32))
    assert same_bits(layer.weight, np.array([[np.inf]], np.float32))
    assert same_bits(biased([0.0]), np.array([-np.inf], np.float32))


KINDS = ["?", "i1", "i2", "i4", "i8", "u8", "f2", "f4", "f8"]


@pytest.mark.parametrize("first", KINDS)
@pytest.mark.parametrize("second", KINDS)
def test_functional_calls_promote_as_numpy(first: str, second: str) -> None:
    """To float32 where NumPy says float32 or float16, else to float64."""
    a, b = np.ones((2, 2), first), np.ones((2, 2), second)
    promoted = np.result_type(a, b)
    expected = np.float32 if promoted in (np.float16, np.float32) else np.float64
    for y in (fp.linear(a, b), fp.matvec(a, b), fp.matmul(a, b), fp.matmul(a, b[None]), fp.add_bias(a, b[0])):
        assert y.dtype == expected
    assert fp.matmul(a, b[0]).dtype == fp.dot(a[0], b[0]).dtype == expected
