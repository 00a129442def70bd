"""What a comparison says: slower, not slower, not known yet; and never a pass for what nobody measured."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from capacity.gate.noise import NoiseFloor
from capacity.gate.plan import Plan
from capacity.gate.quantities import Outcome, Shares
from capacity.gate.relative import Comparison, compare
from scenarios.outcome import Verdict
from tests.capacity.gate.sides import FAILURES, RULES, noise_floor, noisy, quantity, run, shares

WANTED = [quantity("api"), quantity("GET /discovery", decides=False)]
KEYS = [q.key for q in WANTED]


def duel(baseline: list[Outcome], candidate: list[Outcome], noise: NoiseFloor | None = None) -> Comparison:
    return compare(baseline, candidate, WANTED, RULES, FAILURES, Plan(), noise)


def groups(baseline: list[Outcome], candidate: list[Outcome]) -> Comparison:
    return compare(baseline, candidate, WANTED, RULES, FAILURES)


def sides(
    pairs: int = 16, cv: float = 0.02, slower: Mapping[str, float] | None = None
) -> tuple[list[Outcome], list[Outcome]]:
    rng = np.random.default_rng(4)
    return noisy(rng, pairs, KEYS, cv), noisy(rng, pairs, KEYS, cv, slower=slower)


def test_the_same_backend_passes_and_says_what_it_could_have_seen() -> None:
    found = duel(*sides())
    assert (found.verdict, found.settled) == (Verdict.PASS, True)
    assert found.reasons == ("No target got slower by 10% or more.",)
    assert 0.05 <= (found.quantities[0].smallest_seen or 0) < 0.10


def test_a_target_that_got_slower_by_a_tenth_fails() -> None:
    found = duel(*sides(slower={"api": 0.10}))
    assert found.verdict is Verdict.FAIL
    assert found.reasons[0].startswith("api (+")


def test_an_endpoint_that_no_target_names_fails_too() -> None:
    found = duel(*sides(slower={"GET /discovery": 0.10}))
    assert (found.verdict, [row.key for row in found.quantities if row.verdict is Verdict.FAIL]) == (
        Verdict.FAIL,
        ["GET /discovery"],
    )


def test_a_slowdown_below_the_minimum_effect_never_fails_however_sure() -> None:
    found = duel(*sides(cv=0.001, slower={"api": 0.04}))
    assert found.quantities[0].low is not None
    assert found.quantities[0].low > 0.035
    assert found.verdict is Verdict.PASS


def test_faster_is_no_failure() -> None:
    assert duel(*sides(slower={"api": -0.3})).verdict is Verdict.PASS


def test_between_the_minimum_effect_and_what_noise_allows_nobody_knows() -> None:
    found = duel(*sides(cv=0.25, slower={"api": 0.10}))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reasons[0] == "A slowdown by 10% cannot be ruled out yet for api."
    assert "If nothing changed, about" in found.reasons[-1]


def test_as_many_pairs_as_are_advised_tell_in_four_of_five_duels() -> None:
    rng = np.random.default_rng(4)
    api, needed = WANTED[:1], []
    for _ in range(20):
        row = compare(noisy(rng, 8, ["api"], 0.1), noisy(rng, 8, ["api"], 0.1), api, RULES, FAILURES, Plan())
        needed.append(row.quantities[0].runs_needed or 0)
    pairs = int(np.median(needed))
    plan = Plan(pairs, first=pairs)
    sides = ((noisy(rng, pairs, ["api"], 0.1), noisy(rng, pairs, ["api"], 0.1)) for _ in range(200))
    told = sum(compare(*both, api, RULES, FAILURES, plan).verdict is Verdict.PASS for both in sides)
    assert 0.7 <= told / 200 <= 0.92


def test_what_is_noisy_but_no_target_does_not_stand_in_the_way_of_a_pass() -> None:
    rng = np.random.default_rng(4)
    baseline, candidate = ([*noisy(rng, 16, ["api"], 0.02)] for _ in range(2))
    wild = noisy(rng, 16, KEYS[1:], 0.5), noisy(rng, 16, KEYS[1:], 0.5)
    before, after = (
        [replace(run, samples=run.samples | other.samples) for run, other in zip(side, others, strict=True)]
        for side, others in zip((baseline, candidate), wild, strict=True)
    )
    found = duel(before, after)
    assert [row.verdict for row in found.quantities] == [Verdict.PASS, Verdict.INCONCLUSIVE]
    assert found.verdict is Verdict.PASS


def test_too_few_pairs_tell_nothing() -> None:
    found = duel(*sides(pairs=6, slower={"api": 1.0}))
    assert (found.verdict, found.reasons) == (Verdict.INCONCLUSIVE, ("6 pairs; 8 are needed to tell anything",))
    assert found.quantities[0].smallest_seen is None


def test_one_run_against_many_can_never_be_told_from_chance() -> None:
    rng = np.random.default_rng(4)
    found = groups(noisy(rng, 20, KEYS, 0.02), noisy(rng, 1, KEYS, 0.02, slower={"api": 1.0}))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "can never be told from chance" in found.reasons[0]


@pytest.mark.parametrize(("slower", "verdict"), [(0.0, Verdict.PASS), (0.15, Verdict.FAIL)])
def test_two_groups_of_runs_are_compared(slower: float, verdict: Verdict) -> None:
    rng = np.random.default_rng(8)
    found = groups(noisy(rng, 10, KEYS, 0.02), noisy(rng, 5, KEYS, 0.02, slower={"api": slower}))
    assert (found.verdict, found.paired, found.runs) == (verdict, False, (10, 5))


def test_failures_beyond_the_limit_fail_even_when_the_survivors_are_fast() -> None:
    baseline, candidate = sides()
    failing = [replace(run, failed=shares(200, 4800)) for run in candidate]
    found = duel(baseline, failing)
    assert found.failures
    assert (found.verdict, found.failures.verdict) == (Verdict.FAIL, Verdict.FAIL)
    assert "Failed requests: 4 %" in found.reasons[-1]


def test_an_endpoint_that_fails_in_the_candidate_fails_whatever_its_survivors_say() -> None:
    baseline = [run(n, dict.fromkeys(KEYS, 100.0)) for n in range(16)]
    candidate = [run(n, dict.fromkeys(KEYS, 50.0)) for n in range(16)]
    for outcome in candidate:
        outcome.samples["GET /discovery"] = replace(outcome.samples["GET /discovery"], failed=shares(300, 1000))
    found = duel(baseline, candidate)
    assert found.verdict is Verdict.FAIL
    assert "4800 of 20800 failed in the candidate, 0.0% in the baseline" in found.reasons[0]


def test_an_endpoint_that_fails_as_often_as_before_is_no_alarm() -> None:
    rng = np.random.default_rng(4)
    alarms = 0
    for _ in range(100):
        baseline, candidate = ([run(n, dict.fromkeys(KEYS, 100.0)) for n in range(16)] for _ in range(2))
        for outcome in (*baseline, *candidate):
            hits, of = rng.binomial(100, 0.08, 10), np.full(10, 100)
            outcome.samples["GET /discovery"] = replace(outcome.samples["GET /discovery"], failed=Shares(hits, of))
        alarms += duel(baseline, candidate).verdict is Verdict.FAIL
    assert alarms == 0


def test_a_baseline_without_the_target_is_an_error() -> None:
    baseline = [run(n, {"api": 100.0, "GET /discovery": 1.0}, count=0) for n in range(16)]
    found = duel(baseline, sides()[1])
    assert found.verdict is Verdict.ERROR
    assert found.reasons[0] == "api: not one success in the baseline"


def test_too_few_samples_are_inconclusive() -> None:
    few = [run(n, dict.fromkeys(KEYS, 100.0), count=15) for n in range(16)]
    few = [replace(r, samples={k: replace(s, values_ms={}) for k, s in r.samples.items()}) for r in few]
    found = duel(few, few)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "15 samples in the run that has fewest, 20 are needed" in found.reasons[0]


def test_fewer_samples_carry_a_lower_percentile_and_it_says_so() -> None:
    fifty = [run(n, dict.fromkeys(KEYS, 100.0), count=50) for n in range(16)]
    found = duel(fifty, fifty)
    row = found.quantities[0]
    assert (row.percentile, row.note) == (75.0, "p75 of 50 a run at least; too few for p95")
    assert found.reasons[1] == "The runs are too short for the whole tail; compared was api p75 instead of p95."


def test_what_the_machine_shows_against_itself_is_no_slowdown() -> None:
    rng = np.random.default_rng(4)
    baseline, candidate = noisy(rng, 16, KEYS, 0.02), noisy(rng, 16, KEYS, 0.02, slower={"api": 0.10})
    assert duel(baseline, candidate).verdict is Verdict.FAIL
    found = duel(baseline, candidate, noise_floor({"api": 0.3}))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "within this machine's noise" in found.quantities[0].note
