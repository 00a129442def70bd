"""Gates over records: each run by its targets, runs against a baseline, and the referee of a duel."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from capacity.gate.absolute import Judged, RunGate, judge
from capacity.gate.baselines import history_at, identity, trends
from capacity.gate.comparable import KINDS, check_kinds, unlike
from capacity.gate.cpu import cpu_table, cpu_title
from capacity.gate.noise import NoiseFloor, find_noise, measured_noise
from capacity.gate.plan import Plan
from capacity.gate.quantities import names_in, outcome, percentile_carried, quantities
from capacity.gate.relative import Comparison, compare
from capacity.gate.result import GateResult, result
from capacity.targets import check
from loadtests.record import Record
from scenarios.outcome import UsageError, Verdict

# The worst verdict of several runs is the gate's; an invalid run says nothing, not even that it fails.
_GRAVITY = (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.ERROR, Verdict.INVALID, Verdict.FAIL)


def gate_runs(
    records: Sequence[Record],
    noise_file: Path,
    history: Path | None = None,
    allowed: Sequence[str] = (),
    confidence: float | None = None,
) -> GateResult:
    """Judge every run by the targets of its scenario; the worst verdict counts. Raises RecordError or UsageError.

    `history` is a folder of records; `allowed`: in what they may differ and still be part of the trend.
    """
    check_kinds(allowed)
    _check_distinct(records)
    judged = [judge(record, find_noise(noise_file, record.run), confidence) for record in records]
    noise = find_noise(noise_file, records[0].run)
    worst = max(judged, key=lambda run: _GRAVITY.index(run.verdict))
    several = len(judged) > 1
    reasons = [f"{run.run}: {reason}" if several else reason for run in judged for reason in run.reasons]
    if worst.verdict is Verdict.PASS:
        met = sum(target.verdict is Verdict.PASS for run in judged for target in run.targets)
        reasons = [f"Surely met: {met} targets{f' of {len(judged)} runs' if several else ''}."]
    reasons += [_warning(target) for run in judged for target in run.warnings]
    reasons += [cut for record, run in zip(records, judged, strict=True) if (cut := _cut(record, run))]
    left_out: list[str] = []
    shown = trends(history_at(history, left_out), records, allowed, left_out) if history else ()
    return result("absolute", worst.verdict, reasons, records[0], judged, None, left_out, noise, shown)


def gate_against(
    records: Sequence[Record],
    baseline: Sequence[Record],
    allowed: Sequence[str],
    noise_file: Path,
    history: Path | None = None,
) -> GateResult:
    """Compare two groups of runs. Raises UsageError when they are not alike, but for the kinds that are `allowed`.

    The trend is that of the `history`, or else of the baseline.
    """
    _check_distinct([*records, *baseline])
    check_comparable([*records, *baseline], records[0], allowed)
    left_out: list[str] = []
    counted, before = valid(records, left_out), valid(baseline, left_out)
    like = records[0]
    if not counted or not before:
        side = "candidate" if before else "baseline"
        reasons = (f"No run of the {side} can be counted.", *left_out)
        return result("relative", Verdict.INVALID, reasons, like, left_out=left_out)
    noise = find_noise(noise_file, like.run)
    found = _compared(before, counted, None, noise)
    past = history_at(history, left_out) if history else baseline
    shown = trends(past, counted, allowed, left_out)
    return result("relative", found.verdict, found.reasons, like, (), found, left_out, noise, shown)


def check_comparable(records: Sequence[Record], like: Record, allowed: Sequence[str]) -> None:
    """Raises UsageError for runs that are another experiment than `like`."""
    check_kinds(allowed)
    if problems := unlike(records, like, allowed):
        raise UsageError(
            "These runs cannot be compared:\n  " + "\n  ".join(problems) + "\n"
            "Measure them alike, or say what may differ with --allow " + "|".join(KINDS) + "."
        )


def valid(records: Sequence[Record], left_out: list[str]) -> list[Record]:
    """The runs that can be counted; why the others cannot is added to `left_out`."""
    found = []
    for record in records:
        checked = check(record)
        if checked.verdict is Verdict.INVALID or not record.complete or record.measured is None:
            left_out.append(f"{record.folder}: {' '.join(checked.reasons) or record.state}")
        else:
            found.append(record)
    return found


class Referee:
    """Of a duel: takes pairs of runs as they come, looks at the planned moments, and says when it is over."""

    def __init__(self, plan: Plan, noise_file: Path, same: bool = False) -> None:
        """`same`: both sides are one backend; every pair is wanted, for the noise floor."""
        self._plan, self._noise_file, self._same = plan, noise_file, same
        self._baseline: list[Record] = []
        self._candidate: list[Record] = []
        self.left_out: list[str] = []
        self._invalid_in_turn = 0
        self._broken_off = ""

    # So many pairs one after the other that cannot be counted: the next will not be better.
    GIVE_UP_AFTER = 3

    @property
    def pairs(self) -> int:
        return len(self._baseline)

    def add(self, baseline: Record, candidate: Record) -> str:
        """A pair counts when both of its runs do. Returns a line about it, for those who watch."""
        known = len(self.left_out)
        if len(valid([baseline, candidate], self.left_out)) < 2:
            self._invalid_in_turn += 1
            return "\n  ".join(("A pair that does not count:", *self.left_out[known:]))
        self._invalid_in_turn = 0
        check_comparable([candidate], baseline, ())
        self._baseline.append(baseline)
        self._candidate.append(candidate)
        return f"Pair {self.pairs} of at most {self._plan.most}: {_side_by_side(baseline, candidate)}"

    def break_off(self, why: str) -> None:
        """The next pair could not be made; what was counted so far is all there is."""
        self._broken_off = why

    @property
    def over(self) -> bool:
        """Whether another pair could change nothing, or none is to be had."""
        if self._invalid_in_turn >= self.GIVE_UP_AFTER or self.pairs >= self._plan.most:
            return True
        looking = any(look.pairs == self.pairs for look in self._plan.looks(1.0))
        return looking and not self._same and self._compared().settled

    def _compared(self) -> Comparison:
        return _compared(self._baseline, self._candidate, self._plan, self._noise(self._baseline[0]))

    def _noise(self, like: Record) -> NoiseFloor | None:
        return None if self._same else find_noise(self._noise_file, like.run)

    def result(self, like: Record) -> GateResult:
        """The verdict over the pairs that were counted; `like` is any run of the duel."""
        if not self.pairs:
            reasons = ("Not one pair of runs can be counted.", *self.left_out)
            return result("duel", Verdict.INVALID, reasons, like, left_out=self.left_out)
        found = self._compared()
        verdict, reasons = found.verdict, found.reasons
        if verdict is Verdict.INCONCLUSIVE and self._invalid_in_turn >= self.GIVE_UP_AFTER:
            verdict, reasons = Verdict.INVALID, (*self.left_out[-self.GIVE_UP_AFTER :],)
        if self._broken_off:
            verdict = Verdict.ERROR if verdict is Verdict.INCONCLUSIVE else verdict
            reasons = (f"Broken off after {self.pairs} pairs: {self._broken_off}", *reasons)
        return result("duel", verdict, reasons, like, (), found, left_out=self.left_out, noise=self._noise(like))

    @property
    def enough_for_noise(self) -> bool:
        """A spread from fewer pairs than a gate needs would say more about chance than about the machine."""
        return bool(self.pairs) and self.pairs >= self._plan.fewest(self._baseline[0].run.scenario.targets.gate)

    def noise(self) -> NoiseFloor:
        """What this machine shows of one backend against itself. There must be enough pairs."""
        found = self._compared()
        wanted = quantities(self._baseline[0].run.scenario, names_in([*self._baseline, *self._candidate]))
        percentiles = {row.key: row.percentile for row in found.quantities if row.percentile is not None}
        sides = [[outcome(record, wanted) for record in side] for side in (self._baseline, self._candidate)]
        stations, *cpu = cpu_table(*sides)
        values = [
            {key: [run.samples[key].at(p) for run in side] for key, p in percentiles.items()}
            | {cpu_title(station): np.exp(logs[:, i]).tolist() for i, station in enumerate(stations)}
            for side, logs in zip(sides, cpu, strict=True)
        ]
        return measured_noise(self._baseline[0].run, *values)


def _compared(
    baseline: Sequence[Record], candidate: Sequence[Record], plan: Plan | None, noise: NoiseFloor | None
) -> Comparison:
    scenario = candidate[0].run.scenario
    wanted = quantities(scenario, names_in([*baseline, *candidate]))
    before, after = ([outcome(record, wanted) for record in side] for side in (baseline, candidate))
    return compare(before, after, wanted, scenario.targets.gate, scenario.targets.failures, plan, noise)


def _side_by_side(baseline: Record, candidate: Record) -> str:
    """The first of the targets' latencies in both runs of a pair."""
    first = next(iter(quantities(baseline.run.scenario, ())), None)
    if first is None:
        return "no latency is a target"
    before, after = (outcome(record, [first]).samples[first.key] for record in (baseline, candidate))
    percentile = percentile_carried(first, (before.count, after.count))
    if percentile is None:
        return f"{first.title}: too few samples"
    change = after.at(percentile) / before.at(percentile) - 1
    values = f"{before.at(percentile):.3g} → {after.at(percentile):.3g} ms"
    return f"{first.title}, p{percentile:g}: {values} ({change:+.1%})"


def _check_distinct(records: Sequence[Record]) -> None:
    """A run that counts twice makes two of one observation; on both sides it is compared with itself."""
    times = Counter(map(identity, records))
    if twice := [str(record.folder) for record in records if times[identity(record)] > 1]:
        raise UsageError(f"The same run is there more than once: {', '.join(twice)}. Name each run once.")


def _cut(record: Record, run: RunGate) -> str:
    left_out_s = (run.warm_up_s or 0.0) - record.run.scenario.load.warm_up_s
    if run.warm_up_s is None or left_out_s <= 0:
        return ""
    return f"Warning: {run.run} was slower in the first {left_out_s:g} s; they count as warm-up, not as the run."


def _warning(target: Judged) -> str:
    return f"Warning: {target.title} passes, but near its limit ({target.note})."
