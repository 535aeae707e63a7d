"""Model files that must be refused: each a name, a suffix and the bytes."""

import io
import json
import pickle
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import safetensors.numpy

import forwardpass as fp
from forwardpass import files
from tests.support.bad_documents import (
    LABELLED_STATE,
    NETWORK,
    RICH,
    RICH_STATE,
    document,
    documents,
    labelled_documents,
    rich_documents,
    rich_tensors,
    tensors,
    without_tensors,
)


def good(suffix: str, network: fp.Module = NETWORK) -> bytes:
    """A file as save() writes it."""
    return written(suffix, document(network), network.state_dict())


def written(suffix: str, text: Any, arrays: dict[str, Any]) -> bytes:
    content = io.BytesIO()
    files.FORMATS[suffix].write(content, text if isinstance(text, str) else json.dumps(text), arrays)
    return content.getvalue()


def bare(suffix: str, arrays: dict[str, Any]) -> bytes:
    """A file of weights alone, as other programs write it."""
    if suffix == ".npz":
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, **arrays)
        return content.getvalue()
    made: bytes = safetensors.numpy.save(arrays)
    return made


def npy(header: str, data: bytes = b"") -> bytes:
    """A .npy array with any header."""
    text = header.encode("latin1") + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return content.getvalue()


def unzipped(network: fp.Module = NETWORK) -> dict[str, bytes]:
    """The members of a good file."""
    with zipfile.ZipFile(io.BytesIO(good(".npz", network))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def lying_bomb() -> bytes:
    """The good file, a member of which inflates to 128 MiB but says, and its checksum too, that it is small."""
    members = unzipped()
    bias = members["0.bias.npy"]
    content = bytearray(zipped({**members, "0.bias.npy": bias + bytes(2**27 - len(bias))}, zipfile.ZIP_DEFLATED))
    for signature, checksum, size in ((b"PK\x03\x04", 14, 22), (b"PK\x01\x02", 16, 24)):
        at = content.index(b"0.bias.npy", content.index(b"0.bias.npy") + 1 if checksum == 16 else 0)
        header = content.rindex(signature, 0, at)
        content[header + checksum : header + checksum + 4] = struct.pack("<I", zlib.crc32(bias))
        content[header + size : header + size + 4] = struct.pack("<I", len(bias))
    return bytes(content)


def npz_files() -> Iterator[tuple[str, bytes]]:
    """What only a zip file can be."""
    members = unzipped()

    def with_bias(data: bytes) -> bytes:
        return zipped({**members, "0.bias.npy": data})

    fields = "'descr': '<f4', 'fortran_order': False, 'shape': "
    yield "a pickle", pickle.dumps({"0.weight": [1.0]})
    yield "a member that is no array", zipped({**members, "readme.txt": b"hello"})
    yield "an array of objects", with_bias(npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", b"N."))
    yield "objects without a header's help", with_bias(pickle.dumps([1.0] * 4))
    yield "shape negative", with_bias(npy("{" + fields + "(-4,), }", bytes(16)))
    yield "shape that wraps", with_bias(npy("{" + fields + f"({2**62}, 4), }}", bytes(16)))
    yield "shape of floats", with_bias(npy("{" + fields + "(4.0,), }", bytes(16)))
    yield "shape of bools", with_bias(npy("{" + fields + "(True, 4), }", bytes(16)))
    yield "values too few", with_bias(npy("{" + fields + "(4,), }", bytes(12)))
    yield "values too many", with_bias(npy("{" + fields + "(4,), }", bytes(20)))
    yield "header nested", with_bias(npy("(" * 900 + ")" * 90))
    yield "header that calls", with_bias(npy("__import__('os').getcwd()"))
    yield "header of no dict", with_bias(npy("[1, 2, 3]"))
    yield "header too long", with_bias(npy("{" + fields + "(4,), }" + " " * 9000, bytes(16)))
    yield "header length beyond the end", with_bias(b"\x93NUMPY\x01\x00\xff\xff{}")
    yield "version 9 of the format", with_bias(b"\x93NUMPY\x09\x00" + members["0.bias.npy"][8:])
    yield "a member empty", with_bias(b"")
    yield "a zip bomb", zipped({**members, "bomb.npy": npy("{" + fields + f"({2**25},), }}", bytes(2**27))}, 8)
    yield "a bzip2 bomb", zipped({**members, "0.bias.npy": members["0.bias.npy"] + bytes(2**24)}, zipfile.ZIP_BZIP2)
    yield "no members", zipped({})
    yield "100,000 members", zipped({f"{i}.npy": b"" for i in range(100_000)})
    twice = io.BytesIO()
    with zipfile.ZipFile(twice, "w") as archive:
        for name, data in [*members.items(), ("0.bias.npy", members["0.bias.npy"])]:
            archive.writestr("1.bias.npy" if name in archive.namelist() else name, data)
    yield "a member twice", twice.getvalue().replace(b"1.bias.npy", b"0.bias.npy")
    yield "bytes before the zip file", b"#!/bin/sh\n" + good(".npz")
    broken = bytearray(good(".npz"))
    broken[broken.index(members["0.bias.npy"]) + len(members["0.bias.npy"]) - 1] ^= 1
    yield "a value that fails its checksum", bytes(broken)
    text = members["forwardpass.npy"]
    yield "document not UTF-8", zipped({**members, "forwardpass.npy": text[:-3] + b"\xff\xfe}"})
    yield "document of floats", zipped({**members, "forwardpass.npy": members["0.bias.npy"]})


def safetensors_file(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def safetensors_files() -> Iterator[tuple[str, bytes]]:
    """What only a safetensors file can be."""
    content = good(".safetensors")
    size = struct.unpack("<Q", content[:8])[0]
    header, data = json.loads(content[8 : 8 + size]), content[8 + size :]

    def with_bias(**fields: Any) -> bytes:
        return safetensors_file({**header, "0.bias": {**header["0.bias"], **fields}}, data)

    yield "header length 2^63", safetensors_file(header, data, 2**63)
    yield "header length 2^64 - 1", safetensors_file(header, data, 2**64 - 1)
    yield "header length one too small", safetensors_file(header, data, size - 1)
    yield "header length one too large", safetensors_file(header, data, size + 1)
    yield "header no json", safetensors_file(b"{]", data)
    yield "header not UTF-8", safetensors_file(b'{"\xff": 1}', data)
    yield "header nested 10^5 deep", safetensors_file(b'{"a":' * 100_000 + b"1" + b"}" * 100_000)
    yield "header with NaN", safetensors_file(json.dumps(header).encode().replace(b"[4]", b"[NaN]"), data)
    yield "header a list", safetensors_file([1], data)
    key = b'"0.bias": '
    twice = json.dumps(header).encode().replace(key, key + json.dumps(header["0.bias"]).encode() + b", " + key)
    yield "a key twice", safetensors_file(twice, data)
    start, end = header["0.bias"]["data_offsets"]
    yield "offsets reversed", with_bias(data_offsets=[end, start])
    yield "offsets overlapping", with_bias(data_offsets=[start + 4, end + 4])
    yield "offsets negative", with_bias(data_offsets=[-16, 0])
    yield "offsets past the end", with_bias(data_offsets=[len(data), len(data) + 16])
    yield "offsets of floats", with_bias(data_offsets=[start + 0.5, end + 0.5])
    yield "a hole", safetensors_file(header, data + bytes(16))
    yield "shape negative, safe", with_bias(shape=[-4])
    yield "shape that wraps, safe", with_bias(shape=[2**62, 4])
    yield "shape of floats, safe", with_bias(shape=[4.0])
    yield "shape of bools, safe", with_bias(shape=[True, 4])
    yield "unknown dtype, safe", with_bias(dtype="F99")
    yield "dtype of integers", with_bias(dtype="I32")
    yield "no metadata", safetensors_file({k: v for k, v in header.items() if k != "__metadata__"}, data)
    yield "metadata of another type", safetensors_file({**header, "__metadata__": ["forwardpass"]}, data)


def corpus() -> dict[str, tuple[str, bytes]]:
    """Every bad file: (suffix, bytes) by name."""
    made: dict[str, tuple[str, bytes]] = {}
    for suffix in files.FORMATS:
        content = good(suffix)
        made |= {
            f"empty{suffix}": (suffix, b""),
            f"truncated{suffix}": (suffix, content[: len(content) // 2]),
            f"one byte too short{suffix}": (suffix, content[:-1]),
            f"one byte too long{suffix}": (suffix, content + b"\0"),
            f"text{suffix}": (suffix, b"not a model " * 100),
        }
        state = NETWORK.state_dict()
        made |= {f"{name}{suffix}": (suffix, written(suffix, text, state)) for name, text in documents()}
        made |= {f"{name}{suffix}": (suffix, written(suffix, document(), arrays)) for name, arrays in tensors()}
        made |= {f"{name}{suffix}": (suffix, written(suffix, text, {})) for name, text in without_tensors()}
        made |= {f"{name}{suffix}": (suffix, written(suffix, text, RICH_STATE)) for name, text in rich_documents()}
        made |= {
            f"{name}{suffix}": (suffix, written(suffix, text, LABELLED_STATE)) for name, text in labelled_documents()
        }
        for name, arrays in rich_tensors():
            made_for = document(RICH) | {
                "hash": files.document.hash_of(document(RICH)["architecture"], "float32", arrays)
            }
            made[f"{name}{suffix}"] = (suffix, written(suffix, made_for, arrays))
    made["the other format.npz"] = (".npz", good(".safetensors"))
    made["the other format.safetensors"] = (".safetensors", good(".npz"))
    made |= {name: (".npz", content) for name, content in npz_files()}
    made |= {name: (".safetensors", content) for name, content in safetensors_files()}
    return made
