"""Zip archives written field by field, so that each can lie."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

LOCAL, CENTRAL, END = b"PK\3\4", b"PK\1\2", b"PK\5\6"
STORED, DEFLATED = 0, 8


@dataclass
class Member:
    """A member, with what its headers say instead of the truth."""

    name: bytes
    data: bytes
    method: int = STORED
    local: dict[str, int] = field(default_factory=dict)
    central: dict[str, int] = field(default_factory=dict)
    extra: bytes = b""
    comment: bytes = b""
    flags: int = 0


def archive(members: Sequence[Member], end: dict[str, int] | None = None, zip64: bool = False) -> bytes:
    """The bytes of an archive. Fields of ``local``, ``central`` and ``end`` replace the right ones."""
    content, directory = bytearray(), bytearray()
    for member in members:
        packed = member.data
        if member.method == DEFLATED:
            compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
            packed = compressor.compress(member.data) + compressor.flush()
        right = {
            "method": member.method,
            "crc": zlib.crc32(member.data),
            "packed": len(packed),
            "size": len(member.data),
            "offset": len(content),
            "version": 20,
        }
        said, listed = right | member.local, right | member.central
        content += _fields(LOCAL, said, member.flags)
        content += struct.pack("<HH", len(member.name), len(member.extra)) + member.name + member.extra + packed
        directory += struct.pack("<4sH", CENTRAL, 20) + _fields(b"", listed, member.flags)
        directory += struct.pack("<3H2H", len(member.name), len(member.extra), len(member.comment), 0, 0)
        directory += struct.pack("<2L", 0, listed["offset"] & 0xFFFFFFFF) + member.name + member.extra + member.comment
    told = {"count": len(members), "size": len(directory), "start": len(content)} | (end or {})
    tail = b""
    if zip64:
        record = struct.pack(
            "<4sQ2H2L4Q",
            b"PK\6\6",
            44,
            45,
            45,
            0,
            0,
            *(told[key] & (2**64 - 1) for key in ("count", "count", "size", "start")),
        )
        tail = record + struct.pack("<4sLQL", b"PK\6\7", 0, told.get("end64", len(content) + len(directory)), 1)
    count, size, start = told["count"] & 0xFFFF, told["size"] & 0xFFFFFFFF, told["start"] & 0xFFFFFFFF
    tail += struct.pack("<4s4H2LH", END, 0, 0, count, count, size, start, told.get("comment", 0) & 0xFFFF)
    return bytes(content + directory) + tail


def _fields(signature: bytes, said: dict[str, int], flags: int) -> bytes:
    numbers = (said["packed"] & 0xFFFFFFFF, said["size"] & 0xFFFFFFFF)
    start = struct.pack("<5H", said["version"] & 0xFFFF, flags, said["method"] & 0xFFFF, 0, 0x21)
    return signature + start + struct.pack("<3L", said["crc"] & 0xFFFFFFFF, *numbers)
