"""The list of planted faults does not rot: each can still be planted. (tests/mutants/run.py: each is caught.)"""

import pytest

from tests import ROOT
from tests.mutants.faults import MUTANTS, Mutant
from tests.mutants.workbench import is_python

pytestmark = pytest.mark.skipif(not (ROOT / "cpp").exists(), reason="the C++ code is not beside the tests")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_each_fault_can_be_planted(mutant: Mutant) -> None:
    text = (ROOT / mutant.file).read_text()
    assert mutant.occurrences(text) == 1
    assert mutant.applied(text) != text
    for test in mutant.tests:
        assert (ROOT / (test.partition("::")[0] if is_python(test) else f"tests/cpp/{test}.cpp")).exists()


def test_names_differ() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 30
