"""One run against its targets: sure, surely not, or not known. One bad request decides nothing."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from capacity.gate.absolute import Judged, RunGate, judge
from capacity.gate.patience import Patience, sure
from loadtests.record import Record, RecordError
from scenarios.load import load
from scenarios.outcome import Verdict
from tests.capacity.gate.sides import noise_floor
from tests.loadtests.making import HEALTHY, RAMP_S, WARM_UP_S, Second, healthy, write

LIMIT_MS = 200.0


def busy(number: int) -> Second:
    """A healthy second with enough of everything to be sure within half a minute."""
    second = healthy(number)
    return replace(second, ok={name: [*values] * 3 for name, values in second.ok.items()})


def record(folder: Path, change: Callable[[int], Second] = busy, seconds: int = 40, *settings: str) -> Record:
    made = write(folder, seconds, change)
    if not settings:
        return made
    scenario = load("phase-1", [f"load.warm_up_s={WARM_UP_S}", *settings])
    return replace(made, run=made.run.model_copy(update={"scenario": scenario}))


def target(gate: RunGate, key: str) -> Judged:
    return next(t for t in gate.targets if t.key == key)


def swipes(*latencies: float) -> Callable[[int], Second]:
    """The API as only these swipes, and everything else as it is."""

    def change(number: int) -> Second:
        second = busy(number)
        return replace(second, ok={**second.ok, "GET /discovery": [20.0] * 3, "POST /swipes": list(latencies)})

    return change


def test_a_healthy_run_passes_for_sure(tmp_path: Path) -> None:
    found = judge(record(tmp_path / "run"))
    assert (found.verdict, found.reasons) == (Verdict.PASS, ())
    assert {t.verdict for t in found.targets} == {Verdict.PASS}
    assert sure(found)


def test_a_target_that_is_surely_missed_fails(tmp_path: Path) -> None:
    found = judge(record(tmp_path / "run", swipes(*[10.0] * 40, *[300.0] * 10)))
    judged = target(found, "api_response_time")
    assert (judged.verdict, found.verdict) == (Verdict.FAIL, Verdict.FAIL)
    assert judged.low is not None
    assert judged.low >= LIMIT_MS
    assert sure(found)


def test_a_limit_inside_the_interval_is_inconclusive(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)

    def near(number: int) -> Second:  # between 4 and 6 % of the API's samples are beyond the limit
        slow = 2 + number % 2
        return swipes(*rng.normal(50, 5, 47 - slow), *[250.0] * slow)(number)

    found = judge(record(tmp_path / "run", near))
    judged = target(found, "api_response_time")
    assert (judged.verdict, found.verdict) == (Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE)
    assert "the limit may lie inside its interval" in judged.note
    assert not sure(found)


def test_a_slow_stretch_tells_less_than_the_same_samples_scattered(tmp_path: Path) -> None:
    def together(number: int) -> Second:
        return swipes(*[50.0] * 47, *[250.0] * (30 if 20 <= number < 22 else 0))(number)

    def scattered(number: int) -> Second:
        return swipes(*[50.0] * 45, *[250.0] * (1 + number % 2))(number)

    found = [
        target(judge(record(tmp_path / n, f)), "api_response_time") for n, f in (("t", together), ("s", scattered))
    ]
    assert [judged.verdict for judged in found] == [Verdict.INCONCLUSIVE, Verdict.PASS]


def test_too_few_samples_to_be_sure_are_inconclusive(tmp_path: Path) -> None:
    def rarely(number: int) -> Second:
        return replace(busy(number), ok={**busy(number).ok, "WS match detection": [15.0] if number % 2 else []})

    judged = target(judge(record(tmp_path / "run", rarely, 80)), "match_detection")
    assert (judged.verdict, judged.note) == (Verdict.INCONCLUSIVE, "39 samples, p95 needs 72 to be sure of")


def test_one_bad_request_in_four_thousand_decides_nothing(tmp_path: Path) -> None:
    def one(number: int) -> Second:
        failed = {"POST /swipes": [10_000.0]} if number == 20 else {}
        return replace(busy(number), failed=failed)

    found = judge(record(tmp_path / "run", one))
    assert found.verdict is Verdict.PASS
    assert "1 of " in target(found, "failures").note


def test_many_failures_fail_and_a_few_are_not_sure(tmp_path: Path) -> None:
    def failing(every: int) -> Callable[[int], Second]:
        return lambda number: replace(busy(number), failed={"IMAGE photo": [1.0] * 3} if number % every == 0 else {})

    assert target(judge(record(tmp_path / "many", failing(1))), "failures").verdict is Verdict.FAIL
    assert target(judge(record(tmp_path / "few", failing(4))), "failures").verdict is Verdict.INCONCLUSIVE


def test_a_failed_probe_is_no_downtime_while_people_are_served(tmp_path: Path) -> None:
    def blink(number: int) -> Second:
        return replace(busy(number), columns={**HEALTHY, "answered": 0.0 if number == 20 else 1.0})

    assert target(judge(record(tmp_path / "run", blink)), "uptime").verdict is Verdict.PASS


@pytest.mark.parametrize(("away", "verdict"), [(1, Verdict.INCONCLUSIVE), (2, Verdict.FAIL)])
def test_one_second_away_in_a_short_run_is_no_verdict_two_are(tmp_path: Path, away: int, verdict: Verdict) -> None:
    def gone(number: int) -> Second:
        if 20 <= number < 20 + away:
            return Second(columns={**HEALTHY, "answered": 0.0})
        return busy(number)

    assert target(judge(record(tmp_path / "run", gone)), "uptime").verdict is verdict


def test_a_pass_near_the_limit_carries_a_warning(tmp_path: Path) -> None:
    found = judge(record(tmp_path / "run", swipes(*[50.0] * 40, *[170.0] * 10)))
    judged = target(found, "api_response_time")
    assert (judged.verdict, judged.warning) == (Verdict.PASS, True)
    assert found.warnings == (judged,)


def test_a_limit_that_must_hold_in_every_stretch_is_missed_in_one(tmp_path: Path) -> None:
    def slow_once(number: int) -> Second:
        return swipes(*[250.0 if 15 <= number < 25 else 50.0] * 60)(number)

    every = "targets.targets.api_response_time.each_s=10"
    judged = target(judge(record(tmp_path / "run", slow_once, 40, every)), "api_response_time")
    assert judged.verdict is Verdict.FAIL
    assert "worst of 3 stretches of 10 s, from second 10" in judged.note


def test_the_end_of_a_run_belongs_to_the_last_stretch(tmp_path: Path) -> None:
    def slow_at_the_end(number: int) -> Second:
        return swipes(*[250.0 if number >= 38 else 50.0] * 60)(number)

    every = "targets.targets.api_response_time.each_s=10"
    judged = target(judge(record(tmp_path / "run", slow_at_the_end, 45, every)), "api_response_time")
    assert judged.measured == pytest.approx(250, rel=0.01)
    assert "worst of 4 stretches of 10 s, from second 30" in judged.note


def test_a_target_may_ask_for_the_ramp(tmp_path: Path) -> None:
    def slow_ramp(number: int) -> Second:
        return swipes(*[250.0 if number < RAMP_S else 50.0] * 60)(number)

    ramp = 'targets.targets.api_response_time.windows="ramp"'
    found = judge(record(tmp_path / "run", slow_ramp, 40, ramp))
    assert target(found, "api_response_time").verdict is Verdict.FAIL
    stages = {stage.name: stage.measured for stage in found.stages if stage.name.startswith("API")}
    assert stages["API response time, ramp"] == pytest.approx(250, rel=0.01)
    assert stages["API response time, hold"] == pytest.approx(50, rel=0.01)


def test_the_warm_up_is_cut_by_rule(tmp_path: Path) -> None:
    def cold(number: int) -> Second:
        return swipes(*[500.0 if number < RAMP_S + WARM_UP_S + 10 else 50.0] * 60)(number)

    found = judge(record(tmp_path / "run", cold, 60))
    assert (found.warm_up_s, found.verdict) == (WARM_UP_S + 10, Verdict.PASS)


def test_a_run_that_never_became_steady_is_inconclusive(tmp_path: Path) -> None:
    def coming_down(number: int) -> Second:
        return swipes(*[500.0 if number < 40 else 50.0] * 60)(number)

    found = judge(record(tmp_path / "run", coming_down, 60))
    assert (found.warm_up_s, found.verdict) == (None, Verdict.INCONCLUSIVE)
    assert "never became steady" in found.reasons[0]


def test_what_was_down_does_not_come_back_however_unsteady_the_rest(tmp_path: Path) -> None:
    def away(number: int) -> Second:
        if 20 <= number < 24:
            return Second(columns={**HEALTHY, "answered": 0.0})
        return swipes(*[500.0 if number < 40 else 50.0] * 60)(number)

    found = judge(record(tmp_path / "run", away, 60))
    assert (found.warm_up_s, found.verdict) == (None, Verdict.FAIL)


def test_seconds_away_may_still_be_few_enough_while_the_run_goes_on(tmp_path: Path) -> None:
    def away(number: int) -> Second:
        return Second(columns={**HEALTHY, "answered": 0.0}) if 10 <= number < 12 else busy(number)

    made = write(tmp_path / "run", 40, away, finish=False)
    short = judge(made)
    scenario = load("phase-1", [f"load.warm_up_s={WARM_UP_S}", "load.hold_s=3600"])
    long = judge(replace(made, run=made.run.model_copy(update={"scenario": scenario})))
    assert made.running
    assert [sure(found) for found in (short, long)] == [True, False]
    assert target(long, "uptime").note == "2 seconds so far, few enough for 3600 s"


def test_where_no_target_is_judged_nothing_passes(tmp_path: Path) -> None:
    made = record(tmp_path / "run")
    targets = made.run.scenario.targets
    none = targets.model_copy(
        update={
            "targets": {key: t.model_copy(update={"judged": False}) for key, t in targets.targets.items()},
            "failures": targets.failures.model_copy(update={"judged": False}),
        }
    )
    scenario = made.run.scenario.model_copy(update={"targets": none})
    found = judge(replace(made, run=made.run.model_copy(update={"scenario": scenario})))
    assert (found.verdict, found.reasons) == (
        Verdict.ERROR,
        ("No target of this scenario is judged: there is nothing to pass.",),
    )


def test_what_has_no_source_is_not_waited_for(tmp_path: Path) -> None:
    columns = {name: value for name, value in HEALTHY.items() if name != "database_queries"}
    found = judge(record(tmp_path / "run", lambda n: replace(busy(n), columns=columns)))
    assert target(found, "database_queries").verdict is Verdict.ERROR
    assert sure(found)
    assert not sure(replace(found, warm_up_s=None))


def test_a_run_without_one_success_measured_no_backend(tmp_path: Path) -> None:
    def dead(number: int) -> Second:
        drift = {"GENERATOR loop drift": [0.5] * 20}  # what the generator says of itself is no success
        return Second(ok=drift, failed={"POST /swipes": [1.0] * 10}, columns=HEALTHY)

    with pytest.raises(RecordError, match=r"Not one request of .* succeeded: was the backend there"):
        judge(record(tmp_path / "run", dead))


def test_a_noisy_machine_widens_the_interval_and_the_verdict_knows(tmp_path: Path) -> None:
    made = record(tmp_path / "run", swipes(*[50.0] * 40, *[150.0] * 10))
    noise = noise_floor({"api_response_time": 0.3})
    assert target(judge(made), "api_response_time").verdict is Verdict.PASS
    judged = target(judge(made, noise), "api_response_time")
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert judged.high == pytest.approx(150 * np.exp(1.96 * 0.3), rel=0.01)


def test_who_waits_for_certainty_looks_after_twice_as_long_each_time() -> None:
    patience = Patience(budget_s=300, confidence=0.95)
    assert [s for s in range(1, 301) if patience.due(s)] == [10, 20, 40, 80, 160]
    assert patience.confidence == pytest.approx(1 - 0.05 / 6)


def test_a_name_with_signs_of_a_pattern_is_that_name_only(tmp_path: Path) -> None:
    def odd(number: int) -> Second:
        return replace(busy(number), ok={**busy(number).ok, "GET /a[bc]": [70.0] * 5, "GET /ab": [90.0] * 5})

    found = {m.name: m.measured for m in judge(record(tmp_path / "run", odd)).endpoints}
    assert found["GET /a[bc]"] == pytest.approx(70, rel=0.01)
    assert found["GET /ab"] == pytest.approx(90, rel=0.01)
