"""The one exception of networks that cannot be converted."""

from __future__ import annotations

import os
from typing import Any

from ..printing import printable


class ConversionError(ValueError):
    """A network with a part that is not supported, or whose converted answers are not the source's.

    The message names the part and where it stands.

    Examples
    --------
    >>> import numpy as np, forwardpass as fp
    >>> try:
    ...     fp.from_torch({"0.weight": np.eye(3)}, "4-3:relu")
    ... except fp.ConversionError as error:
    ...     print(error)
    0.weight: expected shape (3, 4), got (3, 3)
    """


def refusal(source: Any, message: str) -> ConversionError:
    r"""The error that a message is about what came out of a file: with its path, and fit for a terminal.

    Examples
    --------
    >>> from forwardpass.convert.errors import refusal
    >>> print(refusal("net.onnx", "node 'a\x1b' is not supported"))
    net.onnx: node 'a\x1b' is not supported
    """
    where = f"{os.fspath(source)}: " if isinstance(source, (str, os.PathLike)) else ""
    return ConversionError(printable(f"{where}{message}"))
