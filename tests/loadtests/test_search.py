"""The search finds a known knee through noise, and is not fooled by invalid runs. No server is started."""

import random
from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.search import TRIED_INVALID_MAX, Knee, Limits, Tried, given_up, knee, next_people, stopped_by

SEEDS, RUNS_MAX = 100, 60


class Backend:
    """Holds up to `knee_people`, give or take: runs differ by `spread`, some say nothing, some are invalid."""

    def __init__(self, knee_people: int, spread: float, seed: int, lapse: float = 0.02, invalid: float = 0.1) -> None:
        self._knee, self._spread, self._rng = knee_people, spread, random.Random(seed)
        self._lapse, self._invalid = lapse, invalid

    def run(self, people: int) -> Tried:
        if self._rng.random() < self._invalid:
            return Tried(people, None)
        if self._rng.random() < self._lapse:
            return Tried(people, self._rng.random() < 0.5)
        return Tried(people, log(people) + self._rng.gauss(0, self._spread) < log(self._knee))


def searched(backend: Backend, limits: Limits) -> tuple[Knee, list[Tried]]:
    tried: list[Tried] = []
    while len(tried) < RUNS_MAX and (people := next_people(tried, limits)) is not None:
        tried.append(backend.run(people))
    return knee(tried, limits), tried


@pytest.mark.parametrize(("people", "spread"), [(130, 0.03), (1000, 0.06), (9000, 0.01), (9000, 0.03)])
def test_a_known_knee_is_found_within_five_percent(people: int, spread: float) -> None:
    found = [searched(Backend(people, spread, seed), Limits(100, 20_000)) for seed in range(SEEDS)]
    assert sum(abs(answer.middle / people - 1) <= 0.05 for answer, _ in found) >= 95
    assert sum(answer.low <= people <= (answer.high or people) for answer, _ in found) >= 93
    settled = [answer for answer, _ in found if answer.settled]
    assert len(settled) >= 95
    assert all(answer.high and answer.high - answer.low <= 0.1 * answer.middle + 1 for answer in settled)
    # An hour of runs of a minute and a half, at most, in most cases.
    assert sorted(len(tried) for _, tried in found)[SEEDS * 9 // 10] <= 45


@given(st.lists(st.tuples(st.integers(1, 5000), st.booleans()), max_size=12), st.data())
def test_an_invalid_run_is_never_a_vote(votes: list[tuple[int, bool]], data: st.DataObject) -> None:
    limits, tried = Limits(100, 5000), [Tried(people, held) for people, held in votes]
    spoilt = list(tried)
    for place in sorted(data.draw(st.lists(st.integers(0, len(tried)), max_size=4)), reverse=True):
        spoilt.insert(place, Tried(data.draw(st.integers(1, 5000)), None))
    assert knee(spoilt, limits) == knee(tried, limits)
    # After it no more people are asked for than without.
    without, asked = next_people(tried, limits), next_people(spoilt, limits)
    assert asked is None or (without is not None and asked <= without)


def test_it_doubles_until_a_target_breaks_then_looks_between() -> None:
    limits, tried = Limits(100, 100_000), list[Tried]()
    asked = []
    for _ in range(5):
        people = next_people(tried, limits)
        assert people
        asked.append(people)
        tried.append(Tried(people, people <= 500))
    assert asked[:4] == [100, 200, 400, 800]
    assert 400 < asked[4] < 800


def test_one_bad_run_far_below_the_knee_does_not_decide() -> None:
    limits = Limits(100, 10_000)
    tried = [Tried(100, True), Tried(200, False), *[Tried(people, True) for people in (150, 190, 210, 300, 400)]]
    while (people := next_people(tried, limits)) is not None:
        tried.append(Tried(people, people < 1000))
    assert abs(knee(tried, limits).middle / 1000 - 1) < 0.05


def test_what_never_breaks_is_an_answer_at_the_most_that_can_be_tried() -> None:
    limits, tried = Limits(100, 350), list[Tried]()
    while (people := next_people(tried, limits)) is not None:
        tried.append(Tried(people, True))
    assert [one.people for one in tried] == [100, 200, 350]
    assert knee(tried, limits).high is None
    assert knee(tried, limits).middle == 350


def test_what_never_holds_is_an_answer_too() -> None:
    limits, tried = Limits(64, 1000), list[Tried]()
    while (people := next_people(tried, limits)) is not None and len(tried) < RUNS_MAX:
        tried.append(Tried(people, False))
    assert knee(tried, limits).middle <= 1
    assert min(one.people for one in tried) == 1


def test_it_gives_up_when_the_generator_is_the_limit() -> None:
    limits, tried = Limits(100, 1000), list[Tried]()
    while (people := next_people(tried, limits)) is not None:
        tried.append(Tried(people, None))
    assert [one.people for one in tried] == [100, 50, 25]
    assert given_up(tried)
    assert knee(tried, limits) == Knee(0, 0, None, False)
    broken = [Tried(100, True), Tried(200, False), *[Tried(150, None)] * TRIED_INVALID_MAX]
    assert next_people(broken, limits) is None


def test_where_runs_become_invalid_it_looks_below() -> None:
    limits, tried = Limits(1000, 10_000), list[Tried]()
    while (people := next_people(tried, limits)) is not None:
        tried.append(Tried(people, True if people < 3000 else None))
    most_held = max(one.people for one in tried if one.held)
    stopped = stopped_by(tried)
    assert stopped
    assert most_held < 3000 <= stopped <= 1.1 * most_held
    assert knee(tried, limits).middle == most_held
    assert len(tried) < 11


def test_a_run_that_was_invalid_once_is_looked_at_again_before_more_people_are_tried() -> None:
    limits, tried, noisy = Limits(1000, 10_000), list[Tried](), {1, 3}
    while (people := next_people(tried, limits)) is not None and len(tried) < RUNS_MAX:
        tried.append(Tried(people, None if len(tried) in noisy else people < 5000))
    assert [one.people for one in tried[:5]] == [1000, 2000, 1414, 2000, 1682]
    assert abs(knee(tried, limits).middle / 5000 - 1) < 0.05


def test_with_too_few_people_to_tell_it_tries_more() -> None:
    limits, tried = Limits(2, 1000), list[Tried]()
    while (people := next_people(tried, limits)) is not None and len(tried) < RUNS_MAX:
        tried.append(Tried(people, None, few=True) if people < 30 else Tried(people, people < 300))
    assert [one.people for one in tried[:6]] == [2, 4, 8, 16, 32, 64]
    assert abs(knee(tried, limits).middle / 300 - 1) < 0.05
    assert next_people([Tried(1000, None, few=True)], limits) is None
    assert not given_up([Tried(1000, None, few=True)])


def test_nothing_tried_is_nothing_known() -> None:
    assert knee([], Limits(100, 1000)) == Knee(0, 0, None, False)
    assert next_people([], Limits(5000, 1000)) == 1000
