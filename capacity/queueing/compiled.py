"""Compiled by Numba. Where there is none the same code runs as it stands: the same answers, thousands of times slower.

Machine code is kept in the user's cache folder, by what the sources say: Numba itself looks at one file's time
only, and would go on using a function that another file has changed.
"""

import hashlib
import os
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., object])

COMPILED = find_spec("numba") is not None


def compiled(function: F) -> F:
    """Machine code of `function`, which Python calls: only a version's first call takes seconds."""
    return _compiled(function, "never")


def inlined(function: F) -> F:
    """Machine code in whoever calls it: a call that hands over all arrays of a model costs as much as an event."""
    return _compiled(function, "always")


def _compiled(function: F, inline: str) -> F:
    if not COMPILED:
        return function
    numba: Any = import_module("numba")
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(_cache() / _sources())  # read when a function is declared
    try:
        # Nothing is allocated in there; counting references to arrays would take four fifths of the time.
        how = {"error_model": "numpy", "inline": inline, "_nrt": False}
        try:
            found: F = numba.njit(cache=True, **how)(function)
        except RuntimeError:  # no folder can be written to: compiled anew in each process
            found = numba.njit(**how)(function)
    finally:
        numba.config.CACHE_DIR = before
    return found


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "matchday"


def _sources() -> str:
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
