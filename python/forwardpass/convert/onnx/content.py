"""The bytes of a model, whatever holds them, and the model in them without its values."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from ...limits import FAILURES, Budget, open_regular
from ..errors import ConversionError


def library() -> Any:
    """The onnx package."""
    try:
        import onnx
        import onnx.reference
    except ImportError as error:
        raise ImportError("ONNX models need the library of that name: pip install onnx") from error
    return onnx


@dataclass(frozen=True)
class Content:
    """A model as it lies in a file.

    Attributes
    ----------
    model : bytes
    folder : str or None
        Where files beside it may have its values; None of a model in memory.
    """

    model: bytes
    folder: str | None


def content_of(source: Any, max_bytes: int) -> Content:
    """The bytes of a model: of a path, of an onnx.ModelProto, or of what torch.onnx.export() returns.

    Raises
    ------
    ConversionError
        More than ``max_bytes``, or no regular file.
    OSError
        A file that cannot be read.
    TypeError
        Neither a path nor a model.
    """
    onnx = library()
    if isinstance(getattr(source, "model_proto", None), onnx.ModelProto):
        source = source.model_proto
    if isinstance(source, onnx.ModelProto):
        try:
            return Content(bytes(source.SerializeToString()), None)
        except FAILURES as error:  # protobuf's own limit is 2 GiB
            raise ConversionError(f"the model cannot be serialized: {str(error)[:200]}") from error
    if not isinstance(source, (str, os.PathLike)):
        raise TypeError(f"expected a path or an onnx.ModelProto, got {type(source).__name__}")
    # Not onnx.load(): it would open the files that the model names.
    with open_regular(source, ConversionError) as file:
        size = os.fstat(file.fileno()).st_size
        Budget(max_bytes, ConversionError).count_tensors(size)
        return Content(file.read(size), os.path.dirname(os.path.abspath(os.fsdecode(source))))


def parsed(model: bytes) -> Any:
    """The onnx.ModelProto of thinned bytes. Raises ConversionError where they are none."""
    from google.protobuf.message import DecodeError  # of the library that onnx stands on

    try:
        return library().load_model_from_string(model)
    except (DecodeError, *FAILURES) as error:
        raise ConversionError(f"not an ONNX model: {str(error)[:200]}") from error
