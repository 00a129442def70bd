"""When a request was meant to start, so that its latency can count from then.

A client that waits for a slow answer before it sends the next request leaves out the very samples that would show
the stall (coordinated omission). With open arrivals the start is known beforehand: it is what the latency counts
from, and the service time is kept beside it.
"""

import gevent


def started_late(waited_ms: float) -> None:
    """The first request of this greenlet was meant to start `waited_ms` ago."""
    gevent.getcurrent().waited_ms = waited_ms


def take_wait_ms() -> float | None:
    """How late the request that has just ended was started; None where no start was intended.

    A later request of the same arrival follows from the one before: it starts when it should.
    """
    current = gevent.getcurrent()
    waited: float | None = getattr(current, "waited_ms", None)
    if waited:
        current.waited_ms = 0.0
    return waited


def hand_over(to: gevent.Greenlet) -> None:
    """The next request of this arrival is made by another greenlet, which has not begun yet."""
    current = gevent.getcurrent()
    if getattr(current, "waited_ms", None) is not None:
        to.waited_ms, current.waited_ms = current.waited_ms, 0.0
