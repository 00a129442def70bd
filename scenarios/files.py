"""Files that people name for what a command writes."""

import os
from pathlib import Path


def can_be_written(file: Path) -> bool:
    """Whether it can be, or made in the nearest folder that is there. Better asked before the load than after it."""
    try:
        there = next(path for path in (file, *file.absolute().parents) if path.exists())
    except PermissionError:
        return False
    fits = not there.is_dir() if there == file else there.is_dir()
    return fits and os.access(there, os.W_OK)
