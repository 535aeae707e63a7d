"""The one exception of files that are not what they should be, and how it shows what is in them."""

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
    """A value of a file for a message: a few words of it, however large or deeply nested it is."""
    return reprlib.repr(value)
