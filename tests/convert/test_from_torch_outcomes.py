"""What tests/origins counts of PyTorch's modules: nothing is wrong, and a wrong answer would be counted."""

import numpy as np
import pytest

import forwardpass as fp
from tests.origins import torch_modules
from tests.origins.outcomes import report


def test_none_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert torch_modules.main() == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith("torch: 60 networks: ")
    assert first.endswith(f"{len(rest)} refused, 0 wrong")


def test_what_is_wrong_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    net, x = fp.Linear(np.eye(2)), np.ones((3, 2))

    def refused() -> None:
        raise fp.ConversionError("no")

    cases = {
        "right": lambda: (net, x, x),
        "other answers": lambda: (net, x, x + 1e-9),
        "another shape": lambda: (net, x, x[0]),
        "no way out": refused,
        "a failure": lambda: 1 / 0,
    }
    assert report("none", cases.items()) == 1  # type: ignore[arg-type]  # no networks
    captured = capsys.readouterr()
    assert captured.out == "none: 5 networks: 1 with equal answers, 0 refused, 4 wrong\n"
    assert len(captured.err.splitlines()) == 4
