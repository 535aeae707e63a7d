"""save replaces a file as a whole or not at all, through links, with its permissions, under any name."""

import contextlib
import errno
import os
import re
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import forwardpass as fp
from forwardpass import files
from tests.support import Float, normal

SUFFIXES = (".npz", ".safetensors")


def build(dtype: Float = np.float32) -> fp.Sequential:
    return fp.Sequential(fp.Linear(normal(0, (65, 5), dtype), normal(1, (65,), dtype)), fp.ReLU())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_interrupted_save_leaves_the_old_file(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / f"net{suffix}"
    fp.save(build(), path)
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError("no space left on the device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        fp.save(build(np.float64), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    """Who has the old file open keeps it: a new one has taken its name."""
    fp.save(build(), tmp_path / "net.npz")
    with (tmp_path / "net.npz").open("rb") as old:
        before = old.read()
        fp.save(build(np.float64), tmp_path / "net.npz")
        old.seek(0)
        assert old.read() == before
    assert fp.load(tmp_path / "net.npz").dtype == np.float64


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """Links of links, and one that points at no file yet."""
    fp.save(build(), tmp_path / "v1.npz")
    (tmp_path / "current.npz").symlink_to("v1.npz")
    (tmp_path / "newest.npz").symlink_to(tmp_path / "current.npz")
    (tmp_path / "next.npz").symlink_to("v2.npz")
    for name, target in (("newest", "v1"), ("next", "v2")):
        fp.save(build(np.float64), tmp_path / f"{name}.npz")
        assert (tmp_path / f"{name}.npz").is_symlink()
        assert not (tmp_path / f"{target}.npz").is_symlink()
        assert fp.load(tmp_path / f"{target}.npz").dtype == np.float64
    (tmp_path / "lost.npz").symlink_to("nowhere/v1.npz")
    with pytest.raises(FileNotFoundError, match="no such folder"):
        fp.save(build(), tmp_path / "lost.npz")
    (tmp_path / "round.npz").symlink_to("round.npz")
    with pytest.raises(OSError, match="symbolic links"):
        fp.save(build(), tmp_path / "round.npz")


@pytest.mark.parametrize("length", [241, 255])
def test_any_name_that_the_file_system_takes(length: int, tmp_path: Path) -> None:
    path = tmp_path / ("n" * (length - 4) + ".npz")
    for _ in range(2):
        fp.save(build(), path)
    assert list(tmp_path.iterdir()) == [path]
    assert fp.load(path).dtype == np.float32


def test_only_regular_files_are_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npz")
    (tmp_path / "folder.npz").mkdir()
    for name in ("pipe.npz", "folder.npz"):
        with pytest.raises(OSError, match="path: expected a regular file, or none"):
            fp.save(build(), tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.npz", "pipe.npz"]


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
@pytest.mark.parametrize("mode", [None, 0o600, 0o640, 0o666])
def test_permissions(mode: int | None, mask: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new file's as open() gives them, and those of the file that was there, from the first byte on."""
    path = tmp_path / "net.npz"
    if mode is not None:
        path.touch()
        path.chmod(mode)
    seen = []

    def write(file: Any, *arguments: Any, **named: Any) -> None:
        seen.append(stat.S_IMODE(os.fstat(file.fileno()).st_mode))
        npz_write(file, *arguments, **named)

    npz_write = files.npz.write
    monkeypatch.setattr(files.npz, "write", write)
    before = os.umask(mask)
    try:
        fp.save(build(), path)
    finally:
        os.umask(before)
    expected = 0o666 & ~mask if mode is None else mode
    assert stat.S_IMODE(path.stat().st_mode) == expected
    (while_written,) = seen
    assert while_written & ~expected == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser may give files away")
def test_owners(tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    path.touch()
    os.chown(path, 1234, 4321)
    path.chmod(0o660)
    fp.save(build(), path)
    assert (path.stat().st_uid, path.stat().st_gid, stat.S_IMODE(path.stat().st_mode)) == (1234, 4321, 0o660)


def test_a_group_that_cannot_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What its members might do, those of another group may not."""
    path = tmp_path / "net.npz"
    path.touch()
    path.chmod(0o664)
    real = os.fstat

    def another(descriptor: int) -> Any:
        found = real(descriptor)
        return os.stat_result((*found[:5], found.st_gid + 1, *found[6:]))

    def refused(*_: Any) -> None:
        raise PermissionError(1, "not permitted")

    monkeypatch.setattr(os, "fstat", another)
    monkeypatch.setattr(os, "fchown", refused)
    fp.save(build(), path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


@pytest.mark.parametrize("number", [errno.EBUSY, errno.EXDEV, errno.EPERM, errno.EROFS])
@pytest.mark.parametrize("call", ["replace", "open"])
def test_where_no_file_can_take_its_place(
    call: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is written where it is, whatever its length was."""
    path = tmp_path / "net.npz"
    path.write_bytes(bytes(100_000))
    real_open = os.open

    def refused(*arguments: Any) -> Any:
        if call == "open" and not str(arguments[0]).endswith(".forwardpass"):
            return real_open(*arguments)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, refused)
    inode = path.stat().st_ino
    fp.save(build(), path)
    assert path.stat().st_ino == inode
    assert list(tmp_path.iterdir()) == [path]
    monkeypatch.undo()
    assert fp.content_hash(fp.load(path)) == fp.content_hash(build())
    monkeypatch.setattr(os, call, refused)
    with pytest.raises(OSError, match=re.escape(os.strerror(number))):
        fp.save(build(), tmp_path / "new.npz")
    assert list(tmp_path.iterdir()) == [path]


@contextlib.contextmanager
def as_nobody() -> Iterator[Path]:
    """A folder that everybody may enter, for a user without rights."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        os.seteuid(65534)
        try:
            yield folder
        finally:
            os.seteuid(0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser may become another")
@pytest.mark.parametrize("folder_mode", [0o755, 0o1777])
def test_another_users_file(folder_mode: int) -> None:
    """In a folder where nothing new may be made, or where each may remove only his own: it is written in place."""
    with as_nobody() as folder:
        path = folder / "net.npz"
        os.seteuid(0)
        path.touch()
        path.chmod(0o666)
        folder.chmod(folder_mode)
        os.seteuid(65534)
        fp.save(build(), path)
        assert path.stat().st_uid == 0
        assert list(folder.iterdir()) == [path]
        assert fp.content_hash(fp.load(path)) == fp.content_hash(build())


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser may become another")
def test_a_file_that_is_closed_to_writing() -> None:
    """It is not replaced, though its folder would allow that."""
    with as_nobody() as folder:
        path = folder / "net.npz"
        os.seteuid(0)
        folder.chmod(0o777)
        os.seteuid(65534)
        fp.save(build(), path)
        path.chmod(0o444)
        before = path.read_bytes()
        with pytest.raises(PermissionError, match=r"net\.npz"):
            fp.save(build(np.float64), path)
        assert path.read_bytes() == before
        assert list(folder.iterdir()) == [path]


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser mounts")
def test_a_mounted_file(tmp_path: Path) -> None:
    """In a mount namespace of its own, where one may be made."""
    fp.save(build(), tmp_path / "inside.npz")
    fp.save(build(), tmp_path / "outside.npz")
    code = f"""
import forwardpass as fp, numpy as np
fp.save(fp.Linear(np.eye(2)), {str(tmp_path / "inside.npz")!r})
"""
    (tmp_path / "save.py").write_text(code)
    script = (
        f"mount --bind {tmp_path}/outside.npz {tmp_path}/inside.npz || exit 77; {sys.executable} {tmp_path}/save.py"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(fp.__file__).parents[1])}
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("no mounts here")
    assert done.returncode == 0, done.stderr
    assert fp.load(tmp_path / "outside.npz").in_features == 2
    assert fp.load(tmp_path / "inside.npz").in_features == 5
