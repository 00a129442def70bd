"""Is the candidate slower than the baseline? The run is the sample: whatever happened in one run is one observation.

A quantity fails when it is significantly slower *and* by at least the minimum effect; it passes when a slowdown of
`rule_out_share` is ruled out; otherwise nobody can tell yet. Requests of a run are never pooled with another's: they
share its slow moments, and pooling them gives false alarms in 40 % of comparisons.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, exp, log1p

import numpy as np
from scipy.special import ndtri

from capacity.gate import permutation
from capacity.gate.change import SHOWN, Change, Floats, ruled_out, surely_larger
from capacity.gate.cpu import ALL, ComparedCpu, compare_cpu, not_compared
from capacity.gate.noise import NoiseFloor, wanted_change
from capacity.gate.plan import Plan
from capacity.gate.quantities import SAMPLES_BEYOND, TYPICAL, Outcome, Quantity, Shares, percentile_carried, table
from scenarios.outcome import Verdict
from scenarios.schema import GateRules, Target

_TOLD = 0.8  # how often as many runs as are advised do tell


@dataclass(frozen=True)
class Compared:
    """A quantity on both sides: geometric means of its runs (ms), and the change of the candidate as a share.

    `smallest_seen`: a slowdown that would have failed in 95 of 100 such comparisons. `runs_needed`: so many pairs, or
    runs a side, rule a slowdown out in 4 of 5 comparisons in which nothing changed.
    """

    key: str
    title: str
    percentile: float | None  # that the samples carry; the one asked for may be higher
    asked_percentile: float
    decides: bool
    verdict: Verdict
    note: str
    samples: int  # of the run that had fewest
    baseline: float | None = None
    candidate: float | None = None
    change: float | None = None
    low: float | None = None
    high: float | None = None
    smallest_seen: float | None = None
    runs_needed: int | None = None


@dataclass(frozen=True)
class FailedShare:
    """Failed requests of the candidate, in percent, against the scenario's limit."""

    verdict: Verdict
    baseline: float
    candidate: float
    low: float
    high: float
    limit: float
    note: str


@dataclass(frozen=True)
class Comparison:
    """All of a comparison. `paired`: the runs alternated, and the n-th of one side belongs to the n-th of the other."""

    verdict: Verdict
    reasons: tuple[str, ...]
    paired: bool
    runs: tuple[int, int]  # counted, of baseline and candidate
    quantities: tuple[Compared, ...]
    failures: FailedShare | None
    cpu: tuple[ComparedCpu, ...] = ()  # where the runs watched the backend's servers
    settled: bool = False  # more runs would not change the verdict


def compare(
    baseline: Sequence[Outcome],
    candidate: Sequence[Outcome],
    wanted: Sequence[Quantity],
    rules: GateRules,
    failures: Target,
    plan: Plan | None = None,
    noise: NoiseFloor | None = None,
) -> Comparison:
    """Compare two groups of runs. With a `plan` they are pairs, and this is one of its looks; else two groups."""
    testing = _Testing(baseline, candidate, rules, plan, noise)
    rows = testing.rows(wanted)
    failed, cpu = testing.failed_share(failures), testing.cpu()
    verdict, reasons = _overall(rows, failed, cpu, testing)
    runs, settled = (len(baseline), len(candidate)), verdict is not Verdict.INCONCLUSIVE
    reasons += tuple(f"Warning: {_more_cpu(row)}." for row in cpu if row.warns)
    if stations := not_compared(baseline, candidate):
        reasons += (f"Warning: CPU of {', '.join(stations)} is not compared: not all runs watched it.",)
    return Comparison(verdict, reasons, plan is not None, runs, tuple(rows), failed, cpu, settled)


@dataclass(frozen=True)
class _Testing:
    baseline: Sequence[Outcome]
    candidate: Sequence[Outcome]
    rules: GateRules
    plan: Plan | None
    noise: NoiseFloor | None

    @property
    def too_few(self) -> str:
        """Why so few runs could never fail; empty when they can."""
        if self.plan:
            needed = self.plan.fewest(self.rules)
            short = len(self.baseline) < needed
            return f"{len(self.baseline)} pairs; {needed} are needed to tell anything" if short else ""
        runs = len(self.baseline), len(self.candidate)
        if permutation.tells_at_all(*runs, self.rules.false_alarms_share):
            return ""
        return (
            f"{runs[1]} runs against {runs[0]} can never be told from chance at {self.rules.false_alarms_share:.1%}: "
            "5 against 5, or 2 against 19, can"
        )

    def advice(self, rows: Sequence[Compared]) -> Iterator[str]:
        """How many runs would tell, where more of them can."""
        unsure = (row for row in rows if row.decides and row.verdict is not Verdict.PASS)
        needed = max((row.runs_needed or 0 for row in unsure), default=0)
        if needed <= min(len(self.baseline), len(self.candidate)):
            return
        if self.plan:
            yield f"If nothing changed, about {needed} pairs would tell: --budget {self.plan.minutes(needed)}m."
        else:
            yield f"If nothing changed, about {needed} runs on each side would tell."

    def rows(self, wanted: Sequence[Quantity]) -> list[Compared]:
        """A row a quantity; all that can be tested are tested together."""
        percentiles = {q.key: percentile_carried(q, self._counts(q)) for q in wanted}
        tails = {q.samples: percentiles[q.key] for q in wanted if q.asked_percentile > TYPICAL}
        # With few samples the tail is the typical already, or nothing is: one row says it.
        shown = [q for q in wanted if q.asked_percentile > TYPICAL or tails.get(q.samples, 0) not in (None, TYPICAL)]
        failing = {q.key: self._failing(q, len(shown)) for q in shown}
        tested = [q for q in shown if percentiles[q.key] is not None and not failing[q.key]]
        keys, carried = [q.key for q in tested], [percentiles[q.key] or 0.0 for q in tested]
        before, after = table(self.baseline, keys, carried), table(self.candidate, keys, carried)
        rules, least = self.rules, np.array([log1p(self._least_change(key)) for key in keys])
        slower = surely_larger(before, after, least, rules.false_alarms_share, self.plan)
        # All of them must be ruled out, so each for itself.
        not_slower = ruled_out(before, after, log1p(rules.rule_out_share), rules.missed_share, self.plan)
        found = {
            q.key: self._row(q, carried[i], before[:, i], after[:, i], bool(slower[i]), bool(not_slower[i]), len(keys))
            for i, q in enumerate(tested)
        }
        return [found.get(q.key) or self._untested(q, failing[q.key]) for q in shown]

    def _counts(self, q: Quantity) -> list[int]:
        return [run.samples[q.key].count for run in (*self.baseline, *self.candidate)]

    @property
    def _looks(self) -> int:
        return len(self.plan.looks(self.rules.false_alarms_share)) if self.plan else 1

    def _failing(self, q: Quantity, family: int) -> str:
        """Why the survivors' latency says nothing: surely more failed than the percentile leaves out, and than before.

        Both shares are uncertain, and there are `family` quantities and several looks (Bonferroni).
        """
        before, after = (
            Shares.together(run.samples[q.key].failed for run in side) for side in (self.baseline, self.candidate)
        )
        if not after.hits.any():
            return ""
        confidence = 1 - self.rules.false_alarms_share / (family * self._looks)
        highest_before = before.interval(confidence).high if before.of.any() else 0.0
        if after.interval(confidence).low <= max(highest_before, 1 - q.asked_percentile / 100):
            return ""
        counts = f"{int(after.hits.sum())} of {int(after.of.sum())}"
        return f"{counts} failed in the candidate, {before.share:.1%} in the baseline"

    def failed_share(self, failures: Target) -> FailedShare | None:
        """The candidate's against its limit, at every look as sure as all of them together must be."""
        before, after = (Shares.together(run.failed for run in side) for side in (self.baseline, self.candidate))
        if not after.of.any() or not before.of.any() or not failures.judged:
            return None
        found = after.interval(1 - (1 - self.rules.confidence) / self._looks)
        low, high, limit = 100 * found.low, 100 * found.high, failures.limit
        verdict = Verdict.FAIL if low >= limit else Verdict.PASS if high < limit else Verdict.INCONCLUSIVE
        note = f"{int(after.hits.sum())} of {int(after.of.sum()):,} in the candidate"
        return FailedShare(verdict, 100 * before.share, 100 * after.share, low, high, limit, note)

    def cpu(self) -> tuple[ComparedCpu, ...]:
        return () if self.too_few else compare_cpu(self.baseline, self.candidate, self.rules, self.plan, self.noise)

    def _least_change(self, key: str) -> float:
        runs = len(self.baseline), len(self.candidate)
        return wanted_change(self.noise, self.rules, key, runs, paired=self.plan is not None)

    def _row(
        self, q: Quantity, percentile: float, before: Floats, after: Floats, slower: bool, not_slower: bool, family: int
    ) -> Compared:
        change = Change.between(before, after, paired=self.plan is not None)
        low, high = change.interval or (None, None)
        verdict = Verdict.FAIL if slower else Verdict.PASS if not_slower else Verdict.INCONCLUSIVE
        samples = min(self._counts(q))
        note = f"p{percentile:g} of {samples:,} a run at least"
        if percentile < q.asked_percentile:
            note += f"; too few for p{q.asked_percentile:g}"
        if change.share >= self.rules.min_effect_share and not slower:
            beyond_noise = change.share >= self._least_change(q.key)
            note += "; slower, but not surely" if beyond_noise else "; within this machine's noise"
        return Compared(
            q.key,
            q.title,
            percentile,
            q.asked_percentile,
            q.decides,
            verdict,
            note,
            samples,
            exp(before.mean()),
            exp(after.mean()),
            change.share,
            low,
            high,
            self._smallest_seen(change, self._least_change(q.key), family),
            self._runs_needed(change),
        )

    def _smallest_seen(self, change: Change, least: float, family: int) -> float | None:
        if not change.freedom or self.too_few:
            return None
        limit = change.quantile(1 - self.rules.false_alarms_share / family)
        seen = (limit + change.quantile(SHOWN)) * change.error
        return max(least, exp(seen) - 1) if seen < log1p(_HOPELESS) else None

    def _runs_needed(self, change: Change) -> int | None:
        if not change.freedom:
            return None
        quantile = change.quantile(1 - self.rules.missed_share) + float(ndtri(_TOLD))
        wanted = log1p(self.rules.rule_out_share) / quantile
        return ceil(min(len(self.baseline), len(self.candidate)) * (change.error / wanted) ** 2)

    def _untested(self, q: Quantity, failing: str) -> Compared:
        """A quantity that cannot be tested: it failed, nobody called it, or too rarely."""
        successes = [sum(run.samples[q.key].count for run in side) for side in (self.baseline, self.candidate)]
        verdict, fewest = Verdict.INCONCLUSIVE, min(self._counts(q))
        if failing:
            verdict, note = Verdict.FAIL, failing
        elif not all(successes):
            note = f"not one success in the {'candidate' if successes[0] else 'baseline'}"
            verdict = Verdict.ERROR if q.decides else Verdict.INCONCLUSIVE
        else:
            note = f"{fewest} samples in the run that has fewest, {_NEEDED} are needed"
        return Compared(q.key, q.title, None, q.asked_percentile, q.decides, verdict, note, fewest)


_NEEDED = round(SAMPLES_BEYOND / (1 - TYPICAL / 100))  # for a median
_HOPELESS = 10.0  # a tenfold change: to say "1,384 %" helps nobody


def _overall(
    rows: Sequence[Compared], failed: FailedShare | None, cpu: Sequence[ComparedCpu], testing: _Testing
) -> tuple[Verdict, tuple[str, ...]]:
    slower = [f"{row.title} ({_how_much(row)})" for row in rows if row.verdict is Verdict.FAIL]
    if failed and failed.verdict is Verdict.FAIL:
        slower.append(f"Failed requests: {failed.candidate:.2g} %, less than {failed.limit:g} % wanted ({failed.note})")
    slower += [_more_cpu(row) for row in cpu if row.verdict is Verdict.FAIL]
    if slower:
        return Verdict.FAIL, tuple(slower)
    if errors := [f"{row.title}: {row.note}" for row in rows if row.verdict is Verdict.ERROR]:
        return Verdict.ERROR, tuple(errors)
    if testing.too_few:
        return Verdict.INCONCLUSIVE, (testing.too_few,)
    rule_out, unsure = testing.rules.rule_out_share, []
    open_rows = (row for row in rows if row.decides and row.verdict is not Verdict.PASS)
    if untold := [row.title if row.change is not None else f"{row.title} ({row.note})" for row in open_rows]:
        unsure.append(f"A slowdown by {rule_out:.0%} cannot be ruled out yet for {', '.join(untold)}.")
    if failed and failed.verdict is Verdict.INCONCLUSIVE:
        unsure.append(f"Failed requests: {failed.note}, too few to be sure of the limit.")
    if not any(row.decides for row in rows):
        unsure.append("No target was measured in these runs.")
    if unsure:
        return Verdict.INCONCLUSIVE, (*unsure, *testing.advice(rows))
    reasons = [f"No target got slower by {rule_out:.0%} or more."]
    lower = [
        f"{row.title} p{row.percentile:g} instead of p{row.asked_percentile:g}"
        for row in rows
        if row.decides and row.percentile and row.percentile < row.asked_percentile
    ]
    if lower:
        reasons.append(f"The runs are too short for the whole tail; compared was {', '.join(lower)}.")
    if others := sum(row.verdict is not Verdict.PASS for row in rows):
        reasons.append(f"Of {others} endpoints and typical latencies, nobody can say so.")
    return Verdict.PASS, tuple(reasons)


def _how_much(row: Compared) -> str:
    if row.change is None:
        return row.note
    return f"{row.change:+.1%}{_interval(row)}; {row.note}"


def _more_cpu(row: ComparedCpu) -> str:
    values = f"{row.baseline:.3g} → {row.candidate:.3g} ms"
    meaning = ": fewer people fit" if row.station == ALL else ""
    return f"{row.title}, grew ({row.change:+.1%}{_interval(row)}; {values}){meaning}"


def _interval(row: Compared | ComparedCpu) -> str:
    return f", {row.low:+.1%} to {row.high:+.1%}" if row.low is not None and row.high is not None else ""
