"""Fuzzing of the readers of model files, with atheris (pip install atheris):

    python -m tests.fuzz.files -max_total_time=600

An exception that is no ModelFileError ends it.
"""

import contextlib
import sys
import tempfile
from pathlib import Path

import forwardpass as fp

FOLDER = Path(tempfile.mkdtemp())


def one_input(data: bytes) -> None:
    """What atheris calls: the first byte chooses the format."""
    suffix = ".npz" if data[:1] < b"\x80" else ".safetensors"
    path = FOLDER / f"net{suffix}"
    path.write_bytes(data[1:])
    for architecture in (None, "3-4-2:relu"):
        with contextlib.suppress(fp.ModelFileError):
            fp.load(path, architecture)


if __name__ == "__main__":
    import atheris

    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
