"""A signal that comes while a child is being started is neither lost nor passed on."""

import os
import signal
import threading
from pathlib import Path

import pytest

from scenarios.children import signals_held, start_child


def test_ctrl_c_at_a_fork_comes_when_the_child_is_noted(tmp_path: Path) -> None:
    """It is made to come in the hooks that Python runs at a fork, and to whichever thread may have it."""
    over = threading.Event()

    def interrupt() -> None:
        if not over.is_set():
            os.kill(os.getpid(), signal.SIGINT)

    os.register_at_fork(before=interrupt)  # for as long as this process lives
    child = None
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's job in the background ignores it
    another = threading.Thread(target=over.wait)
    another.start()
    try:
        with (tmp_path / "log").open("wb") as log, pytest.raises(KeyboardInterrupt), signals_held():
            child = start_child(["sleep", "60"], log, {})
    finally:  # or every fork of later tests would be interrupted
        over.set()
        another.join()
        signal.signal(signal.SIGINT, before)
    assert child
    child.terminate()  # which it hears
    assert child.wait(timeout=10) == -signal.SIGTERM
