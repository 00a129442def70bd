"""CPU a request on both sides: more of it is a warning that latency could not give yet, or a failure where asked."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from capacity.gate.cpu import ALL, compare_cpu
from capacity.gate.plan import Plan
from capacity.gate.quantities import Outcome
from capacity.gate.relative import compare
from scenarios.outcome import Verdict
from tests.capacity.gate.sides import FAILURES, RULES, quantity, run

# Measured on two shared cores: one run's CPU a request differs by 3 % from the next one's, its p95 by 10 %.
CPU_CV, P95_CV = 0.03, 0.10
STATIONS = {"mongod": 0.7, "app": 1.3, "proxy": 0.08, "valkey": 0.05}
STRICT = RULES.model_copy(update={"more_cpu_fails": True})


def side(rng: np.random.Generator, more: Mapping[str, float] | None = None, runs: int = 16) -> list[Outcome]:
    """Runs whose CPU and latency vary as on a shared machine; a station needs so much `more`."""
    found = []
    for number in range(runs):
        cpu = {s: ms * (1 + (more or {}).get(s, 0.0)) * rng.lognormal(0, CPU_CV) for s, ms in STATIONS.items()}
        found.append(replace(run(number, {"api": 16 * rng.lognormal(0, P95_CV)}), cpu_ms=cpu))
    return found


def both(seed: int = 3, more: Mapping[str, float] | None = None) -> tuple[list[Outcome], list[Outcome]]:
    rng = np.random.default_rng(seed)
    return side(rng), side(rng, more)


def test_more_cpu_warns_where_latency_cannot_tell_yet() -> None:
    found = compare(*both(more={"app": 0.10}), [quantity("api")], RULES, FAILURES, Plan())
    assert found.verdict is Verdict.INCONCLUSIVE
    assert [(row.station, row.more) for row in found.cpu] == [(ALL, True), ("app", True), ("mongod", False)]
    (warning,) = [reason for reason in found.reasons if "CPU a request, app" in reason]
    assert warning.startswith("Warning: CPU a request, app, grew (+")


def test_it_fails_where_the_scenario_says_so() -> None:
    found = compare(*both(more={"app": 0.10}), [quantity("api")], STRICT, FAILURES, Plan())
    assert (found.verdict, found.settled) == (Verdict.FAIL, True)
    assert found.reasons[0].startswith("CPU a request, all stations, grew (+")


def test_an_increase_below_the_minimum_effect_is_no_warning_however_sure() -> None:
    before, _ = both()
    after = [replace(run, cpu_ms={s: 1.04 * ms for s, ms in run.cpu_ms.items()}) for run in before]
    rows = compare_cpu(before, after, RULES, Plan())
    assert [(row.more, row.verdict) for row in rows] == [(False, Verdict.PASS)] * 3
    assert rows[0].low is not None
    assert rows[0].low > 0.039


def test_the_same_backend_hardly_ever_warns_and_a_tenth_more_nearly_always() -> None:
    def warned(more: float) -> int:
        duels = (compare_cpu(*both(seed, {"app": more}), RULES, Plan()) for seed in range(200))
        return sum(any(row.more for row in rows) for rows in duels)

    assert warned(0.0) <= 2
    assert warned(0.10) >= 195


def test_a_station_that_is_new_counts_in_the_total() -> None:
    before, after = both()
    moved = [replace(run, cpu_ms={**run.cpu_ms, "decks": 1.0}) for run in after]
    found = {row.station: row for row in compare_cpu(before, moved, RULES, Plan())}
    assert list(found) == [ALL, "app", "mongod"]
    assert found[ALL].more
    assert not found["app"].more


def test_without_watched_stations_there_is_nothing_to_compare() -> None:
    blind = [run(number, {"api": 16.0}) for number in range(16)]
    assert compare_cpu(blind, both()[1], RULES, Plan()) == ()


def test_two_groups_of_runs_are_compared_too() -> None:
    rows = compare_cpu(*both(more={"app": 0.25}), RULES, None)
    assert [row.station for row in rows if row.more] == [ALL, "app"]


def test_too_few_pairs_tell_nothing() -> None:
    rng = np.random.default_rng(1)
    few = side(rng, runs=4), side(rng, {"app": 0.5}, runs=4)
    assert compare(*few, [quantity("api")], STRICT, FAILURES, Plan()).cpu == ()
