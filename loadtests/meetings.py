"""Who talks with whom: people who look for somebody are brought together, also across processes of the generator.

Within a process at once. With several workers every other person looks elsewhere first, and the master brings them
together: their messages then cross processes, and machines, as people's messages do.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from typing import Any

from gevent.event import AsyncResult
from gevent.timeout import Timeout

from scenarios.people import Sex

LOOKING, MET, LEFT = "matchday looking", "matchday met", "matchday left"  # messages between workers and master


@dataclass(frozen=True)
class Meeting:
    """Two people who have never met. One of them leads: writes first, and ends it. `here`: both in one process."""

    other_id: str
    leads: bool
    here: bool


@dataclass
class _Looking:
    person_id: str
    sex: Sex
    found: "AsyncResult[Meeting]"


class Meetings:
    """The people of one process who look for somebody."""

    def __init__(self, tell_master: Callable[[str, dict[str, Any]], None] | None = None) -> None:
        self._tell_master = tell_master
        self._at_home = cycle((True, False)) if tell_master else cycle((True,))
        self._looking: dict[str, _Looking] = {}
        self._met: set[frozenset[str]] = set()

    def meet(self, person_id: str, sex: Sex, within_s: float) -> Meeting | None:
        """Wait for somebody of the other sex whom this person has not met. None when nobody comes in time."""
        for other in self._looking.values() if next(self._at_home) else ():
            pair = frozenset((person_id, other.person_id))
            if other.sex is not sex and pair not in self._met:
                self._met.add(pair)
                self._stop_looking(other.person_id)
                other.found.set(Meeting(person_id, leads=False, here=True))
                return Meeting(other.person_id, leads=True, here=True)
        return self._wait(_Looking(person_id, sex, AsyncResult()), within_s)

    def told(self, data: dict[str, Any]) -> None:
        """The master has found somebody in another process."""
        if looking := self._looking.pop(data["person_id"], None):
            looking.found.set(Meeting(data["other_id"], leads=data["leads"], here=False))

    def _wait(self, looking: _Looking, within_s: float) -> Meeting | None:
        self._looking[looking.person_id] = looking
        self._tell(LOOKING, {"person_id": looking.person_id, "sex": str(looking.sex)})
        try:
            meeting: Meeting = looking.found.get(timeout=within_s)
            return meeting
        except Timeout:
            return None
        finally:
            self._stop_looking(looking.person_id)

    def _stop_looking(self, person_id: str) -> None:
        if self._looking.pop(person_id, None):
            self._tell(LEFT, {"person_id": person_id})

    def _tell(self, kind: str, data: dict[str, Any]) -> None:
        if self._tell_master:
            self._tell_master(kind, data)


class Matchmaker:
    """The master's side: brings together people of different workers."""

    def __init__(self, tell_worker: Callable[[str, dict[str, Any], str], None]) -> None:
        """`tell_worker(kind, data, worker)` sends one of the workers a message."""
        self._tell_worker = tell_worker
        self._looking: dict[str, tuple[str, str]] = {}  # person -> (worker, sex)
        self._met: set[frozenset[str]] = set()

    def looking(self, worker: str, person_id: str, sex: str) -> None:
        for other_id, (other_worker, other_sex) in self._looking.items():
            pair = frozenset((person_id, other_id))
            if other_worker != worker and other_sex != sex and pair not in self._met:
                self._met.add(pair)
                del self._looking[other_id]
                self._tell(other_worker, other_id, person_id, leads=False)
                self._tell(worker, person_id, other_id, leads=True)
                return
        self._looking[person_id] = worker, sex

    def left(self, person_id: str) -> None:
        self._looking.pop(person_id, None)

    def _tell(self, worker: str, person_id: str, other_id: str, leads: bool) -> None:
        self._tell_worker(MET, {"person_id": person_id, "other_id": other_id, "leads": leads}, worker)
