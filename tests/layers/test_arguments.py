"""Arguments of layers: which are refused, how they are shown, and that they never change."""

import math
from collections.abc import Callable
from typing import Any

import pytest

import forwardpass as fp


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: fp.LeakyReLU(math.nan), "negative_slope: expected a finite number, got nan"),
        (lambda: fp.ELU(math.inf), "alpha: expected a finite number, got inf"),
        (lambda: fp.GELU("sigmoid"), "approximate: expected 'none' or 'tanh', got 'sigmoid'"),  # type: ignore[arg-type]  # wrong on purpose
        (
            lambda: fp.ELU(1e39),
            r"alpha: expected a number that float32 holds, at most 3.4028235e\+38 in size, got 1e\+39",
        ),
        (lambda: fp.LeakyReLU(-1e39), "negative_slope: expected a number that float32 holds, .*, got -1e"),
        (lambda: fp.Softplus(0.0), "beta: expected a positive number that float32 holds, at least 1.4e-45, got 0.0"),
        (
            lambda: fp.Softplus(1e-46),
            "beta: expected a positive number that float32 holds, at least 1.4e-45, got 1e-46",
        ),
        (lambda: fp.Softplus(1e300), r"beta: expected a number that float32 holds, at most 3.4028235e\+38 in size"),
        (lambda: fp.Softplus(threshold=-1e300), "threshold: expected a number that float32 holds, .*, got -1e"),
        (lambda: fp.Softplus(threshold=10**400), "threshold: expected a number that float64 holds, got a larger one"),
        (lambda: fp.Hardtanh(1.0, 1.0), "expected min_val < max_val, got 1.0 and 1.0"),
        (lambda: fp.CELU(0.0), "alpha: expected a number from 1e-30 to 1e30, got 0.0"),
        (lambda: fp.CELU(1e31), r"alpha: expected a number from 1e-30 to 1e30, got 1e\+31"),
        (lambda: fp.PReLU([]), "weight: expected at least one slope"),
        (lambda: fp.RMSNorm(2, eps=-1.0), "eps: expected a number that is not negative, got -1.0"),
        (lambda: fp.Softmax(0), "dim: expected -1, the last axis, or 1, the last axis of rows, got 0"),
        (lambda: fp.Dropout(1.5), "p: expected a number from 0 to 1, got 1.5"),
        (lambda: fp.Flatten(0), "start_dim, end_dim: expected 1 and -1, got 0 and -1"),
    ],
)
def test_arguments_that_are_refused(make: Callable[[], fp.Module], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: fp.LeakyReLU(None), "negative_slope"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: fp.ELU(1j), "alpha"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: fp.Hardtanh([0], 1), "min_val"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: fp.Dropout(None), "p"),  # type: ignore[arg-type]  # wrong on purpose
    ],
)
def test_arguments_that_are_no_numbers(make: Callable[[], fp.Module], name: str) -> None:
    with pytest.raises(TypeError, match=f"^{name}: expected a number, got "):
        make()


def test_repr_is_torchs() -> None:
    layers = (fp.LeakyReLU(), fp.ELU(), fp.GELU("tanh"), fp.Softplus(), fp.Softmax(), fp.Dropout(), fp.SiLU())
    assert [repr(layer) for layer in layers] == [
        "LeakyReLU(negative_slope=0.01)",
        "ELU(alpha=1.0)",
        "GELU(approximate='tanh')",
        "Softplus(beta=1.0, threshold=20.0)",
        "Softmax(dim=-1)",
        "Dropout(p=0.5)",
        "SiLU()",
    ]


def test_parameters_do_not_change() -> None:
    """They would in repr and in files, and not in answers."""
    layers: list[Any] = [
        *(fp.LeakyReLU(0.1), fp.Normalize([0.0], [1.0], clip=2.0), fp.Residual(fp.ReLU()), fp.Linear([[1.0]])),
    ]
    for layer, name in zip(layers, ("negative_slope", "clip", "inner", "has_bias"), strict=True):
        before = repr(layer)
        with pytest.raises(AttributeError, match=f"{name}.* does not change|has no setter|can't set attribute"):
            setattr(layer, name, 0.5)
        assert repr(layer) == before
    with pytest.raises(TypeError, match="cannot be called again"):
        layers[0].__init__(0.5)


def test_batch_norm_of_a_number_of_features_begins_as_pytorchs() -> None:
    layer = fp.BatchNorm1d(3, eps=0.0)
    expected = {"weight": [1.0] * 3, "bias": [0.0] * 3, "running_mean": [0.0] * 3, "running_var": [1.0] * 3}
    assert {name: array.tolist() for name, array in layer.state_dict().items()} == expected
    assert layer([1.0, -2.0, 3.0]).tolist() == [1.0, -2.0, 3.0]
    layer.load_state_dict({**layer.state_dict(), "running_mean": [1.0, 1.0, 1.0]})
    assert layer([1.0, -2.0, 3.0]).tolist() == [0.0, -3.0, 2.0]
    assert fp.PReLU()([-4.0]).tolist() == [-1.0], "PyTorch's slope"


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ((2.5,), TypeError, "running_mean: expected the number of features, got 2.5"),
        ((True,), TypeError, "running_mean: expected the number of features, got True"),
        ((-1,), ValueError, "running_mean: expected the number of features, got -1"),
        (([0.0, 0.0],), TypeError, "running_var: expected an array beside running_mean, got None"),
        ((2, None, [1.0, 1.0]), TypeError, "running_var: expected an array beside running_mean, got None"),
        ((2, [1.0, 1.0]), ValueError, r"running_mean: expected shape \(features,\), got \(\)"),
    ],
)
def test_batch_norm_of_neither(arguments: tuple[Any, ...], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        fp.BatchNorm1d(*arguments)
