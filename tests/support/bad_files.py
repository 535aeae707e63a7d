"""Model files that must be refused: each a name, a suffix and the bytes."""

import io
import json
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import safetensors.numpy

import forwardpass as fp
from forwardpass import _core, files

NETWORK = fp.Sequential(
    fp.Linear(np.arange(12, dtype=np.float32).reshape(4, 3) / 8, np.ones(4, np.float32)),
    fp.ReLU(),
    fp.Linear(np.full((2, 4), -0.5, np.float32)),
)
STATE = NETWORK.state_dict()
# What else a document may speak of.
RICH = fp.Sequential(
    fp.Normalize([0.5, 1, 2], [1, 2, 3], 4.0),
    fp.Residual(fp.Linear(np.eye(3, dtype=np.float32))),
    fp.LeakyReLU(0.25),
    fp.BatchNorm1d([0.5, 1, 2], [1, 2, 3], [1, 1, 1], [0, 0, 1]),
    fp.GELU(),
    fp.LayerNorm(3, [1, 2, 3], [0, 0, 1]),
    fp.Hardtanh(-3, 4),
    fp.Softmax(),
)
RICH_STATE = RICH.state_dict()
Document = dict[str, Any]


def good(suffix: str, network: fp.Module = NETWORK) -> bytes:
    """A file as save() writes it."""
    return written(suffix, document(network), network.state_dict())


def document(network: fp.Module = NETWORK) -> Document:
    """What save() puts beside its values."""
    spec = files.arch.describe(network)
    return {
        "forwardpass": 1,
        "contract": "fma-v2",
        "row_order": _core.ROW_ORDER,
        "functions": _core.FUNCTIONS,
        "dtype": "float32",
        "architecture": spec,
        "answer": network(files.arch.test_input(spec, "float32"))[:4096].astype("<f4").tobytes().hex(),
        "hash": files.document.hash_of(spec, "float32", network.state_dict()),
    }


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


def rich(position: int, **fields: Any) -> Document:
    """The document of RICH with other fields in one layer, its hash made to fit."""
    made = document(RICH)
    made["architecture"]["layers"][position].update(fields)
    return {**made, "hash": files.document.hash_of(made["architecture"], "float32", RICH_STATE)}


def rich_documents() -> Iterator[tuple[str, Document]]:
    """Documents that no file may have, with the tensors of RICH."""
    yield "clip negative", rich(0, clip=-4.0)
    yield "clip a text", rich(0, clip="4")
    yield "clip infinite", rich(0, clip=float("inf"))
    yield "features wrong", rich(0, features=4)
    yield "features a float", rich(0, features=3.0)
    yield "residual of nothing", rich(1, inner=None)
    yield "residual of a list", rich(1, inner=[{"type": "ReLU"}])
    inner = {"type": "Linear", "in_features": 3, "out_features": 2, "bias": False}
    yield "residual of another width", rich(1, inner=inner)
    yield "residual with more", rich(1, more=1)
    yield "slope a text", rich(2, negative_slope="0.25")
    yield "slope true", rich(2, negative_slope=True)
    yield "slope NaN", rich(2, negative_slope=float("nan"))
    yield "slope infinite", rich(2, negative_slope="inf")
    yield "slope of 400 digits", rich(2, negative_slope=10**400)
    yield "slope another", rich(2, negative_slope=0.5)
    yield "eps negative", rich(3, eps=-1e-5)
    yield "eps a list", rich(3, eps=[1e-5])
    yield "weight no flag", rich(3, weight=1)
    yield "weight that is there denied", rich(3, weight=False)
    yield "approximation unknown", rich(4, approximate="sigmoid")
    yield "approximation a number", rich(4, approximate=0)
    yield "norm of another width", rich(5, features=2)
    yield "limits swapped", rich(6, min_val=4.0, max_val=-3.0)
    yield "limit NaN", rich(6, min_val="nan")
    yield "axis 0", rich(7, dim=0)
    yield "axis a float", rich(7, dim=-1.0)
    yield "function with a parameter too many", rich(7, beta=1.0)
    yield "deep residuals", deep_residuals(100_000)


def deep_residuals(depth: int) -> Any:
    spec = '{"type": "Residual", "inner": ' * depth + '{"type": "ReLU"}' + "}" * depth
    return json.dumps(document(RICH) | {"architecture": 0}).replace('"architecture": 0', f'"architecture": {spec}')


def rich_tensors() -> Iterator[tuple[str, dict[str, Any]]]:
    """Tensors that do not go with RICH's document."""
    state = RICH_STATE
    yield "variance negative", {**state, "3.running_var": np.array([1.0, -2, 3])}
    yield "deviation zero", {**state, "0.std": np.zeros(3)}
    yield "deviation NaN", {**state, "0.std": np.array([1, np.nan, 1])}
    yield "columns in float32", {k: v.astype(np.float32) for k, v in state.items()}
    yield "mean of two axes", {**state, "0.mean": np.ones((3, 1))}
    yield "columns missing", {k: v for k, v in state.items() if k != "5.bias"}


def changed(change: Callable[[Document], Any]) -> Document:
    """The document after a change of its architecture, to which the hash is made to fit."""
    made = document()
    change(made)
    return {**made, "hash": files.document.hash_of(made["architecture"], "float32", NETWORK.state_dict())}


def layer(change: Callable[[Document], Any]) -> Document:
    """The document after a change of its first layer."""
    return changed(lambda d: change(d["architecture"]["layers"][0]))


def nested(depth: int) -> str:
    """A document whose Sequentials lie so deep inside each other, right in all else."""
    spec = '{"type": "Sequential", "layers": [' * depth + '{"type": "ReLU"}' + "]}" * depth
    made = document(fp.ReLU())
    if depth < 1000:
        made["hash"] = files.document.hash_of(json.loads(spec), "float32", {})
    return json.dumps(made | {"architecture": 0}).replace('"architecture": 0', f'"architecture": {spec}')


def without_tensors() -> Iterator[tuple[str, Any]]:
    """Documents of networks that have no values."""
    yield "layers nested 10^5 deep", nested(100_000)
    yield "layers nested 100 deep", nested(100)
    spec = {"type": "Sequential", "layers": [{"type": "ReLU"}] * 100_000}
    made = document(fp.ReLU()) | {"architecture": spec, "hash": files.document.hash_of(spec, "float32", {})}
    yield "architecture of 10^5 layers", made


def documents() -> Iterator[tuple[str, Any]]:
    """Documents that no file may have, with the tensors of NETWORK."""
    yield "document empty", ""
    yield "document no json", "{"
    yield "document no object", "[1, 2]"
    yield "document null", "null"
    yield "document of 3 MB", document() | {"answer": [[]] * 1_000_000}
    yield "document nested 10^5 deep", "[" * 100_000 + "]" * 100_000
    for key in document().keys() - files.document.NEWER_KEYS:  # which older files have not
        yield f"document without {key}", {name: value for name, value in document().items() if name != key}
    yield "document with more", document() | {"more": 1}
    yield "another version", document() | {"forwardpass": 2}
    yield "another contract", document() | {"contract": "fma-v3"}
    yield "contract of another type", document() | {"contract": ["fma-v2"]}
    yield "older contract of another type", document() | {"contract": ["fma-v1"]}
    yield "another answer in an older order", document() | {"contract": "fma-v1", "answer": "00" * 8}
    yield "answer of another length in an older order", document() | {"contract": "fma-v1", "answer": "00" * 4}
    yield "answer of another type in an older order", document() | {"contract": "fma-v1", "answer": 5}
    yield "another dtype", document() | {"dtype": "float64"}
    yield "unknown dtype", document() | {"dtype": "object"}
    yield "dtype of another type", document() | {"dtype": 32}
    yield "another answer", document() | {"answer": "00" * 8}
    yield "answer of another type", document() | {"answer": 5}
    yield "another hash", document() | {"hash": "0" * 64}
    yield "architecture null", document() | {"architecture": None}
    yield "architecture of no layers", changed(lambda d: d["architecture"].update(layers=[]))
    yield "layers no list", changed(lambda d: d["architecture"].update(layers={"0": {"type": "ReLU"}}))
    yield "unknown layer", layer(lambda d: d.update(type="Conv2d"))
    yield "layer of another type", layer(lambda d: d.update(type=["Linear"]))
    yield "layer without bias", layer(lambda d: d.pop("bias"))
    yield "layer with more", layer(lambda d: d.update(stride=2))
    yield "bias a number", layer(lambda d: d.update(bias=1))
    yield "bias missing", changed(lambda d: d["architecture"]["layers"][2].update(bias=True))
    for value in (-3, 3.0, True, "3", None, 2**31, 2**63, 2**64, 10**300, float("nan")):
        made = document()
        made["architecture"]["layers"][0]["in_features"] = value
        yield (
            f"in_features {value!r:.20}",
            {**made, "hash": files.document.hash_of(made["architecture"], "float32", STATE)},
        )
    yield "out_features wrong", layer(lambda d: d.update(out_features=3))
    yield "sizes swapped", layer(lambda d: d.update(in_features=4, out_features=3))
    yield "layers that do not chain", changed(lambda d: d["architecture"]["layers"].reverse())


def tensors() -> Iterator[tuple[str, dict[str, Any]]]:
    """Tensors that do not go with NETWORK's document."""
    state = NETWORK.state_dict()
    yield "no tensors", {}
    yield "tensor missing", {k: v for k, v in state.items() if k != "2.weight"}
    yield "tensor too many", {**state, "3.weight": np.ones((2, 2), np.float32)}
    yield "tensor renamed", {k.replace("0.w", "../../0.w"): v for k, v in state.items()}
    yield "tensor transposed", {k: np.ascontiguousarray(v.T) for k, v in state.items()}
    yield "tensor in float64", {k: v.astype(np.float64) for k, v in state.items()}
    yield "tensor in float16", {k: v.astype(np.float16) for k, v in state.items()}
    yield "tensor in int32", {k: v.astype(np.int32) for k, v in state.items()}
    yield "other values", {k: v + np.float32(1) for k, v in state.items()}
    yield "negative zeros", {k: np.where(v == 0, np.float32(-0.0), v) for k, v in state.items()}


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
