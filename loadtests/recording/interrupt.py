"""Ctrl-C and SIGTERM end a test as its time would: users finish their request, and the last samples are written."""

import signal
from types import FrameType

import gevent


def interrupt_main_only() -> None:
    """Deliver the first SIGINT to the main greenlet, where Locust waits for it, and to no other.

    Python raises KeyboardInterrupt in whatever greenlet happens to run: a user loses the request under way, or the
    listener that takes the workers' windows dies. A second SIGINT does just that, for a loop that never comes back.

    SIGTERM does the same: Locust has a handler of its own, but sets it up only when a test with a shape is over.
    """

    def on_signal(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_IGN)
        hub = gevent.get_hub()
        hub.loop.run_callback_threadsafe(hub.parent.throw, KeyboardInterrupt)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
