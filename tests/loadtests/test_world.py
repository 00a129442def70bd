"""Who plays whom, and that behaviour follows the traffic model."""

import random
from statistics import mean, stdev

import pytest

from loadtests.meetings import Meetings
from loadtests.recording.clock import RunClock
from loadtests.users.world import NobodyLeft, PersonPool, World
from scenarios.load import load
from scenarios.people import Sex, person_id_of, sex_of

DRAWS = 20_000


@pytest.fixture
def world() -> World:
    scenario = load("phase-1")
    pool = PersonPool(scenario.population.users)
    return World(
        scenario, "secret", lambda *_: None, lambda _: None, RunClock(), pool, Meetings(), rng=random.Random(1)
    )


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


@pytest.mark.parametrize(("sex", "published"), [(Sex.MALE, 0.368), (Sex.FEMALE, 0.053)])
def test_likes_are_as_frequent_as_published(world: World, sex: Sex, published: float) -> None:
    stranger = "of average popularity"
    share = mean(world.likes(sex, stranger) for _ in range(DRAWS))
    assert share == pytest.approx(published, abs=0.012)  # 3.5 standard errors


def test_the_popular_are_liked_more(world: World) -> None:
    ids = sorted(world.popularity_of, key=lambda person: world.popularity_of[person])
    assert set(ids) == {person_id_of(i, 1) for i in range(1000)}
    least, most = (mean(world.likes(Sex.FEMALE, person) for _ in range(2000)) for person in (ids[0], ids[-1]))
    assert most > 5 * least


def test_dwell_times_have_the_published_mean_and_deviation(world: World) -> None:
    dwell = world.scenario.traffic.profile_dwell.female
    drawn = [world.duration_s(dwell) for _ in range(DRAWS)]
    assert mean(drawn) == pytest.approx(dwell.mean_s, rel=0.03)
    assert stdev(drawn) == pytest.approx(dwell.sd_s, rel=0.1)


def test_conversations_are_as_long_as_published_and_end(world: World) -> None:
    lengths = [world.conversation_length() for _ in range(DRAWS)]
    assert mean(lengths) == pytest.approx(6.0, rel=0.05)
    assert 1 <= min(lengths) <= max(lengths) <= 100
