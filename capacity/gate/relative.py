"""Is the candidate slower than the baseline? The run is the sample: whatever happened in one run is one observation.

A quantity fails when it is significantly slower *and* by at least the minimum effect; it passes when a slowdown of
`rule_out_share` is ruled out; otherwise nobody can tell yet. Requests of a run are never pooled with another's: they
share its slow moments, and pooling them gives false alarms in 40 % of comparisons.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil, exp, log1p, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from capacity.gate import permutation
from capacity.gate.noise import NoiseFloor
from capacity.gate.quantities import SAMPLES_BEYOND, TYPICAL, Outcome, Quantity, Shares, percentile_carried, table
from scenarios.outcome import UsageError, Verdict
from scenarios.schema import GateRules, Target

Floats = NDArray[np.float64]
# Intervals are shown, and the smallest change is stated, at this confidence, each for itself.
_SHOWN = 0.95
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
    settled: bool = False  # more runs would not change the verdict


@dataclass(frozen=True)
class Plan:
    """How many pairs at most, after how many one looks, and how long they take."""

    most: int = 16
    first: int = 8
    every: int = 2
    pair_s: float = 33.0
    starting_s: float = 45.0

    @staticmethod
    def fewest(rules: GateRules) -> int:
        """With fewer pairs nothing could ever fail."""
        return permutation.fewest_pairs(rules.false_alarms_share)

    @classmethod
    def within(cls, pairs: int | None, budget_s: float, run_s: float, starting_s: float, rules: GateRules) -> "Plan":
        """As many pairs as fit into the time, `pairs` at most. Raises UsageError when they could tell nothing."""
        plan = cls(pair_s=2 * run_s, starting_s=starting_s)
        fit, needed = max(0, int((budget_s - starting_s) / plan.pair_s)), cls.fewest(rules)
        if fit < min(pairs or needed, needed):
            raise UsageError(
                f"{budget_s / 60:.3g} minutes are enough for {fit} pairs of runs of {run_s:.0f} s, and {needed} are "
                f"needed to tell anything: give --budget {plan.minutes(needed)}m, "
                "or take shorter runs (the scenario sprint, or --set load.hold_s=SECONDS)."
            )
        return replace(plan, most=min(pairs or fit, fit))

    def minutes(self, pairs: int) -> int:
        """A budget that has room for so many pairs."""
        return ceil((self.starting_s + self.pair_s * pairs) / 60)

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
    failed = testing.failed_share(failures)
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
        slower, ruled_out = self._slower(before, after, keys), self._ruled_out(before, after)
        found = {
            q.key: self._row(q, carried[i], before[:, i], after[:, i], bool(slower[i]), bool(ruled_out[i]), len(keys))
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
            q.asked_percentile,
            q.decides,
            verdict,
            note,
            samples,
            exp(before.mean()),
            exp(after.mean()),
            exp(change) - 1,
            exp(change - shown) - 1 if np.isfinite(shown) else None,
            exp(change + shown) - 1 if np.isfinite(shown) else None,
            max(least, seen) if seen is not None and seen < _HOPELESS and not self.too_few else None,
            self._runs_needed(error, freedom),
        )

    def _runs_needed(self, error: float, freedom: float) -> int | None:
        if not freedom:
            return None
        quantile = float(t.ppf(1 - self.rules.missed_share, freedom)) + float(norm.ppf(_TOLD))
        wanted = log1p(self.rules.rule_out_share) / quantile
        return ceil(min(len(self.baseline), len(self.candidate)) * (error / wanted) ** 2)

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
        head = f"A slowdown by {rule_out:.0%} cannot be ruled out yet:"
        return Verdict.INCONCLUSIVE, (head, *unsure, *testing.advice(rows))
    reasons = [f"No target got slower by {rule_out:.0%} or more."]
    lower = [
        f"{row.title} p{row.percentile:g} instead of p{row.asked_percentile:g}"
        for row in rows
        if row.decides and row.percentile and row.percentile < row.asked_percentile
    ]
    if lower:
        reasons.append(f"The runs are too short for the whole tail; compared was {', '.join(lower)}.")
    if untold := sum(row.verdict is not Verdict.PASS for row in rows):
        reasons.append(f"Of {untold} endpoints and typical latencies, nobody can say so.")
    return Verdict.PASS, tuple(reasons)


def _how_much(row: Compared) -> str:
    if row.change is None:
        return row.note
    interval = f", {row.low:+.1%} to {row.high:+.1%}" if row.low is not None and row.high is not None else ""
    return f"{row.change:+.1%}{interval}; {row.note}"
