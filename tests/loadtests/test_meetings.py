"""Everybody meets somebody of the other sex, nobody the same person twice, also across processes."""

from functools import partial
from typing import Any

import gevent
import pytest

from loadtests.meetings import LEFT, LOOKING, MET, Matchmaker, Meeting, Meetings
from scenarios.people import Sex


def look(meetings: Meetings, person: str, sex: Sex, within_s: float = 5.0) -> gevent.Greenlet:
    """Somebody begins to look; the greenlet's value is whom they meet."""
    greenlet = gevent.spawn(meetings.meet, person, sex, within_s)
    gevent.sleep(0)
    return greenlet


def test_two_of_a_process_meet_and_one_of_them_leads() -> None:
    meetings = Meetings()
    anna, ben = look(meetings, "anna", Sex.FEMALE), look(meetings, "ben", Sex.MALE)
    assert ben.get(timeout=1) == Meeting("anna", leads=True, here=True)
    assert anna.get(timeout=1) == Meeting("ben", leads=False, here=True)


def test_the_same_sex_and_old_acquaintances_are_passed_over() -> None:
    meetings = Meetings()
    look(meetings, "anna", Sex.FEMALE)
    look(meetings, "ben", Sex.MALE).get(timeout=1)
    again = look(meetings, "anna", Sex.FEMALE, within_s=0.01)
    also = look(meetings, "carla", Sex.FEMALE, within_s=0.01)
    old = look(meetings, "ben", Sex.MALE, within_s=0.01)
    assert [g.get(timeout=1) for g in (again, also, old)] == [
        None,
        Meeting("ben", leads=False, here=True),
        Meeting("carla", leads=True, here=True),
    ]


def test_who_gives_up_is_met_by_nobody() -> None:
    meetings = Meetings()
    assert look(meetings, "anna", Sex.FEMALE, within_s=0).get(timeout=1) is None
    assert look(meetings, "ben", Sex.MALE, within_s=0).get(timeout=1) is None


class Wire:
    """A master and its workers, connected as Locust's messages connect them."""

    def __init__(self) -> None:
        self.matchmaker = Matchmaker(self._to_worker)
        self.workers = {name: Meetings(partial(self._to_master, name)) for name in "ab"}

    def _to_master(self, worker: str, kind: str, data: dict[str, Any]) -> None:
        if kind == LOOKING:
            self.matchmaker.looking(worker, **data)
        else:
            assert kind == LEFT
            self.matchmaker.left(**data)

    def _to_worker(self, kind: str, data: dict[str, Any], worker: str) -> None:
        assert kind == MET
        self.workers[worker].told(data)


@pytest.fixture
def wire() -> Wire:
    return Wire()


def test_people_of_two_processes_meet_through_the_master(wire: Wire) -> None:
    anna = look(wire.workers["a"], "anna", Sex.FEMALE)
    ben = look(wire.workers["b"], "ben", Sex.MALE)
    assert anna.get(timeout=1) == Meeting("ben", leads=False, here=False)
    assert ben.get(timeout=1) == Meeting("anna", leads=True, here=False)


def test_who_was_met_at_home_or_gave_up_is_not_offered_to_others(wire: Wire) -> None:
    look(wire.workers["a"], "anna", Sex.FEMALE)
    look(wire.workers["a"], "alma", Sex.FEMALE, within_s=0).get(timeout=1)
    look(wire.workers["a"], "adam", Sex.MALE).get(timeout=1)
    assert look(wire.workers["b"], "ben", Sex.MALE, within_s=0.01).get(timeout=1) is None


def test_the_master_brings_the_same_two_together_once(wire: Wire) -> None:
    for expected in ("ben", None):
        anna = look(wire.workers["a"], "anna", Sex.FEMALE, within_s=0.05)
        ben = look(wire.workers["b"], "ben", Sex.MALE, within_s=0.05)
        met = anna.get(timeout=1), ben.get(timeout=1)
        assert (met[0].other_id if met[0] else None) == expected
