"""A line for a person: wherever it cannot be printed, the call succeeds, and so does the program's end."""

import io
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import forwardpass as fp
from forwardpass.printing import say

# A stream with a buffer keeps what it could not write, and fails with it again at the end.
BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
SPOILED = {
    "closed": "sys.stdout.close()",
    "closed below": "os.close(1)",
    "none": "sys.stdout = None",
    "full": "os.dup2(os.open('/dev/full', os.O_WRONLY), 1)",
    "nobody reads": "r, w = os.pipe(); os.close(r); os.dup2(w, 1)",
    "narrow": "sys.stdout.reconfigure(encoding='ascii')",
    "no stream": "sys.stdout = object()",
}


@pytest.mark.parametrize("name", SPOILED)
def test_the_network_is_not_lost(name: str) -> None:
    code = f"""
        import os, sys, forwardpass as fp, numpy as np
        from forwardpass.printing import say
        {SPOILED[name]}
        net = fp.from_torch({{"0.weight": np.ones((2, 3))}}, fp.Sequential(fp.Linear(np.zeros((2, 3)))))
        say("é\\u202e\\udc80")
        sys.stderr.write(f"{{net.in_features}} {{net.verification}}")
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, check=False, env=BUFFERED)
    assert done.stderr.startswith(b"3 from_torch: not verified"), done.stderr
    # Python flushes standard output at its end, which is possible or not, whatever we do.
    assert done.returncode == (120 if name == "no stream" else 0), done.stderr
    if name == "narrow":
        assert done.stdout.endswith(b"\\xe9\\u202e\\udc80\n")


def test_lines_of_the_program_come_before() -> None:
    """Although this one does not wait in the stream's buffer."""
    code = "from forwardpass.printing import say; print('first'); say('second'); print('third')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=BUFFERED)
    assert done.stdout == "first\nsecond\nthird\n"


def test_a_notebook_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its stream has a descriptor too, of the terminal that nobody looks at."""
    stream = io.StringIO()
    monkeypatch.setattr(stream, "fileno", lambda: os.open(os.devnull, os.O_WRONLY), raising=False)
    monkeypatch.setattr(sys, "stdout", stream)
    say("a line")
    assert stream.getvalue() == "a line\n"


@pytest.mark.parametrize("error", [KeyboardInterrupt, TimeoutError])
def test_an_interrupt_passes(error: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(io.StringIO):
        def write(self, text: str) -> int:
            raise error

    monkeypatch.setattr(sys, "stdout", Interrupted())
    with pytest.raises(error):
        say("a line")


def test_it_can_be_switched_off(capfd: pytest.CaptureFixture[str]) -> None:
    state, like = {"0.weight": np.ones((2, 3))}, fp.Sequential(fp.Linear(np.zeros((2, 3))))
    net = fp.from_torch(state, like, verbose=False)
    assert capfd.readouterr().out == ""
    assert net.verification.rows == 0
    fp.from_torch(state, like)
    assert capfd.readouterr().out == f"{net.verification}\n"
