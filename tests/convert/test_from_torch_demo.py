"""`python -m forwardpass demo --train torch`: trained now, converted, and the same labels."""

import re
import subprocess
import sys
from pathlib import Path


def test_demo_trains_and_gives_the_same_labels(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-m", "forwardpass", "demo", "--train", "torch"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert re.search(r"trained by torch in [\d.]+ s", result.stdout)
    assert re.search(r"\d+ rows agree with", result.stdout)
    assert "labels that equal torch's own: 360 of 360" in result.stdout
    assert "all 3600 outputs inside the promised bound: yes" in result.stdout
