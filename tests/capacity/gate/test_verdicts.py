"""The referee of a duel: counts what is valid, looks when it is time, and stops when more pairs change nothing."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from capacity.gate.plan import Plan
from capacity.gate.verdicts import Referee, gate_against, gate_runs
from loadtests.record import Record
from scenarios.load import load
from scenarios.outcome import UsageError, Verdict
from tests.loadtests.making import HEALTHY, Second, healthy, write

RULES = load("sprint").targets.gate


def second(swipe_ms: float, **columns: float) -> Callable[[int], Second]:
    base = healthy(0)
    ok = {name: [*values] * 3 for name, values in base.ok.items()}
    return lambda _: replace(base, ok={**ok, "POST /swipes": [swipe_ms] * 30}, columns={**HEALTHY, **columns})


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Record]:
    folder = tmp_path_factory.mktemp("runs")
    made = {"fast": second(30), "slower": second(36), "busy": second(30, foreign_cpu_cores=1.9)}
    made["costly"] = second(30, cpu_cores_app=0.24)
    drift = {"GENERATOR loop drift": [0.5] * 20}
    made["dead"] = lambda _: Second(ok=drift, failed={"POST /swipes": [1.0] * 10}, columns=HEALTHY)
    return {name: write(folder / name, 12, happened) for name, happened in made.items()}


def pairs_until_over(referee: Referee, baseline: Record, candidate: Record, most: int = 40) -> int:
    """How many pairs the referee asked for."""
    for number in range(1, most + 1):
        referee.add(baseline, candidate)
        if referee.over:
            return number
    raise AssertionError("it never ended")


def test_it_stops_at_the_first_look_that_is_sure(runs: dict[str, Record], tmp_path: Path) -> None:
    referee = Referee(Plan(), tmp_path / "noise.json")
    assert pairs_until_over(referee, runs["fast"], runs["fast"]) == 8
    assert referee.result(runs["fast"]).verdict is Verdict.PASS
    slower = Referee(Plan(), tmp_path / "noise.json")
    assert pairs_until_over(slower, runs["fast"], runs["slower"]) == 10  # 8 pairs alike in sign are not rare enough
    assert slower.result(runs["fast"]).verdict is Verdict.FAIL


def test_what_a_request_costs_the_stations_is_compared_too(runs: dict[str, Record], tmp_path: Path) -> None:
    referee = Referee(Plan(), tmp_path / "noise.json")
    pairs_until_over(referee, runs["fast"], runs["costly"])
    found = referee.result(runs["fast"]).comparison
    assert found
    assert [(row.station, round(row.change, 3)) for row in found.cpu] == [
        ("all stations", 0.133),
        ("app", 0.2),
        ("mongod", 0.0),
    ]


def test_invalid_pairs_are_left_out_and_three_in_a_row_end_it(runs: dict[str, Record], tmp_path: Path) -> None:
    referee = Referee(Plan(), tmp_path / "noise.json")
    assert referee.add(runs["fast"], runs["busy"]).startswith("A pair that does not count:\n")
    said = referee.add(runs["fast"], runs["fast"])
    assert said.startswith("Pair 1 of at most 16: API response time, p95: ")
    assert said.endswith("(+0.0%)")
    assert (referee.pairs, referee.over) == (1, False)
    assert pairs_until_over(referee, runs["busy"], runs["fast"]) == 3
    found = referee.result(runs["fast"])
    assert found.verdict is Verdict.INVALID
    assert len(found.left_out) == 4
    assert "Other programs and steal took 1.90 cores" in found.reasons[0]


def test_without_one_valid_pair_it_is_invalid(runs: dict[str, Record], tmp_path: Path) -> None:
    referee = Referee(Plan(), tmp_path / "noise.json")
    pairs_until_over(referee, runs["busy"], runs["busy"])
    assert referee.result(runs["busy"]).reasons[0] == "Not one pair of runs can be counted."


def test_one_backend_with_itself_makes_all_its_pairs(runs: dict[str, Record], tmp_path: Path) -> None:
    referee = Referee(Plan(most=10), tmp_path / "noise.json", same=True)
    assert pairs_until_over(referee, runs["fast"], runs["fast"]) == 10
    spread = referee.noise().of_a_pair
    assert spread["api_response_time"] == 0
    assert spread["CPU a request, all stations"] == 0


def test_a_side_with_another_scenario_is_refused(runs: dict[str, Record], tmp_path: Path) -> None:
    other = replace(runs["fast"], run=runs["fast"].run.model_copy(update={"users_asked": 7}))
    with pytest.raises(UsageError, match="cannot be compared"):
        Referee(Plan(), tmp_path / "noise.json").add(runs["fast"], other)


def test_a_plan_fits_into_its_time_or_says_what_would() -> None:
    assert Plan.within(16, 635, 16, 35, RULES).most == 16
    assert Plan.within(16, 435, 16, 35, RULES).most == 12
    assert Plan.within(2, 135, 16, 35, RULES).most == 2  # asked for
    with pytest.raises(UsageError, match=r"10 minutes are enough for 3 pairs of runs of 82 s, and 8 are needed .* 23m"):
        Plan.within(16, 600, 82, 35, RULES)
    assert Plan.within(16, 23 * 60, 82, 35, RULES).most == 8  # the advice helps
    with pytest.raises(UsageError, match=r"0.5 minutes are enough for 0 pairs"):
        Plan.within(16, 30, 82, 35, RULES)


def test_a_candidate_that_fell_over_fails(runs: dict[str, Record], tmp_path: Path) -> None:
    referee = Referee(Plan(), tmp_path / "noise.json")
    assert pairs_until_over(referee, runs["fast"], runs["dead"]) == 8
    found = referee.result(runs["fast"])
    assert found.verdict is Verdict.FAIL
    assert "failed in the candidate, 0.0% in the baseline" in found.reasons[0]


def test_what_was_counted_before_a_duel_broke_off_is_kept(runs: dict[str, Record], tmp_path: Path) -> None:
    referee = Referee(Plan(), tmp_path / "noise.json")
    referee.add(runs["fast"], runs["fast"])
    referee.break_off("http://b does not answer.")
    found = referee.result(runs["fast"])
    assert (found.verdict, found.reasons[0]) == (
        Verdict.ERROR,
        "Broken off after 1 pairs: http://b does not answer.",
    )
    assert found.comparison
    assert not referee.enough_for_noise


def test_a_run_counts_once(runs: dict[str, Record], tmp_path: Path) -> None:
    fast, slower = runs["fast"], runs["slower"]
    with pytest.raises(UsageError, match="The same run is there more than once"):
        gate_against([fast, fast], [slower], (), tmp_path / "noise.json")
    with pytest.raises(UsageError, match="Name each run once"):
        gate_against([fast], [slower, fast], (), tmp_path / "noise.json")


def test_what_is_not_judged_is_not_said_to_be_met(tmp_path: Path) -> None:
    made = write(tmp_path / "run", 40, second(30))
    scenario = load("phase-1", ["load.warm_up_s=3", "targets.targets.image_load.judged=false"])
    without = replace(made, run=made.run.model_copy(update={"scenario": scenario}))
    reasons = [gate_runs([record], tmp_path / "noise.json").reasons for record in (made, without)]
    assert reasons == [("Surely met: 10 targets.",), ("Surely met: 9 targets.",)]


def test_a_slow_start_that_was_cut_is_told(tmp_path: Path) -> None:
    made = write(tmp_path / "run", 65, lambda n: second(150.0 if n < 15 else 30.0)(n))
    found = gate_runs([made], tmp_path / "noise.json")
    assert found.verdict is Verdict.PASS
    assert "was slower in the first 10 s; they count as warm-up" in found.reasons[-1]
