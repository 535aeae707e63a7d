"""The fuzzers run, and see what is wrong; for long runs see tests/fuzz."""

from typing import Any

import numpy as np
import pytest

import forwardpass as fp
from tests import bad_files
from tests.fuzz import boundary, files


def test_random_calls() -> None:
    rng = np.random.default_rng(0)
    for _ in range(5000):
        boundary.one_input(rng.bytes(int(rng.integers(1, 200))))


def test_random_files() -> None:
    rng = np.random.default_rng(0)
    for suffix, first in ((".npz", b"\0"), (".safetensors", b"\xff")):
        content = bytearray(bad_files.good(suffix))
        for _ in range(100):
            at = int(rng.integers(len(content)))
            files.one_input(first + content[:at] + rng.bytes(3) + content[at:])


def test_a_wrong_result_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    right, bound = fp.Linear, fp.error_bound

    class Wrong(fp.Linear):
        def __call__(self, x: Any, **options: Any) -> Any:
            return super().__call__(x, **options) + 1

    monkeypatch.setattr(fp, "Linear", Wrong)
    monkeypatch.setattr(fp, "error_bound", lambda layer, x: bound(right(layer.weight, layer.bias), x))
    with pytest.raises(AssertionError):
        test_random_calls()


def test_another_exception_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise SystemError("error return without exception set")

    monkeypatch.setattr(fp, "relu", broken)
    with pytest.raises(SystemError):
        test_random_calls()
