"""Files that people name for what a command writes."""

import errno
import os
from collections.abc import Mapping
from pathlib import Path


def can_be_written(file: Path) -> bool:
    """Whether it can be, or made in the nearest folder that is there. Better asked before the load than after it."""
    try:
        there = next(path for path in (file, *file.absolute().parents) if path.exists())
    except PermissionError:
        return False
    fits = not there.is_dir() if there == file else there.is_dir()
    return fits and os.access(there, os.W_OK)


def replace_all(texts: Mapping[Path, str]) -> None:
    """Write all of them, or none: what was there stays until everything new is on the disk. Raises OSError."""
    new = {path: path.with_name(f".{path.name}.new") for path in texts}
    try:
        for path, text in texts.items():
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
            new[path].write_text(text, encoding="utf-8", newline="")
        for path in texts:
            os.replace(new[path], path)
    finally:
        for left in new.values():
            left.unlink(missing_ok=True)
