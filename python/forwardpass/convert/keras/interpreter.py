"""A Python of its own for what may crash: started only where it is known to be Python."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

from ..errors import ConversionError

# In a packaged program (PyInstaller, cx_Freeze, Nuitka) and in one that embeds Python (uWSGI), sys.executable is that
# program or nothing: started, it would do its own work again, come here again, and so on for ever.
NAME = re.compile(r"(python|pypy)\d*(\.\d+)*[tdw]?(-dbg|-intel64)?(\.exe)?", re.IGNORECASE)
# Set in the child: whatever it is, it starts no other.
INSIDE = "FORWARDPASS_INSIDE"
# What the answer begins with: other programs print other things.
MARKER = b"forwardpass answers: "
REMEDY = (
    "convert the file in an ordinary Python, fp.save(fp.from_keras(path), 'net.npz'), and load that here; "
    "or give from_keras the model itself"
)
# Until it gives up on a child that gets no processor time.
LONGEST_WAIT = 120


def ask(module: str, content: memoryview) -> bytes:
    """What ``main()`` of a module prints after MARKER, in a new Python that gets the content as its standard input.

    Raises
    ------
    ConversionError
        The content made it crash, or hang.
    RuntimeError
        There is no Python to start, or what was started does not answer as one.
    """
    start = f"import sys, json; sys.path[:] = json.loads(sys.argv[1]); from {module} import main; main()"
    try:
        done = subprocess.run(
            [_python(), "-I", "-c", start, json.dumps([str(folder) for folder in sys.path])],
            input=content,
            capture_output=True,
            timeout=LONGEST_WAIT,
            check=False,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", INSIDE: "1"},
        )
    except subprocess.TimeoutExpired as error:
        raise ConversionError("the HDF5 library did not come to an end with it") from error
    except (FileNotFoundError, PermissionError) as error:
        raise RuntimeError(f"cannot start {sys.executable}: {error}: {REMEDY}") from error
    if done.returncode < 0:
        raise ConversionError(f"the HDF5 library did not survive it: signal {-done.returncode}")
    if done.returncode or not done.stdout.startswith(MARKER):
        said = done.stderr.decode(errors="replace")[-1000:]
        raise RuntimeError(f"{sys.executable} does not answer as Python does: {said}: {REMEDY}")
    return done.stdout[len(MARKER) :]


def _python() -> str:
    """The interpreter that runs this program."""
    program = sys.executable or ""
    packaged = getattr(sys, "frozen", False) or hasattr(sys.modules.get("__main__"), "__compiled__")
    if packaged or INSIDE in os.environ or not NAME.fullmatch(os.path.basename(program)):
        raise RuntimeError(
            f"HDF5 is read in a Python of its own, and this program has none to start: sys.executable is {program!r}: "
            f"{REMEDY}"
        )
    return program
