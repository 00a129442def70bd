"""Clocks of several machines become one, and the error that is claimed holds."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.recording.clock import DRIFT_SHARE, Offset, RunClock, clock_identity

delays_s = st.floats(0.0001, 0.2)


@given(st.floats(-1e6, 1e6), st.lists(st.tuples(delays_s, delays_s), min_size=1, max_size=50))
def test_the_true_offset_lies_within_the_error(true_s: float, trips: list[tuple[float, float]]) -> None:
    offset, now = Offset(), 1000.0
    for there, back in trips:
        offset.add(now, now + there + true_s, now + there + back)
        now += 1.0
    estimate, error = offset.estimate(now) or (0.0, 0.0)
    assert abs(estimate - true_s) <= error + 1e-9
    # The shortest round trip decides, less what the clocks may have drifted since.
    assert error <= min(there + back for there, back in trips) / 2 + DRIFT_SHARE * len(trips) + 1e-9


def test_a_clock_that_drifts_as_much_as_crystals_do_stays_within_the_error() -> None:
    rng, offset = random.Random(1), Offset()
    for second in range(3600):
        now, there, back = float(second), rng.uniform(0.0005, 0.005), rng.uniform(0.0005, 0.005)
        true_s = 5.0 + now * DRIFT_SHARE
        offset.add(now, now + there + true_s, now + there + back)
        estimate, error = offset.estimate(now + there + back) or (0.0, 0.0)
        assert abs(estimate - true_s) <= error
        assert error < 0.01


def test_without_a_round_trip_nothing_is_claimed() -> None:
    assert Offset().estimate(0.0) is None


def test_a_worker_elsewhere_tells_the_masters_time() -> None:
    master = RunClock()
    elsewhere = RunClock(lambda: master.monotonic_s() + 1000.0)
    answer = master.answer(elsewhere.question())
    elsewhere.adjust({**answer, "identity": "another machine"})
    assert elsewhere.monotonic_s() == pytest.approx(master.monotonic_s(), abs=0.05)
    assert elsewhere.time() == pytest.approx(master.time(), abs=0.05)
    found = elsewhere.describe("worker")
    assert not found.shared
    assert found.offset_ms == pytest.approx(-1_000_000, abs=found.error_ms + 1)


def test_on_one_machine_the_clock_is_the_same_and_exact() -> None:
    master, worker = RunClock(), RunClock()
    worker.adjust(master.answer(worker.question()))
    found = worker.describe("worker")
    assert (found.shared, found.offset_ms, found.error_ms) == (True, 0.0, 0.0)
    assert clock_identity() == clock_identity()
