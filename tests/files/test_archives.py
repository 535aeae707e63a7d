"""What a zip file says of its members is checked before any of them is read."""

import io
import tracemalloc
from typing import Any

import pytest

from forwardpass.files.errors import ModelFileError
from forwardpass.files.zip import Archive
from forwardpass.limits import MAX_BYTES, Budget
from tests.fuzz import zips


def archive(members: list[zips.Member], **options: Any) -> Archive:
    return Archive(io.BytesIO(zips.archive(members, **options)), Budget(MAX_BYTES, ModelFileError), 3)


def test_archives() -> None:
    data = b"abc" * 1000
    for method in (zips.STORED, zips.DEFLATED):
        for zip64 in (False, True):
            read = archive([zips.Member(b"a", data, method), zips.Member(b"b", b"", method)], zip64=zip64)
            assert read.sizes == {"a": 3000, "b": 0}
            assert read.beginning("a", 4) == b"abca"
            assert read.beginning("a", 9999) == data == bytes(read.read("a"))
            assert bytes(read.read("b")) == b""


A, B = zips.Member(b"a", b"abc"), zips.Member(b"b", bytes(3000))


@pytest.mark.parametrize(
    ("members", "options", "message"),
    [
        ([], {}, "expected 1 to 3 members"),
        ([A, A], {}, "each name once, got 2"),
        ([zips.Member(b"%d" % i, b"") for i in range(4)], {}, "expected 1 to 3 members, each name once, got 4"),
        ([A], {"end": {"size": 10}}, "its directory is not where it says"),
        ([A], {"end": {"start": 0}}, "its directory is not where it says"),
        ([A], {"end": {"comment": 1}}, "from the first byte to the last"),
        ([A], {"end": {"end64": 0}, "zip64": True}, "a damaged end of its directory"),
        ([A], {"end": {"size": 2**40}, "zip64": True}, "its directory is not where it says"),
        ([zips.Member(b"a", b"abc", central={"offset": 1})], {}, "from the first byte to the last"),
        ([zips.Member(b"a", b"abc", central={"size": 4})], {}, "a: 3 bytes cannot hold the 4 that they say"),
        ([zips.Member(b"a", b"abc", central={"method": 12})], {}, "a: expected no compression, or deflate"),
        ([zips.Member(b"a", b"", zips.DEFLATED, central={"size": 2065})], {}, "a: 2 bytes cannot hold the 2065"),
        # Two members on the same bytes would each be inflated for themselves.
        ([B, zips.Member(b"c", b"", central={"packed": 3000, "size": 3000, "offset": 0})], {}, "each byte in one"),
    ],
)  # fmt: skip
def test_archives_that_lie(members: list[zips.Member], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelFileError, match=message):
        archive(members, **options)


def test_members_that_lie() -> None:
    """They are refused when they are read, and not before."""
    for lie in ({"crc": 1}, {"size": 2999}, {"size": 3001}):
        read = archive([zips.Member(b"a", bytes(3000), zips.DEFLATED, central=lie)])
        with pytest.raises(ModelFileError, match=r"a: (damaged|cut short)"):
            read.read("a")


def test_a_directory_counts_before_it_is_read() -> None:
    entry = zips.archive([zips.Member(b"a", b"")])[31:-22]  # behind its own local header, before the end
    end = io.BytesIO(zips.archive([], {"count": 1, "size": 200_000 * len(entry)}))
    content = entry * 200_000 + end.getvalue()
    tracemalloc.start()
    try:
        with pytest.raises(ModelFileError, match="its directory: would take 107 MiB of memory"):
            Archive(io.BytesIO(content), Budget(MAX_BYTES, ModelFileError), 3)
        assert tracemalloc.get_traced_memory()[1] < 2 * len(content)
    finally:
        tracemalloc.stop()
