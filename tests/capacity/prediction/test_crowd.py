"""Daters and couples: what each does, and what runs say of it."""

from collections.abc import Mapping
from statistics import mean, stdev

import pytest

from capacity.calibration.calibrate import calibrated
from capacity.calibration.file import Calibration, CalibrationError
from capacity.prediction.crowd import Crowd, half_of_couple, measured_crowd, measured_spread
from scenarios.couples import halves_of_couples, rates_of_half
from scenarios.load import load
from tests.capacity.calibration.making import MIXES, runs

SCENARIO = load("phase-1")
TALKS = {"WS message delivery": 0.1}


@pytest.fixture(scope="module")
def calibration(tmp_path_factory: pytest.TempPathFactory) -> Calibration:
    return calibrated(runs(tmp_path_factory.mktemp("runs")))


def with_halves(calibration: Calibration, halves: int) -> Calibration:
    stretches = tuple(stretch.model_copy(update={"halves": halves}) for stretch in calibration.stretches)
    return calibration.model_copy(update={"stretches": stretches})


def test_couples_stay_as_many_when_more_people_come() -> None:
    crowd = Crowd({"POST /swipes": 0.2}, TALKS, 16)
    assert crowd.classes(100) == ((84, crowd.daters), (16, TALKS))
    assert crowd.rates(100) == pytest.approx({"POST /swipes": 0.2 * 0.84, "WS message delivery": 0.1 * 0.16})
    assert crowd.rates(1600)["WS message delivery"] == pytest.approx(0.001)


def test_couples_are_never_more_than_half_of_the_people() -> None:
    assert Crowd({}, TALKS, 16).classes(20) == ((10, {}), (10, TALKS))
    assert halves_of_couples(SCENARIO.traffic, 20) == 10
    assert halves_of_couples(SCENARIO.traffic, 400) == 16


def test_a_couple_exchanges_its_messages_and_looks_for_others() -> None:
    """Four messages of eight seconds' typing each, and somebody in ten unmatches."""
    law, messages = SCENARIO.traffic.conversations, SCENARIO.traffic.couple_messages.value
    rates = rates_of_half(SCENARIO.traffic)
    cycle_s = (messages + law.unmatch_share.value) * law.typing_s.mean_s
    assert rates["POST /swipes"] * cycle_s == pytest.approx(1)
    assert rates["WS message delivery"] / rates["POST /swipes"] == pytest.approx(messages / 2)


def test_what_daters_do_is_the_rest_of_what_was_measured(calibration: Calibration) -> None:
    crowd = measured_crowd(calibration, SCENARIO)
    a_person = mean(mix["POST /swipes"] for mix in MIXES) / 100
    assert crowd.rates(100)["POST /swipes"] == pytest.approx(a_person, rel=0.05)

    halves = 10
    apart = measured_crowd(with_halves(calibration, halves), SCENARIO)
    assert apart.couples == half_of_couple(SCENARIO.traffic)
    together: Mapping[str, float] = apart.rates(100)
    assert together["POST /swipes"] == pytest.approx(crowd.rates(100)["POST /swipes"], rel=1e-6)


def test_runs_of_one_scenario_say_nothing_of_another(calibration: Calibration) -> None:
    with pytest.raises(CalibrationError, match="No run of phase-2 was calibrated"):
        measured_crowd(calibration, load("phase-2"))


def test_how_much_runs_differ_is_a_share(calibration: Calibration) -> None:
    totals = [sum(mix.values()) for mix in MIXES]
    assert measured_spread(calibration, SCENARIO) == pytest.approx(stdev(totals) / mean(totals), rel=0.05)
