"""Weeks of growth: known answers and properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.prediction.growth import PhaseCapacity, drawn_people, grown
from capacity.prediction.knee import Knee
from capacity.prediction.result import Interval
from scenarios.growth import Registered, peak_factor
from scenarios.load import hours_of_day, load_growth

GROWTH = load_growth()
HOURS = hours_of_day()


def phase(people: float, name: str = "phase-1") -> PhaseCapacity:
    drawn = tuple(np.linspace(0.8 * people, 1.2 * people, 16))
    knee = Knee(Interval(people, 0.8 * people, 1.2 * people), "API response time", drawn, 1.1 * people, "app", 0.1)
    return PhaseCapacity(name, name, (1, 4), knee)


def test_the_plans_users_and_its_thousand_at_once() -> None:
    """1,000 users in week 4, 5,000 in week 8, 10,000 in week 12, of whom 1,000 are there at once."""
    found = grown(GROWTH, GROWTH.usage["plan"], HOURS, 12, [phase(500)])
    assert [found.weeks[week - 1].registered.middle for week in (4, 8, 12)] == [1000, 5000, 10_000]
    assert found.weeks[-1].people.middle == pytest.approx(1000, rel=0.05)
    assert found.weeks[0].registered.middle == 250


def test_at_once_is_littles_law() -> None:
    """20 % of the users, 4.7 sessions of 7.5 minutes a day, at the busiest moment."""
    usage = GROWTH.usage["tinder"]
    assert usage.online_share == pytest.approx(0.2 * 4.7 * 7.5 / 1440)
    hour = max(HOURS) / (sum(HOURS) / 24)
    assert peak_factor(GROWTH, HOURS) == pytest.approx(hour * 1.1, rel=0.001)


def test_a_phase_breaks_in_the_week_in_which_more_come_than_it_holds() -> None:
    """About 400 at once in week 7, 500 in week 8; twice as many with high growth, half with low."""
    found = grown(GROWTH, GROWTH.usage["plan"], HOURS, 12, [phase(450)]).phases[0]
    people = [week.people.middle for week in grown(GROWTH, GROWTH.usage["plan"], HOURS, 12, [phase(450)]).weeks]
    expected = next(week for week, online in enumerate(people, 1) if online > 450)
    assert found.breaks[1] == expected
    low, middle, high = found.breaks
    assert high is not None
    assert middle is not None
    assert high <= middle
    assert low is None or low >= middle
    assert found.utilisation[11] == pytest.approx(0.1 + 0.9 * people[11] / 495)


def test_chances_grow_week_by_week_and_with_smaller_servers() -> None:
    small, large = grown(GROWTH, GROWTH.usage["plan"], HOURS, 12, [phase(300), phase(600)]).phases
    assert list(small.missed_share) == sorted(small.missed_share)
    assert all(one >= other for one, other in zip(small.missed_share, large.missed_share, strict=True))
    assert small.likely_from is not None


def test_same_seed_same_answer() -> None:
    one, again, other = (grown(GROWTH, GROWTH.usage["plan"], HOURS, 12, [phase(450)], seed) for seed in (1, 1, 2))
    assert one == again
    assert one != other


@given(st.integers(1, 60))
def test_later_never_fewer(weeks: int) -> None:
    found = grown(GROWTH, GROWTH.usage["light"], HOURS, weeks, [], draws=10)
    middle = [week.registered.middle for week in found.weeks]
    assert middle == sorted(middle)
    assert all(week.people.low <= week.people.middle <= week.people.high for week in found.weeks)


def test_drawn_growth_lies_between_low_and_high() -> None:
    people = np.array([100.0, 200.0])
    drawn = drawn_people(people, (0.5, 1.0, 2.0), 5000, np.random.default_rng(1))
    assert drawn.shape == (5000, 2)
    assert (drawn >= 0.5 * people).all()
    assert (drawn <= 2.0 * people).all()
    assert np.median(drawn[:, 0]) == pytest.approx(100, rel=0.05)
    assert (drawn_people(people, (1.0, 1.0, 1.0), 3, np.random.default_rng(1)) == people).all()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"weeks": (0, 4), "users": (0, 10, 20)}, "as many weeks as users"),
        ({"weeks": (4, 4), "users": (0, 10)}, "weeks must grow"),
        ({"weeks": (0, 4), "users": (10, 5)}, "must not become fewer"),
    ],
)
def test_growth_that_makes_no_sense_is_refused(changes: dict[str, tuple[int, ...]], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Registered.model_validate({"source": "seed", **changes})


def test_beyond_the_plan_growth_goes_on() -> None:
    """As it did last: 1,250 a week."""
    assert GROWTH.registered.at(16) == 15_000
