"""Gates over records: each run by its targets, runs against a baseline, and the referee of a duel."""

from collections.abc import Sequence
from pathlib import Path

from capacity.gate.absolute import Judged, judge
from capacity.gate.baselines import trends
from capacity.gate.comparable import KINDS, unlike
from capacity.gate.noise import NoiseFloor, find_noise, measured_noise
from capacity.gate.quantities import names_in, outcome, quantities
from capacity.gate.relative import Comparison, Plan, compare
from capacity.gate.result import GateResult, result
from capacity.targets import check
from loadtests.record import Record
from scenarios.outcome import UsageError, Verdict

# The worst verdict of several runs is the gate's; an invalid run says nothing, not even that it fails.
_GRAVITY = (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.ERROR, Verdict.INVALID, Verdict.FAIL)


def gate_runs(
    records: Sequence[Record], history: Sequence[Record], noise_file: Path, confidence: float | None = None
) -> GateResult:
    """Judge every run by the targets of its scenario; the worst verdict counts. Raises RecordError."""
    judged = [judge(record, find_noise(noise_file, record.run), confidence) for record in records]
    noise = find_noise(noise_file, records[0].run)
    worst = max(judged, key=lambda run: _GRAVITY.index(run.verdict))
    several = len(judged) > 1
    reasons = [f"{run.run}: {reason}" if several else reason for run in judged for reason in run.reasons]
    if worst.verdict is Verdict.PASS:
        reasons = [f"Surely met: {len(worst.targets)} targets of {len(judged)} run{'s' * several}."]
    reasons += [_warning(target) for run in judged for target in run.warnings]
    shown = trends(history, records) if history else ()
    return result("absolute", worst.verdict, reasons, records[0], judged, noise=noise, trends=shown)


def gate_against(
    records: Sequence[Record],
    baseline: Sequence[Record],
    allowed: Sequence[str],
    noise_file: Path,
) -> GateResult:
    """Compare two groups of runs. Raises UsageError when they are not alike, but for the kinds that are `allowed`."""
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
    shown = trends(baseline, counted)
    return result(
        "relative", found.verdict, found.reasons, like, (), found, left_out=left_out, noise=noise, trends=shown
    )


def check_comparable(records: Sequence[Record], like: Record, allowed: Sequence[str]) -> None:
    """Raises UsageError for runs that are another experiment than `like`."""
    if unknown := sorted(set(allowed) - set(KINDS)):
        raise UsageError(f"--allow takes {', '.join(KINDS)}; got {unknown[0]!r}.")
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

    # So many pairs one after the other that cannot be counted: the next will not be better.
    GIVE_UP_AFTER = 3

    @property
    def pairs(self) -> int:
        return len(self._baseline)

    def add(self, baseline: Record, candidate: Record) -> None:
        """A pair counts when both of its runs do."""
        if len(valid([baseline, candidate], self.left_out)) < 2:
            self._invalid_in_turn += 1
            return
        self._invalid_in_turn = 0
        check_comparable([candidate], baseline, ())
        self._baseline.append(baseline)
        self._candidate.append(candidate)

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
        return result("duel", verdict, reasons, like, (), found, left_out=self.left_out, noise=self._noise(like))

    def noise(self) -> NoiseFloor:
        """What this machine shows of one backend against itself. There must be two pairs."""
        found = self._compared()
        wanted = quantities(self._baseline[0].run.scenario, names_in([*self._baseline, *self._candidate]))
        percentiles = {row.key: row.percentile for row in found.quantities if row.percentile is not None}
        values = []
        for side in (self._baseline, self._candidate):
            outcomes = [outcome(record, wanted) for record in side]
            values.append({key: [run.samples[key].at(p) for run in outcomes] for key, p in percentiles.items()})
        return measured_noise(self._baseline[0].run, *values)


def _compared(
    baseline: Sequence[Record], candidate: Sequence[Record], plan: Plan | None, noise: NoiseFloor | None
) -> Comparison:
    scenario = candidate[0].run.scenario
    wanted = quantities(scenario, names_in([*baseline, *candidate]))
    before, after = ([outcome(record, wanted) for record in side] for side in (baseline, candidate))
    return compare(before, after, wanted, scenario.targets.gate, scenario.targets.failures, plan, noise)


def _warning(target: Judged) -> str:
    return f"Warning: {target.title} passes, but near its limit ({target.note})."
