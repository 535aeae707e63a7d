"""ONNX's files in the encoding of protobuf, thinned before protobuf sees them.

Protobuf makes up to a hundred bytes of memory of each byte of a file. So what no network needs is left out here:
subgraphs, shapes of values between, texts. The values of initializers stay where they lie in the file.
The encoding: https://protobuf.dev/programming-guides/encoding/; the numbers of fields: onnx.proto.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ..errors import ConversionError

# Fields by number, with the fields inside of those that are messages; all others are left out.
Fields: TypeAlias = Mapping[int, Any]
VALUE: Fields | None = None
FLOAT_DATA, RAW_DATA, DOUBLE_DATA = 4, 9, 10
TENSOR: Fields = {
    **dict.fromkeys((1, 2, FLOAT_DATA, 5, 7, 8, RAW_DATA, DOUBLE_DATA, 14), VALUE),
    13: {1: VALUE, 2: VALUE},  # where in another file the values lie
}
ATTRIBUTE: Fields = {**dict.fromkeys((1, 2, 3, 4, 7, 8, 20, 21), VALUE), 5: TENSOR}
NODE: Fields = {**dict.fromkeys((1, 2, 3, 4, 7, 8), VALUE), 5: ATTRIBUTE}
VERSION: Fields = {1: VALUE, 2: VALUE}
FUNCTION: Fields = {**dict.fromkeys((1, 4, 5, 6, 10, 13), VALUE), 7: NODE, 9: VERSION, 11: ATTRIBUTE}
SHAPE: Fields = {1: {1: VALUE, 2: VALUE}}
VALUE_INFO: Fields = {1: VALUE, 2: {1: {1: VALUE, 2: SHAPE}}}
INITIALIZER: Fields = dict(TENSOR)  # the same, but another object: its values are not copied
GRAPH: Fields = {1: NODE, 5: INITIALIZER, 11: VALUE_INFO, 12: VALUE_INFO}
MODEL: Fields = {1: VALUE, 7: GRAPH, 8: VERSION, 25: FUNCTION}

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
# A network of 10,000 layers has 200,000. Each takes about 150 bytes in protobuf, and a microsecond here.
MOST_FIELDS = 250_000

Values: TypeAlias = dict[int, memoryview]  # of an initializer, by the field that they lie in


@dataclass
class Thinned:
    """What is left of a file.

    Attributes
    ----------
    model : bytes
        A ModelProto without the values of its initializers.
    values : list of dict
        Those values, for each initializer, as parts of the file.
    """

    content: bytes
    model: bytes = b""
    values: list[Values] = field(default_factory=list)
    left: int = MOST_FIELDS

    def __post_init__(self) -> None:
        self.model = self._message(0, len(self.content), MODEL)

    def _message(self, at: int, end: int, fields: Fields) -> bytes:
        content, kept = self.content, bytearray()
        values: Values = {}
        while at < end:
            self.left -= 1
            if self.left < 0:
                raise ConversionError(f"not an ONNX model: more than {MOST_FIELDS} fields")
            start = at
            key, at = self._varint(at, end)
            number, kind = key >> 3, key & 7
            inside = at
            if kind == BYTES:
                size, inside = self._varint(at, end)
                at = inside + size
            elif kind == VARINT:
                _, at = self._varint(at, end)
            elif kind in (FIXED64, FIXED32):
                at += 8 if kind == FIXED64 else 4
            else:
                raise ConversionError(f"not an ONNX model: a field of the unknown kind {kind} at byte {start}")
            if at > end:
                raise ConversionError(f"not an ONNX model: a field at byte {start} is longer than what it is in")
            if number not in fields:
                continue
            inner = fields[number]
            if inner is VALUE:
                if fields is INITIALIZER and kind == BYTES and number in (FLOAT_DATA, RAW_DATA, DOUBLE_DATA):
                    if number in values:
                        raise ConversionError(f"not an ONNX model: values of a tensor twice, at byte {start}")
                    values[number] = memoryview(content)[inside:at]
                else:
                    kept += content[start:at]
            elif kind == BYTES:
                message = self._message(inside, at, inner)
                kept += _as_varint(number << 3 | BYTES) + _as_varint(len(message)) + message
        if fields is INITIALIZER:
            self.values.append(values)
        return bytes(kept)

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        value = shift = 0
        while at < end and shift < 70:
            byte = self.content[at]
            value |= (byte & 127) << shift
            at, shift = at + 1, shift + 7
            if byte < 128:
                return value, at
        raise ConversionError(f"not an ONNX model: cut short, or no number, at byte {at}")


def _as_varint(value: int) -> bytes:
    made = bytearray()
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    return bytes([*made, value])
