"""Child processes that end with us: shared by the stack and by the load's launcher."""

import ctypes
import signal
import sys

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def end_with_parent() -> None:
    """For `preexec_fn`: the kernel sends the child a SIGTERM when we end, even when SIGKILL ended us.

    The signal follows the thread that started the child: start children in the main thread.
    """
    if _libc:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
