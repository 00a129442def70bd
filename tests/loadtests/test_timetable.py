"""Sessions arrive as planned: a Poisson process whose mean follows the curve, conditioned to keep to the load."""

import random
from statistics import mean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests.timetable import Lengths, Online, Visit, poisson, timetable
from loadtests.users.mind import Mind
from scenarios.load import load
from scenarios.stages import Load, Stage

SESSION = load("phase-1").traffic.session_s
STAGES = (Stage(share=0.2, part=4), Stage(share=1.0, part=2, ramp_share=0.5), Stage(share=0.3, part=4, ramp_share=0.3))


def lengths(rng: random.Random) -> Lengths:
    mind = Mind(load("phase-1").traffic, {}, rng)
    return Lengths(SESSION.mean_s, lambda: mind.duration_s(SESSION), lambda: mind.under_way(SESSION))


def made(people: int, hold_s: float, stages: tuple[Stage, ...] = ()) -> Load:
    return Load(concurrent_users=people, ramp_s=10.0, hold_s=hold_s, warm_up_s=0.0, stages=stages)


def test_the_mean_of_many_timetables_follows_the_curve() -> None:
    """Superposed M/G/infinity queues: each rise comes in equilibrium, each fall thins. Not conditioned here."""
    rng, curve, at_s = random.Random(1), made(100, 600.0, STAGES).curve, np.arange(5.0, 610.0, 20.0)
    found = np.mean([Online(timetable(curve, 100, lengths(rng), rng, tries=1)).at(at_s) for _ in range(200)], axis=0)
    asked = np.array([100 * curve.share(float(at)) for at in at_s])
    # Four standard errors of a Poisson mean over 200 timetables, and 1.5 for those who come while the load falls.
    assert np.abs(found - asked).max() < 4 * np.sqrt(100 / 200) + 1.5


def test_arrivals_of_new_sessions_are_a_poisson_process() -> None:
    """Exponential gaps: mean and deviation are the same, and no gap knows of the one before."""
    rng = random.Random(2)
    arrivals = list(poisson(lambda _: 5.0, 10.0, 2000.0, rng))
    gaps = np.diff(arrivals)
    assert gaps.mean() == pytest.approx(0.2, rel=0.04)
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.05)
    assert abs(np.corrcoef(gaps[:-1], gaps[1:])[0, 1]) < 0.04


@pytest.mark.parametrize("people", [8, 100, 1000])
@pytest.mark.parametrize(("hold_s", "warm_up_s"), [(30.0, 0.0), (600.0, 0.0), (70.0, 10.0)])
def test_a_hold_is_never_below_what_is_asked_for_and_hardly_above(people: int, hold_s: float, warm_up_s: float) -> None:
    rng, measured_from_s = random.Random(3), 10.0 + warm_up_s
    for _ in range(10):
        curve = made(people, hold_s).curve
        online = Online(timetable(curve, people, lengths(rng), rng, measured_from_s))
        median = float(np.median(online.at(np.arange(measured_from_s, 10.0 + hold_s, 0.5))))
        assert people <= median <= max(people * 1.04, people + 1.5)


def test_who_is_found_under_way_stays_for_the_rest_of_the_session_only() -> None:
    rng = random.Random(4)
    visits = timetable(made(500, 60.0).curve, 500, lengths(rng), rng)
    found = [visit for visit in visits if visit.elapsed_s]
    assert len(found) == 500
    left = mean(visit.whole_s - visit.elapsed_s for visit in found)
    # Mean residual life: E[L^2] / 2 E[L].
    assert left == pytest.approx((SESSION.mean_s**2 + SESSION.sd_s**2) / 2 / SESSION.mean_s, rel=0.15)


@settings(max_examples=30)
@given(st.integers(1, 60), st.floats(1, 120), st.integers(0, 1000))
def test_visits_are_in_order_and_end_after_they_begin(people: int, hold_s: float, seed: int) -> None:
    rng = random.Random(seed)
    visits = timetable(made(people, hold_s, STAGES).curve, people, lengths(rng), rng)
    assert [visit.at_s for visit in visits] == sorted(visit.at_s for visit in visits)
    assert all(visit.ends_s >= visit.at_s for visit in visits)


def test_a_worker_without_people_has_no_visits() -> None:
    rng = random.Random(1)
    assert timetable(made(5, 60.0).curve, 0, lengths(rng), rng) == []


def test_online_counts_who_has_come_and_not_left() -> None:
    online = Online([Visit(0.0, 10.0), Visit(5.0, 10.0, elapsed_s=8.0)])
    assert [int(online.at(at)) for at in (0.0, 5.0, 6.9, 7.0, 10.0)] == [1, 2, 2, 1, 0]
