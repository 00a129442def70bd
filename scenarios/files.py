"""Files that people name, or that a stranger may have sent: read within bounds, written without following links."""

import errno
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

MB = 2**20
BYTES_MAX = 16 * MB


def read_limited(path: Path, bytes_max: int = BYTES_MAX) -> bytes:
    """A regular file of at most so many bytes. Raises OSError for anything else: a pipe, a device, a larger file."""
    # A pipe that nobody writes to would be waited for.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        if stat.S_ISDIR(mode := os.fstat(handle).st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        content = file.read(bytes_max + 1)
    if len(content) > bytes_max:
        raise OSError(errno.EFBIG, f"it has more than {bytes_max // MB} MB", str(path))
    return content


def can_be_written(file: Path) -> bool:
    """Whether it can be, or made in the nearest folder that is there. Better asked before the load than after it."""
    try:
        there = next(path for path in (file, *file.absolute().parents) if path.exists())
    except PermissionError:
        return False
    fits = not there.is_dir() if there == file else there.is_dir()
    return fits and os.access(there, os.W_OK)


def replace_all(texts: Mapping[Path, str]) -> None:
    """Write all of them, or none: what was there stays until everything new is on the disk. Raises OSError.

    A link in a file's place is replaced, never followed: in a folder that a stranger made it may lead anywhere.
    """
    new: dict[Path, Path] = {}
    try:
        for path, text in texts.items():
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
            begun = path.with_name(f".{path.name[:40]}.{secrets.token_hex(8)}")
            with begun.open("x", encoding="utf-8", errors="replace", newline="") as file:
                new[path] = begun
                file.write(text)
        for path, begun in new.items():
            os.replace(begun, path)
    finally:
        for left in new.values():
            left.unlink(missing_ok=True)
