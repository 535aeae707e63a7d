"""classes= makes a Classifier of a PyTorch network: of logits and of probabilities, with PyTorch's own answers."""

from typing import Any

import numpy as np
import pytest
import torch

import forwardpass as fp
from tests.support import normal

LABELS = ["no", "maybe", "yes"]


def module(*ends: torch.nn.Module, outputs: int = 3) -> torch.nn.Sequential:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, outputs), *ends)


@pytest.mark.parametrize("ends", [[], [torch.nn.Softmax(-1)], [torch.nn.LogSoftmax(-1)]])
def test_one_of_several(ends: list[torch.nn.Module]) -> None:
    source, x = module(*ends), normal(0, (50, 4), np.float32)
    net = fp.from_torch(source, classes=LABELS, verbose=False)
    assert isinstance(net, fp.Classifier)
    assert net.verification.rows > 0
    assert list(net.state_dict()) == list(source.state_dict())
    with torch.no_grad():
        logits = module()(torch.from_numpy(x))
    assert net.predict(x).tolist() == [LABELS[i] for i in logits.argmax(-1)]
    np.testing.assert_allclose(net.predict_proba(x), torch.softmax(logits, -1), rtol=1e-5)


@pytest.mark.parametrize("ends", [[], [torch.nn.Sigmoid()]])
def test_one_of_two(ends: list[torch.nn.Module]) -> None:
    x = normal(0, (50, 4), np.float32)
    net: Any = fp.from_torch(module(*ends, outputs=1), classes=[False, True], verbose=False)
    with torch.no_grad():
        logit = module(outputs=1)(torch.from_numpy(x))[:, 0]
    assert 0 < net.predict(x).sum() < 50
    assert net.predict(x).tolist() == (logit > 0).tolist()
    np.testing.assert_allclose(net.predict_proba(x)[:, 1], torch.sigmoid(logit), rtol=1e-5)


def test_a_single_layer_and_a_mapping() -> None:
    linear, x = torch.nn.Linear(4, 3), normal(0, (9, 4), np.float32)
    alone: Any = fp.from_torch(linear, classes=LABELS, verbose=False)
    mapped: Any = fp.from_torch(
        linear.state_dict(), fp.Linear(np.zeros((3, 4), np.float32), np.zeros(3)), verbose=False
    )
    assert alone.predict(x).tolist() == fp.Classifier(mapped, classes=LABELS).predict(x).tolist()
    state = {f"0.{name}": value for name, value in linear.state_dict().items()}
    named: Any = fp.from_torch(state, "4-3", classes=LABELS, verbose=False)
    assert named.predict(x).tolist() == alone.predict(x).tolist()


def test_labels_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="classes: expected 3 labels for 3 outputs, got 2"):
        fp.from_torch(module(), classes=["a", "b"], verbose=False)
    assert type(fp.from_torch(module(), verbose=False)) is fp.Sequential
