"""replace() writes a file as a whole, or leaves the old one as it is."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import IO

# With these errors no new file can stand beside the old one, or take its place. The file is mounted, its folder is
# closed or read-only, or it is another user's file where users may remove only their own.
IN_PLACE = (errno.EBUSY, errno.EXDEV, errno.EACCES, errno.EPERM, errno.EROFS)


def replace(path: Path, write: Callable[[IO[bytes]], None]) -> None:
    """Write a file under a name, through symbolic links, with the permissions of the one that is there.

    Raises
    ------
    OSError
        Something there is not a regular file, or may not be written.
    """
    path = Path(os.path.realpath(path))
    if not path.parent.exists():
        raise FileNotFoundError(errno.ENOENT, "path: no such folder", str(path.parent))
    try:
        old = path.stat()
    except FileNotFoundError:
        old = None
    if old is not None and not stat.S_ISREG(old.st_mode):
        raise OSError(errno.EINVAL, "path: expected a regular file, or none", str(path))
    if old is not None:
        os.close(os.open(path, os.O_WRONLY | os.O_CLOEXEC))  # fails for a write-protected file
    try:
        _replace(path, old, write)
    except OSError as error:
        if old is None or error.errno not in IN_PLACE:
            raise
        _overwrite(path, write)


def _overwrite(path: Path, write: Callable[[IO[bytes]], None]) -> None:
    """Write into the file itself. What can fail, fails before the first byte of the file changes."""
    content = io.BytesIO()
    write(content)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CLOEXEC), "wb") as file:
        os.posix_fallocate(file.fileno(), 0, len(content.getbuffer()))
        file.write(content.getbuffer())
        file.truncate()
        file.flush()
        os.fsync(file.fileno())


def _replace(path: Path, old: os.stat_result | None, write: Callable[[IO[bytes]], None]) -> None:
    """Write a new file beside the old one and rename it. Its name is short enough for every file system."""
    temporary = path.with_name(f".{secrets.token_hex(8)}.forwardpass")
    # Nobody may read in the new file what he could not read in the old one, not even while it is written.
    descriptor = os.open(
        temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666 if old is None else 0o600
    )
    try:
        with os.fdopen(descriptor, "wb") as file:
            write(file)
            file.flush()
            if old is not None:
                _keep_permissions(descriptor, old)
            os.fsync(descriptor)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _keep_permissions(descriptor: int, old: os.stat_result) -> None:
    mode = stat.S_IMODE(old.st_mode)
    new = os.fstat(descriptor)
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        # Only the superuser may do this, and not for an owner that a container does not know. If not, we own the file.
        with contextlib.suppress(OSError):
            os.fchown(descriptor, old.st_uid, -1)
        try:
            os.fchown(descriptor, -1, old.st_gid)
        except OSError:
            mode &= ~stat.S_IRWXG  # the file now has another group, which gets no rights
    os.fchmod(descriptor, mode)
