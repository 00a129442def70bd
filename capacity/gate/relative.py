"""Is the candidate slower than the baseline? The run is the sample: whatever happened in one run is one observation.

A quantity fails when it is significantly slower *and* by at least the minimum effect; it passes when a slowdown of
`rule_out_share` is ruled out; otherwise nobody can tell yet. Requests of a run are never pooled with another's: they
share its slow moments, and pooling them gives false alarms in 40 % of comparisons.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log1p, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from capacity.gate import permutation
from capacity.gate.intervals import share_interval
from capacity.gate.noise import NoiseFloor
from capacity.gate.quantities import SAMPLES_BEYOND, TYPICAL, Outcome, Quantity, percentile_carried, table
from scenarios.outcome import UsageError, Verdict
from scenarios.schema import GateRules, Target

Floats = NDArray[np.float64]
# Intervals are shown, and the smallest change is stated, at this confidence, each for itself.
_SHOWN = 0.95


@dataclass(frozen=True)
class Compared:
    """A quantity on both sides: geometric means of its runs (ms), and the change of the candidate as a share.

    `smallest_seen`: a slowdown that would have failed in 95 of 100 such comparisons.
    """

    key: str
    title: str
    percentile: float | None
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
    settled: bool = False  # more runs would not change the verdict


@dataclass(frozen=True)
class Plan:
    """How many pairs at most, and after how many one looks. Every second look has both orders in balance."""

    most: int = 16
    first: int = 8
    every: int = 2

    @classmethod
    def within(cls, pairs: int, budget_s: float, run_s: float, rules: GateRules) -> "Plan":
        """As many pairs as fit into the time, `pairs` at most. Raises UsageError when they could tell nothing."""
        fit, needed = int(budget_s / (2 * run_s)), permutation.fewest_pairs(rules.false_alarms_share)
        if fit < min(pairs, needed):
            raise UsageError(
                f"{budget_s / 60:.3g} minutes are enough for {fit} pairs of runs of {run_s:.0f} s, and {needed} are "
                f"needed to tell anything: give --budget {2 * run_s * needed / 60 + 1:.0f}m, or take shorter runs "
                "(the scenario sprint, or --set load.hold_s=13)."
            )
        return cls(min(pairs, fit))

    def looks(self, error: float) -> tuple[permutation.Look, ...]:
        return permutation.looks(min(self.first, self.most), self.every, self.most, error)


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
    failed = _failed_share(baseline, candidate, failures, rules)
    verdict, reasons = _overall(rows, failed, testing)
    runs, settled = (len(baseline), len(candidate)), verdict is not Verdict.INCONCLUSIVE
    return Comparison(verdict, reasons, plan is not None, runs, tuple(rows), failed, settled)


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
            needed = permutation.fewest_pairs(self.rules.false_alarms_share)
            short = len(self.baseline) < needed
            return f"{len(self.baseline)} pairs; {needed} are needed to tell anything" if short else ""
        runs = len(self.baseline), len(self.candidate)
        if permutation.tells_at_all(*runs, self.rules.false_alarms_share):
            return ""
        return (
            f"{runs[1]} runs against {runs[0]} can never be told from chance at {self.rules.false_alarms_share:.1%}: "
            "5 against 5, or 2 against 19, can"
        )

    def rows(self, wanted: Sequence[Quantity]) -> list[Compared]:
        """A row a quantity; all that can be tested are tested together."""
        percentiles = {q.key: percentile_carried(q, self._counts(q)) for q in wanted}
        tails = {q.samples: percentiles[q.key] for q in wanted if q.asked_percentile > TYPICAL}
        # With few samples the tail is the typical already, or nothing is: one row says it.
        shown = [q for q in wanted if q.asked_percentile > TYPICAL or tails.get(q.samples, 0) not in (None, TYPICAL)]
        tested = [q for q in shown if percentiles[q.key] is not None and not self._failing(q)]
        keys, carried = [q.key for q in tested], [percentiles[q.key] or 0.0 for q in tested]
        before, after = table(self.baseline, keys, carried), table(self.candidate, keys, carried)
        slower, ruled_out = self._slower(before, after, keys), self._ruled_out(before, after)
        found = {
            q.key: self._row(q, carried[i], before[:, i], after[:, i], bool(slower[i]), bool(ruled_out[i]), len(keys))
            for i, q in enumerate(tested)
        }
        return [found.get(q.key) or self._untested(q) for q in shown]

    def _counts(self, q: Quantity) -> list[int]:
        return [run.samples[q.key].count for run in (*self.baseline, *self.candidate)]

    def _failing(self, q: Quantity) -> str:
        """Why the survivors' latency says nothing: more failed than the percentile leaves out, and than before."""
        before, after = ([run.samples[q.key] for run in side] for side in (self.baseline, self.candidate))
        failed = np.array([sample.failed for sample in after], np.int64)
        tried = failed + np.array([sample.count for sample in after], np.int64)
        if not failed.any():
            return ""
        tried_before = sum(sample.count + sample.failed for sample in before)
        share_before = sum(sample.failed for sample in before) / tried_before if tried_before else 0.0
        low = share_interval(failed, tried, self.rules.confidence).low
        if low <= max(share_before, 1 - q.asked_percentile / 100):
            return ""
        return f"{int(failed.sum())} of {int(tried.sum())} failed in the candidate, {share_before:.1%} in the baseline"

    def _slower(self, before: Floats, after: Floats, keys: Sequence[str]) -> NDArray[np.bool_]:
        """Significantly slower, and by enough."""
        error = self.rules.false_alarms_share
        least = np.array([log1p(self._least_change(key)) for key in keys])
        if not keys or self.too_few:
            return np.zeros(len(keys), bool)
        if self.plan is None:
            slower = permutation.unpaired(before, after, error)
        else:
            slower = permutation.paired(after - before, self.plan.looks(error), self.plan.most)
        slower &= after.mean(axis=0) - before.mean(axis=0) >= least
        return slower

    def _ruled_out(self, before: Floats, after: Floats) -> NDArray[np.bool_]:
        """Where a slowdown of `rule_out_share` would have shown. Each for itself: all of them must be ruled out."""
        error, shift = self.rules.missed_share, log1p(self.rules.rule_out_share)
        columns = range(before.shape[1])
        if self.plan is None:
            found = [permutation.unpaired(after[:, [i]] - shift, before[:, [i]], error)[0] for i in columns]
        else:
            looks = self.plan.looks(error)
            faster = shift - (after - before)
            found = [permutation.paired(faster[:, [i]], looks, self.plan.most)[0] for i in columns]
        return np.array(found, bool)

    def _least_change(self, key: str) -> float:
        """What a change must at least be: the rule's minimum, or what this machine shows against itself."""
        least = self.rules.min_effect_share
        if self.noise is None:
            return least
        error = self.rules.false_alarms_share
        if self.plan is None:
            return max(least, self.noise.least_change_unpaired(key, (len(self.baseline), len(self.candidate)), error))
        return max(least, self.noise.least_change(key, len(self.baseline), error))

    def _row(
        self, q: Quantity, percentile: float, before: Floats, after: Floats, slower: bool, ruled_out: bool, family: int
    ) -> Compared:
        change, error, freedom = _change(before, after, paired=self.plan is not None)
        shown = float(t.ppf((1 + _SHOWN) / 2, freedom)) * error if freedom else np.inf
        limit = float(t.ppf(1 - self.rules.false_alarms_share / family, freedom)) if freedom else np.inf
        seen = exp(min(50.0, (limit + float(t.ppf(_SHOWN, freedom))) * error)) - 1 if freedom else None
        least = self._least_change(q.key)
        verdict = Verdict.FAIL if slower else Verdict.PASS if ruled_out else Verdict.INCONCLUSIVE
        samples = min(self._counts(q))
        note = f"p{percentile:g} of {samples:,} a run at least"
        if percentile < q.asked_percentile:
            note += f"; too few for p{q.asked_percentile:g}"
        if change >= log1p(self.rules.min_effect_share) and not slower:
            note += "; slower, but not surely" if change >= log1p(least) else "; within this machine's noise"
        return Compared(
            q.key,
            q.title,
            percentile,
            q.decides,
            verdict,
            note,
            samples,
            exp(before.mean()),
            exp(after.mean()),
            exp(change) - 1,
            exp(change - shown) - 1 if np.isfinite(shown) else None,
            exp(change + shown) - 1 if np.isfinite(shown) else None,
            max(least, seen) if seen is not None and seen < _HOPELESS else None,
        )

    def _untested(self, q: Quantity) -> Compared:
        """A quantity that cannot be tested: it failed, nobody called it, or too rarely."""
        successes = [sum(run.samples[q.key].count for run in side) for side in (self.baseline, self.candidate)]
        verdict, fewest = Verdict.INCONCLUSIVE, min(self._counts(q))
        if note := self._failing(q):
            verdict = Verdict.FAIL
        elif not all(successes):
            note = f"not one success in the {'candidate' if successes[0] else 'baseline'}"
            verdict = Verdict.ERROR if q.decides else Verdict.INCONCLUSIVE
        else:
            note = f"{fewest} samples in the run that has fewest, {_NEEDED} are needed"
        return Compared(q.key, q.title, None, q.decides, verdict, note, fewest)


_NEEDED = round(SAMPLES_BEYOND / (1 - TYPICAL / 100))  # for a median
_HOPELESS = 10.0  # a tenfold change: to say "1,384 %" helps nobody


def _change(before: Floats, after: Floats, paired: bool) -> tuple[float, float, float]:
    """The mean difference of the logarithms, its standard error, and the degrees of freedom (Welch's, unpaired)."""
    change = float(after.mean() - before.mean())
    if paired:
        count = len(before)
        return change, float((after - before).std(ddof=1) / sqrt(count)) if count > 1 else 0.0, count - 1
    parts = [side.var(ddof=1) / len(side) if len(side) > 1 else np.nan for side in (before, after)]
    if np.isnan(parts).any():
        known = before if len(before) > 1 else after
        if len(known) < 2:
            return change, 0.0, 0
        return change, float(known.std(ddof=1) * sqrt(1 / len(before) + 1 / len(after))), len(known) - 1
    variance = parts[0] + parts[1]
    if not variance:
        return change, 0.0, len(before) + len(after) - 2
    freedom = variance**2 / sum(p**2 / (len(s) - 1) for p, s in zip(parts, (before, after), strict=True))
    return change, float(sqrt(variance)), float(freedom)


def _failed_share(
    baseline: Sequence[Outcome], candidate: Sequence[Outcome], failures: Target, rules: GateRules
) -> FailedShare | None:
    hits, of = (np.array([getattr(run, what) for run in candidate], np.int64) for what in ("failures", "requests"))
    before = sum(run.requests for run in baseline)
    if not of.sum() or not before or not failures.judged:
        return None
    found = share_interval(hits, of, rules.confidence)
    share = 100 * int(hits.sum()) / int(of.sum())
    low, high = 100 * found.low, 100 * found.high
    verdict = Verdict.FAIL if low >= failures.limit else Verdict.PASS if high < failures.limit else Verdict.INCONCLUSIVE
    note = f"{int(hits.sum())} of {int(of.sum()):,} in the candidate"
    return FailedShare(
        verdict, 100 * sum(run.failures for run in baseline) / before, share, low, high, failures.limit, note
    )


def _overall(
    rows: Sequence[Compared], failed: FailedShare | None, testing: _Testing
) -> tuple[Verdict, tuple[str, ...]]:
    slower = [f"{row.title} ({_how_much(row)})" for row in rows if row.verdict is Verdict.FAIL]
    if failed and failed.verdict is Verdict.FAIL:
        slower.append(f"Failed requests: {failed.candidate:.2g} %, less than {failed.limit:g} % wanted ({failed.note})")
    if slower:
        return Verdict.FAIL, tuple(slower)
    if errors := [f"{row.title}: {row.note}" for row in rows if row.verdict is Verdict.ERROR]:
        return Verdict.ERROR, tuple(errors)
    if testing.too_few:
        return Verdict.INCONCLUSIVE, (testing.too_few,)
    rule_out = testing.rules.rule_out_share
    unsure = [f"{row.title} ({_how_much(row)})" for row in rows if row.decides and row.verdict is not Verdict.PASS]
    if failed and failed.verdict is Verdict.INCONCLUSIVE:
        unsure.append(f"Failed requests: {failed.note}, too few to be sure of the limit")
    if not any(row.decides for row in rows):
        unsure.append("No target was measured in these runs")
    if unsure:
        return Verdict.INCONCLUSIVE, (f"A slowdown by {rule_out:.0%} cannot be ruled out yet:", *unsure)
    untold = sum(row.verdict is not Verdict.PASS for row in rows)
    also = (f"Of {untold} endpoints and typical latencies, nobody can say so.",) if untold else ()
    return Verdict.PASS, (f"No target got slower by {rule_out:.0%} or more.", *also)


def _how_much(row: Compared) -> str:
    if row.change is None:
        return row.note
    interval = f", {row.low:+.1%} to {row.high:+.1%}" if row.low is not None and row.high is not None else ""
    return f"{row.change:+.1%}{interval}; {row.note}"
