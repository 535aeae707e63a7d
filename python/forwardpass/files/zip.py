"""Reads zip archives that nobody vouches for (.npz, .keras): it knows all sizes before it inflates anything."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from typing import IO

import numpy as np
from numpy.typing import NDArray

from ..limits import FAILURES, MOST_INFLATION, Budget

# zipfile makes an object of 500 bytes for each entry, which has at least 46 bytes in the directory.
TIMES_DIRECTORY = 12
END, LOCATOR, END64 = struct.Struct("<4s4H2LH"), struct.Struct("<4sLQL"), struct.Struct("<4sQ2H2L4Q")
CHUNK = 1 << 20
# What zipfile and zlib raise for damaged files.
DAMAGED = (*FAILURES, zipfile.BadZipFile, zlib.error, struct.error, EOFError)


class Archive:
    """A zip file that begins with a member and ends with its directory, and in which no name stands twice.

    Parameters
    ----------
    file : binary file
        Must stay open while members are read.
    budget : Budget
        Counts the memory of the directory. Whoever reads a member counts it. Its ``error`` is the exception to raise.
    most_members : int

    Attributes
    ----------
    sizes : dict
        Bytes of each member after inflating, by its name, in the order of the directory.
    """

    def __init__(self, file: IO[bytes], budget: Budget, most_members: int) -> None:
        self._error = budget.error
        directory = self._check_directory(file, budget)
        try:
            self._zip = zipfile.ZipFile(file)
        except DAMAGED as error:
            raise self._error(f"not a zip file: {type(error).__name__}: {str(error)[:200]}") from error
        members = self._zip.infolist()
        self._members = {member.filename: member for member in members}
        if not 0 < len(members) <= most_members or len(self._members) < len(members):
            raise self._error(f"expected 1 to {most_members} members, each name once, got {len(members)}")
        for member in members:
            self._check_size(member)
        # Members that share bytes would be inflated again and again. Each has a header of at least 30 bytes.
        needed = sum(member.compress_size + 30 for member in members)
        if min(member.header_offset for member in members) != 0 or directory < needed:
            raise self._error("expected a zip file from the first byte to the last, each byte in one member")
        self.sizes = {name: member.file_size for name, member in self._members.items()}

    def beginning(self, name: str, nbytes: int) -> bytes:
        """The first bytes of a member."""
        return self._read(name, min(nbytes, self.sizes[name])).tobytes()

    def read(self, name: str) -> NDArray[np.uint8]:
        """All bytes of a member. Raises the budget's error where the checksum is wrong."""
        return self._read(name, self.sizes[name])

    def _check_directory(self, file: IO[bytes], budget: Budget) -> int:
        """Where the directory begins. Raises where its end is damaged, or where reading it takes too much memory."""
        place = file.seek(0, os.SEEK_END) - END.size
        # zipfile searches for these records in several places. We accept only one place, so both read the same record.
        signature, *_, size, start, comment = END.unpack(_bytes_at(file, place, END.size))
        if signature != b"PK\5\6" or comment != 0:
            raise self._error("not a zip file: expected a zip file from the first byte to the last")
        locator, _, place64, _ = LOCATOR.unpack(_bytes_at(file, place - LOCATOR.size, LOCATOR.size))
        if locator == b"PK\6\7":
            place -= LOCATOR.size + END64.size
            signature, *_, size, start = END64.unpack(_bytes_at(file, place, END64.size))
            if signature != b"PK\6\6" or place64 != place:
                raise self._error("not a zip file: a damaged end of its directory")
        if start + size != place:
            raise self._error("not a zip file: its directory is not where it says, at the end")
        budget.take(TIMES_DIRECTORY * size, "its directory")
        return int(start)

    def _check_size(self, member: zipfile.ZipInfo) -> None:
        name = member.filename[:100]
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise self._error(f"{name}: expected no compression, or deflate")
        most = member.compress_size * (MOST_INFLATION if member.compress_type == zipfile.ZIP_DEFLATED else 1)
        if member.file_size > most:
            raise self._error(f"{name}: {member.compress_size} bytes cannot hold the {member.file_size} that they say")

    def _read(self, name: str, nbytes: int) -> NDArray[np.uint8]:
        content = np.empty(nbytes, np.uint8)  # pages take memory when they are written: a short file takes little
        view, read = content.data, 0
        try:
            with self._zip.open(self._members[name]) as stream:
                while read < nbytes and (piece := stream.read(min(CHUNK, nbytes - read))):
                    view[read : read + len(piece)] = piece
                    read += len(piece)
        except DAMAGED as error:
            raise self._error(f"{name[:100]}: damaged: {str(error)[:200]}") from error
        if read < nbytes:
            raise self._error(f"{name[:100]}: cut short")
        return content


def _bytes_at(file: IO[bytes], place: int, nbytes: int) -> bytes:
    """The bytes of a file from ``place`` on, with zeros for those that lie outside of it."""
    file.seek(max(0, place))
    return (file.read(nbytes) if place >= 0 else b"").ljust(nbytes, b"\0")
