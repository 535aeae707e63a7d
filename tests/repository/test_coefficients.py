"""The polynomials in the kernels are those that the script makes."""

import re
import subprocess
import sys

from tests import ROOT


def code(text: str) -> str:
    """Without comments and white space, which the formatter moves."""
    return re.sub(r"\s+", "", re.sub(r"//.*", "", text))


def test_the_header_is_what_the_script_makes() -> None:
    made = subprocess.run(
        [sys.executable, ROOT / "tools/coefficients.py"], check=True, capture_output=True, text=True, timeout=120
    )
    assert code(made.stdout) == code((ROOT / "cpp/kernels/functions/coefficients.hpp").read_text(encoding="utf-8"))
