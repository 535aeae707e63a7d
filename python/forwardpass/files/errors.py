"""ModelFileError, which refuses a bad model file, and a helper that quotes a file's values in messages."""

import reprlib
from typing import Any


class ModelFileError(ValueError):
    """A model file that is damaged, malicious, of another format, or of another network than it says.

    Examples
    --------
    >>> import forwardpass as fp, pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "net.npz"
    >>> _ = path.write_bytes(b"no zip file")
    >>> try:
    ...     fp.load(path)
    ... except fp.ModelFileError as error:
    ...     print(str(error).replace(str(path), "net.npz"))
    net.npz: not a zip file: expected a zip file from the first byte to the last
    """


def shown(value: Any) -> str:
    """A value from a file as a short text for a message, however large or deeply nested the value is."""
    return reprlib.repr(value)
