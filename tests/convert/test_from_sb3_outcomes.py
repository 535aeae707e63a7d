"""What tests/origins counts of policies: nothing is wrong."""

import pytest

from tests.origins import policies


def test_none_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert policies.main() == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith("Stable-Baselines3: 58 networks: 48 with equal answers, ")
    assert first.endswith(f"{len(rest)} refused, 0 wrong")
