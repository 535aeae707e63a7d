"""Arrays in .npz and .safetensors files, of which one field may say what is not there."""

import json
import struct
from typing import Any

import numpy as np

from tests.fuzz import zips
from tests.fuzz.values import LARGE, NUMBERS, Rng, change_json, chosen

Arrays = dict[str, np.ndarray[Any, Any]]
CODES = {"float16": "F16", "float32": "F32", "float64": "F64", "int32": "I32", "uint8": "U8"}


def npy(rng: Rng, array: Any, lies: bool) -> bytes:
    """An array with its header, which may lie."""
    shape, descr, fortran, version = array.shape, array.dtype.str, not array.flags.c_contiguous, b"\1\0"
    if lies:
        match rng.integers(4):
            case 0:
                sizes = [*shape, 1]
                sizes[int(rng.integers(len(sizes)))] = chosen(rng, NUMBERS + LARGE)
                shape = tuple(sizes) if rng.integers(2) else (0, *sizes)
            case 1:
                descr = chosen(rng, (">f4", "<f2", "|O", "<i8", "|V0", "<f16", "<c8", "<M8[s]", [("a", "<f4")], "<U0"))
            case 2:
                fortran = chosen(rng, (True, 1, None, "x"))
            case 3:
                version = chosen(rng, (b"\2\0", b"\3\0", b"\xff\0", b"\0\0"))
    text = f"{{'descr': {descr!r}, 'fortran_order': {fortran}, 'shape': {shape}, }}".encode()
    text = text.ljust(int(chosen(rng, (len(text), 117, 117, 1000, 5000 if lies else 900)))) + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text + bytes(array.tobytes("A"))


def npz(rng: Rng, text: bytes | None, arrays: Arrays, lies: bool) -> bytes:
    """An archive; with ``lies`` one field somewhere in it is another."""
    data = {name: npy(rng, array, False) for name, array in arrays.items()}
    if text is not None:
        data["forwardpass"] = npy(rng, np.frombuffer(text, np.uint8), False)
    kind = int(rng.integers(6)) if lies else -1
    if kind == 0 and data:
        name = chosen(rng, list(data))
        data[name] = npy(rng, arrays[name] if name in arrays else np.frombuffer(text or b"", np.uint8), True)
    method = chosen(rng, (zips.STORED, zips.DEFLATED))
    members = [
        zips.Member(name.encode(errors="replace") + b".npy", content, method, flags=0x800 * int(not name.isascii()))
        for name, content in data.items()
    ]
    end: dict[str, int] = {}
    if kind == 1 and members:
        fields = {chosen(rng, ("method", "crc", "packed", "size", "offset", "version")): chosen(rng, NUMBERS)}
        member = chosen(rng, members)
        member.central |= fields
        member.local |= fields if rng.integers(2) else {}
    elif kind == 2:
        end = {
            chosen(rng, ("count", "size", "start", "comment", "end64")): int(chosen(rng, NUMBERS + LARGE)) & (2**64 - 1)
        }
    elif kind == 3 and members:
        member = chosen(rng, members)
        member.flags |= 1 << int(rng.integers(16))
        member.extra = chosen(rng, (b"", b"\1\0\x10\0" + b"\xff" * 16, b"\1\0\xff\xff", rng.bytes(30)))
        member.comment = bytes(int(chosen(rng, (0, 10, 60_000))))
        member.name = chosen(
            rng, (member.name, b"", b".npy", b"\xff\xfe.npy", b"a\0b.npy", b"\x1b[2J.npy", b"x" * 60_000)
        )
    elif kind == 4:
        count = int(chosen(rng, (2, 1000, 25_000, 65_000)))
        members += [zips.Member(b"%d.npy" % i, b"", central={"offset": 0} if i % 2 else {}) for i in range(count)]
    elif kind == 5 and members:
        member = chosen(rng, members)
        members += [member] * int(chosen(rng, (1, 500 if len(member.data) < 10_000 else 2)))
    return zips.archive(members, end, zip64=bool(rng.integers(8) == 0))


def safetensors(rng: Rng, text: bytes | None, arrays: Arrays, lies: bool) -> bytes:
    """A header and its data; with ``lies`` one value of the header, or its length, is another."""
    header: dict[str, Any] = {}
    if text is not None:
        header["__metadata__"] = {"forwardpass": text.decode()}
    pieces, end = [], 0
    for name, array in sorted(arrays.items(), key=lambda item: (-item[1].dtype.itemsize, item[0])):
        pieces.append(array.tobytes())
        offsets = [end, end + len(pieces[-1])]
        header[name] = {"dtype": CODES[array.dtype.name], "shape": list(array.shape), "data_offsets": offsets}
        end = offsets[1]
    if lies and rng.integers(5):
        header = change_json(rng, header)
    raw = json.dumps(header).encode()
    raw = raw.ljust(-(-len(raw) // 8) * 8)
    length = len(raw) if not lies or rng.integers(5) else int(chosen(rng, NUMBERS + LARGE)) & (2**64 - 1)
    return struct.pack("<Q", length) + raw + b"".join(pieces)
