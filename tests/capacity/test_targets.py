"""Verdicts: pass, fail, inconclusive, invalid. What nothing measured is never a pass."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from capacity.targets import Check, check
from scenarios.load import load
from scenarios.outcome import ExitCode, Verdict
from tests.loadtests.making import HEALTHY, WARM_UP_S, Second, healthy, write


def checked(folder: Path, change: Callable[[Second], Second] = lambda second: second, seconds: int = 30) -> Check:
    return check(write(folder, seconds, lambda number: change(healthy(number))))


def with_samples(name: str, latencies: list[float]) -> Callable[[Second], Second]:
    return lambda second: replace(second, ok={**second.ok, name: latencies})


def with_columns(**columns: float) -> Callable[[Second], Second]:
    return lambda second: replace(second, columns={**HEALTHY, **columns})


def test_a_healthy_run_passes_every_target_and_rings_no_alert(tmp_path: Path) -> None:
    found = checked(tmp_path / "run")
    assert {t.verdict for t in found.targets} == {Verdict.PASS}
    assert [a.key for a in found.alerts if a.firing] == []
    assert (found.verdict, found.reasons) == (Verdict.PASS, ())


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        (with_samples("POST /swipes", [10.0] * 8 + [250.0] * 2), "api_response_time"),
        (with_samples("FLOW profile load", [1500.0] * 3), "profile_load"),
        (with_samples("WS match detection", [600.0] * 2), "match_detection"),
        (with_samples("WS message delivery", [8.0] * 4 + [400.0]), "message_delivery"),
        (with_samples("IMAGE photo", [3.0] * 9 + [501.0]), "image_load"),
        (with_columns(sockets=0.0), "concurrent_users"),
    ],
)
def test_each_target_can_fail(tmp_path: Path, change: Callable[[Second], Second], broken: str) -> None:
    found = checked(tmp_path / "run", change)
    assert [t.key for t in found.targets if t.verdict is Verdict.FAIL] == [broken]
    assert found.verdict is Verdict.FAIL


def test_a_target_counts_only_what_it_names(tmp_path: Path) -> None:
    found = checked(tmp_path / "run", with_samples("GET /discovery", [900.0] * 4))
    verdicts = {t.key: t.verdict for t in found.targets}
    assert verdicts["discovery_feed"] is Verdict.PASS
    assert verdicts["api_response_time"] is Verdict.FAIL


def test_the_limit_itself_is_no_pass_for_latency(tmp_path: Path) -> None:
    limit_ms = 199.999  # what three digits make of it is just above
    assert checked(tmp_path / "run", with_samples("POST /swipes", [limit_ms] * 10)).verdict is Verdict.FAIL


@pytest.mark.parametrize("column", ["database_queries", "answered"])
def test_what_nothing_measured_is_an_error_and_says_how_to_go_on(tmp_path: Path, column: str) -> None:
    found = checked(tmp_path / "run", lambda second: replace(second, columns=without(column)))
    assert (found.verdict, found.verdict.exit_code) == (Verdict.ERROR, ExitCode.USAGE)
    assert "nothing measured it in this run: name its source with --stack" in found.reasons[0]


def test_too_few_samples_are_inconclusive(tmp_path: Path) -> None:
    record = write(tmp_path / "run", 8, with_one_match)
    result = next(t for t in check(record).targets if t.key == "match_detection")
    assert (result.verdict, result.note) == (Verdict.INCONCLUSIVE, "5 samples, p95 needs 20 at least")


def with_one_match(number: int) -> Second:
    return replace(healthy(number), ok={**healthy(number).ok, "WS match detection": [15.0]})


def test_a_target_of_which_not_one_sample_came_is_an_error_not_a_pass(tmp_path: Path) -> None:
    found = checked(tmp_path / "run", with_samples("WS match detection", []))
    assert found.verdict is Verdict.ERROR
    assert [t.key for t in found.targets if t.verdict is Verdict.ERROR] == ["match_detection"]


def test_a_miss_weighs_more_than_what_was_not_measured(tmp_path: Path) -> None:
    columns = {**without("database_queries"), "sockets": 0.0}
    found = checked(tmp_path / "run", lambda second: replace(second, columns=columns))
    assert found.verdict is Verdict.FAIL


def test_failures_are_a_verdict_of_their_own(tmp_path: Path) -> None:
    def failing(number: int) -> Second:
        return replace(healthy(number), failed={"POST /swipes": [1.0]} if number % 2 else {})

    found = check(write(tmp_path / "run", 40, failing))
    assert {t.verdict for t in found.targets} == {Verdict.PASS}
    assert (found.failures.verdict, found.verdict) == (Verdict.FAIL, Verdict.FAIL)
    assert found.reasons[0].startswith("Failed requests: 1.63 %, at most 1 % wanted (")


def test_a_target_that_is_not_judged_decides_nothing(tmp_path: Path) -> None:
    scenario = load("phase-1", ["targets.targets.database_queries.judged=false", f"load.warm_up_s={WARM_UP_S}"])
    record = write(tmp_path / "run", 30, lambda _: replace(healthy(0), columns=without("database_queries")))
    found = check(replace(record, run=record.run.model_copy(update={"scenario": scenario})))
    assert found.verdict is Verdict.PASS
    assert {t.key: t.verdict for t in found.targets}["database_queries"] is Verdict.SKIPPED


def test_uptime_counts_the_ramp_too(tmp_path: Path) -> None:
    def away_in_the_ramp(number: int) -> Second:
        return healthy(number) if number else Second(columns={**HEALTHY, "answered": 0.0})

    found = check(write(tmp_path / "run", 30, away_in_the_ramp))
    assert [t.measured for t in found.targets if t.key == "uptime"] == [pytest.approx(100 * 31 / 32)]


def test_a_second_is_lost_when_the_probe_and_everybody_else_got_no_answer(tmp_path: Path) -> None:
    def away(number: int) -> Second:
        gone = Second(failed={"POST /swipes": [1.0]}, columns={**HEALTHY, "answered": 0.0})
        probe_lost = replace(healthy(number), columns={**HEALTHY, "answered": 0.0})
        return {20: gone, 21: probe_lost}.get(number, healthy(number))

    result = next(t for t in check(write(tmp_path / "run", 30, away)).targets if t.key == "uptime")
    assert result.verdict is Verdict.FAIL
    assert result.measured == pytest.approx(100 * 31 / 32)


def without(column: str) -> dict[str, float]:
    return {name: value for name, value in HEALTHY.items() if name != column}


def test_a_load_that_asks_for_less_cannot_show_what_the_database_serves(tmp_path: Path) -> None:
    found = checked(tmp_path / "run", with_columns(database_queries=10.0))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "only more people can tell" in found.reasons[0]


def test_a_target_that_only_survivors_meet_is_not_met(tmp_path: Path) -> None:
    found = checked(tmp_path / "run", lambda second: replace(second, failed={"WS message delivery": [10_000.0]}))
    result = next(t for t in found.targets if t.key == "message_delivery")
    assert (result.verdict, result.note) == (Verdict.FAIL, "16.7% of them failed")


def test_zero_successes_fail(tmp_path: Path) -> None:
    def broken(second: Second) -> Second:
        samples = {name: values for name, values in second.ok.items() if name != "IMAGE photo"}
        return replace(second, ok=samples, failed={"IMAGE photo": [1.0] * 10})

    found = checked(tmp_path / "run", broken)
    result = next(t for t in found.targets if t.key == "image_load")
    assert (result.verdict, result.measured) == (Verdict.FAIL, None)


def test_an_invalid_run_says_nothing_about_its_targets(tmp_path: Path) -> None:
    found = checked(tmp_path / "run", with_columns(generator_cpu_percent=99.0))
    assert found.verdict is Verdict.INVALID
    assert "--processes" in found.reasons[0]


def test_a_run_that_ended_in_its_warm_up_is_inconclusive(tmp_path: Path) -> None:
    found = checked(tmp_path / "run", seconds=2)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "before anything could be measured" in found.reasons[0]


def test_a_killed_generator_makes_the_run_invalid(tmp_path: Path) -> None:
    record = write(tmp_path / "run", 30, healthy, finish=False)
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    found = check(replace(record, run=record.run.model_copy(update={"generator_pid": ended.pid})))
    assert found.verdict is Verdict.INVALID
    assert "the load generator was killed" in found.reasons[0]


def test_a_record_that_does_not_say_how_far_it_can_be_trusted_is_not(tmp_path: Path) -> None:
    record = write(tmp_path / "run", 30, healthy)
    found = check(replace(record, run=record.run.model_copy(update={"validity": None})))
    assert found.verdict is Verdict.INVALID


@pytest.mark.parametrize(
    ("columns", "alert"),
    [
        ({"cpu_cores_app": 0.71}, "cpu"),
        ({"memory_percent": 71.0}, "memory"),
        ({"mongo_in_use": 41.0}, "mongo_connections"),
        ({"cache_hits": 70.0, "cache_misses": 30.0}, "cache_hits"),
    ],
)
def test_each_alert_can_fire_and_does_not_change_the_verdict(
    tmp_path: Path, columns: dict[str, float], alert: str
) -> None:
    found = checked(tmp_path / "run", with_columns(**columns))
    assert [a.key for a in found.alerts if a.firing] == [alert]
    assert found.verdict is Verdict.PASS


def test_errors_and_slow_answers_ring_too(tmp_path: Path) -> None:
    def worse(second: Second) -> Second:
        return replace(second, ok={**second.ok, "POST /swipes": [600.0] * 10}, failed={"POST /swipes": [1.0]})

    found = checked(tmp_path / "run", worse)
    assert [a.key for a in found.alerts if a.firing] == ["api_p95", "errors"]


def test_sockets_and_backlog_are_watched_only(tmp_path: Path) -> None:
    found = checked(tmp_path / "run", with_columns(queue_backlog=1e6))
    assert {a.key: a.firing for a in found.alerts if a.limit is None} == {"sockets": None, "queue": None}
