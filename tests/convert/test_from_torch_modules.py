"""from_torch of modules with a forward() of their own: they answer as torch does, or are refused with a way out."""

import copy
from typing import Any

import numpy as np
import pytest
import torch

import forwardpass as fp
from forwardpass.error_bound import agreement_bound
from tests.support.torch_modules import MODULES, converted, made
from tests.support.torch_networks import answers

CONVERTED = [name for name, (_, _, refusal) in MODULES.items() if refusal is None]


def test_there_are_enough_modules() -> None:
    assert len(MODULES) >= 60


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", CONVERTED)
def test_the_answers_are_torchs(name: str, dtype: torch.dtype) -> None:
    module, x = made(name)
    if dtype is torch.float64 and name in ("Reshaped", "Wrapped", "SnapshotOfAverage", "OldRMS"):
        pytest.skip("its forward() names float32")
    module, x = module.to(dtype), x.astype(str(dtype).removeprefix("torch."))
    net = converted(module)
    got, expected = net(x), answers(module, x)
    assert net.verification.rows >= 64
    assert got.shape == expected.shape
    assert (np.abs(got - expected) <= agreement_bound(net, x)).all()


@pytest.mark.parametrize("name", sorted(MODULES.keys() - set(CONVERTED)))
def test_refusals_say_what_to_do(name: str) -> None:
    module, _ = made(name)
    with pytest.raises(fp.ConversionError) as error:
        converted(module)
    assert str(MODULES[name][2]) in str(error.value)
    assert any(word in str(error.value) for word in ("give", "convert", "write", "use", "call"))


@pytest.mark.parametrize("name", CONVERTED)
def test_a_file_of_it_answers_alike(name: str, tmp_path: Any) -> None:
    module, x = made(name)
    net = converted(module)
    fp.save(net, tmp_path / "net.npz")
    assert fp.load(tmp_path / "net.npz")(x).tobytes() == net(x).tobytes()
    net.load_state_dict(converted(copy.deepcopy(module)).state_dict())


def answer_or_error(call: Any) -> Any:
    try:
        return call()
    except (ValueError, RuntimeError, IndexError) as error:
        return error


@pytest.mark.parametrize("name", CONVERTED)
def test_rows_of_more_axes_are_answered_alike_or_refused(name: str) -> None:
    """What names axis 1 means another one there."""
    module, x = made(name)
    net, x = converted(module), x[:30].reshape(2, 15, -1)
    got, expected = answer_or_error(lambda: net(x)), answer_or_error(lambda: answers(module, x))
    # torch.addmm() takes two axes alone, where the network takes rows as ever.
    if not isinstance(got, ValueError) and not isinstance(expected, RuntimeError):
        assert got.shape == expected.shape
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
