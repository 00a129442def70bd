"""Who plays whom, and that behaviour follows the traffic model."""

import pytest

from loadtests.meetings import Meetings
from loadtests.recording.clock import RunClock
from loadtests.users.world import NobodyLeft, PersonPool, World
from scenarios.load import load
from scenarios.people import Sex, person_id_of, sex_of


def test_nobody_is_played_twice_at_a_time() -> None:
    pool = PersonPool(40)
    taken = [pool.take() for _ in range(40)]
    assert sorted(taken) == list(range(40))
    with pytest.raises(NobodyLeft, match="ask for fewer users"):
        pool.take()
    pool.give_back(7)
    assert pool.take() == 7


def test_workers_share_the_population_and_each_has_both_sexes() -> None:
    pools = [PersonPool(120, worker, 3) for worker in range(3)]
    taken = [{pool.take() for _ in range(40)} for pool in pools]
    assert set.union(*taken) == set(range(120))
    assert all({sex_of(index) for index in part} == set(Sex) for part in taken)


def test_a_wish_for_a_sex_is_kept_while_there_is_one() -> None:
    pool = PersonPool(8)
    assert [sex_of(pool.take(Sex.FEMALE)) for _ in range(3)] == [Sex.FEMALE, Sex.FEMALE, Sex.MALE]


def test_a_process_knows_whom_it_plays_itself() -> None:
    fired: list[str] = []
    scenario, clock, pool = load("phase-1"), RunClock(), PersonPool(1000, worker=1, workers=2)
    world = World(
        *(scenario, "secret", lambda name, *_: fired.append(name), lambda _: None, clock, pool, Meetings()),
        worker=1,
        workers=2,
    )
    own, others = person_id_of(4, 1), person_id_of(0, 1)
    for person, samples in ((others, []), (own, ["match detection"])):
        # When somebody liked whom another process plays is not known here.
        world.post.liking("anna", person)
        world.post.matched(f"anna and {person}", "anna", person)
        assert fired == samples
