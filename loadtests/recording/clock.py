"""One clock for all processes of a generator: the master's.

Within one machine every process reads the same monotonic clock. Across machines a worker estimates its offset from
round trips, as NTP does (RFC 5905, section 8): a round trip that took long says little, the shortest says most, and
what it says fades as the two crystals drift apart.
"""

import os
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from loadtests.record import Clock
from loadtests.recording.machine import machine_identity

DRIFT_SHARE = 100e-6  # two crystals of 50 ppm each, the usual bound
_ROUND_TRIPS_KEPT = 120


class Offset:
    """What must be added to this clock to get the other one; seconds."""

    def __init__(self) -> None:
        self._trips: deque[tuple[float, float, float]] = deque(maxlen=_ROUND_TRIPS_KEPT)

    def add(self, sent_s: float, answered_s: float, arrived_s: float) -> None:
        """A round trip: sent and arrived on this clock, answered on the other."""
        offset = answered_s - (sent_s + arrived_s) / 2
        self._trips.append((offset, (arrived_s - sent_s) / 2, arrived_s))

    def estimate(self, now_s: float) -> tuple[float, float] | None:
        """(offset, error): the true offset lies within offset +- error. None before the first round trip."""
        bounds = [(half + DRIFT_SHARE * max(0.0, now_s - at), offset) for offset, half, at in self._trips]
        if not bounds:
            return None
        error, offset = min(bounds)
        return offset, error


class RunClock:
    """The master's time, in whatever process it is asked."""

    def __init__(self, monotonic: Callable[[], float] = time.perf_counter) -> None:
        self._monotonic = monotonic
        # Fixed at the start: a wall clock that is set during a run must not move its seconds.
        self._wall = time.time() - monotonic()
        self._offset = Offset()
        self._shared = True

    def time(self) -> float:
        """Seconds since the epoch."""
        if self._shared:  # asked with every sample: no call more than needed
            return self._monotonic() + self._wall
        return self.monotonic_s() + self._wall

    def monotonic_s(self) -> float:
        """Seconds of the master's monotonic clock."""
        now = self._monotonic()
        if self._shared:
            return now
        found = self._offset.estimate(now)
        return now + found[0] if found else now

    def question(self) -> dict[str, Any]:
        """What a worker asks the master."""
        return {"sent": self._monotonic()}

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """What the master answers, at once."""
        return question | {"answered": self._monotonic(), "wall": self._wall, "identity": clock_identity()}

    def adjust(self, answer: dict[str, Any]) -> None:
        """A worker takes in an answer that has just arrived."""
        self._offset.add(answer["sent"], answer["answered"], self._monotonic())
        self._shared = answer["identity"] == clock_identity()
        self._wall = answer["wall"]

    def describe(self, worker: str) -> Clock:
        """How far this clock can be trusted, for the record."""
        if self._shared:
            return Clock(worker=worker, shared=True, offset_ms=0.0, error_ms=0.0)
        offset, error = self._offset.estimate(self._monotonic()) or (0.0, 0.0)
        return Clock(worker=worker, shared=False, offset_ms=offset * 1000, error_ms=error * 1000)


def clock_identity() -> str:
    """Equal for processes that read the same monotonic clock: one machine, one time namespace."""
    try:
        return f"{machine_identity()} {os.readlink('/proc/self/ns/time')}"
    except OSError:
        return f"{machine_identity()} {os.getpid()}"  # not Linux: estimated even where it is the same
