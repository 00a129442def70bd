"""Child processes that end with us: shared by the stack and by the load's launcher."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, Any

_PR_SET_PDEATHSIG = 1
_HELD = (signal.SIGINT, signal.SIGTERM)
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def end_with_parent() -> None:
    """For `preexec_fn`: the kernel sends the child a SIGTERM when we end, even when SIGKILL ended us.

    The signal follows the thread that started the child: start children in the main thread.
    """
    if _libc:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@contextmanager
def signals_held() -> Iterator[None]:
    """SIGINT and SIGTERM wait until the end: around the start of a child and what notes that it is there.

    At a fork Python runs hooks, logging's for one, and swallows what a signal's handler raises in them. Blocking the
    signals would not help: another thread may receive them. In another thread than the main one no handler ever runs.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before: dict[signal.Signals, Any] = {}
    try:
        for held in _HELD:
            before[held] = signal.signal(held, lambda number, _: came.append(number))
        yield
    finally:
        for held, handler in before.items():
            signal.signal(held, handler)
        for number in came:
            signal.raise_signal(number)


def _begin(niceness: int) -> None:
    end_with_parent()
    if niceness:
        os.nice(niceness)
        # Where Linux groups processes by session, that counts among the session's own only; this, among the groups.
        with suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(niceness))


def start_child(
    argv: Sequence[str], log: IO[bytes], environment: Mapping[str, str], niceness: int = 0
) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own: Ctrl-C in the terminal is ours to handle, not its.

    It ends with us, and writes to `log`; `environment` is added to ours. Call it, and note what it returns, while
    `signals_held`.
    """
    return subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=os.environ | environment,
        start_new_session=True,
        preexec_fn=partial(_begin, niceness),
    )
