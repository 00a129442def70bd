"""What the runs of a search say: whether each held, what broke first, what was busiest, and the headroom."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

from capacity.demands import demands
from capacity.targets import Check, TargetResult, check
from loadtests.record import Record
from scenarios.outcome import Verdict
from scenarios.schema import Targets

# How many people there are is what a search varies; what only more people could reach says nothing of the backend.
_NEEDS = ("concurrent_users", "database_queries_peak_per_s")


@dataclass(frozen=True)
class Step:
    """One run of a search. `held` is None when it was invalid, or could not tell; `why` then says it, or what broke."""

    run: str
    people: int
    held: bool | None
    requests_per_s: float
    broken: tuple[str, ...]  # titles of the targets that were missed
    why: str
    unknown: tuple[str, ...]  # titles of the targets that had too few samples
    busiest: str | None  # station
    busiest_share: float | None  # of its cores
    few: bool = False  # it was valid, but has too few samples to judge any latency
    reference_work_cpu_ms: float | None = None  # of the generator's machine


@dataclass(frozen=True)
class Fits:
    """The answer of a search. `low` to `high` people hold every target; `high` is None where nothing broke.

    `invalid_from` so many people on runs are invalid, and all the others held: the backend is not the limit.
    `need` is what the scenario's population asks for; `headroom` the share of `low` that this leaves free.
    """

    scenario: str
    low: int
    middle: int
    high: int | None
    invalid_from: int | None
    settled: bool
    unsettled_why: str
    confidence: float
    requests_per_s: float | None  # near the knee
    broke_first: str | None
    busiest: str | None
    busiest_share: float | None
    need: int
    steps: tuple[Step, ...]

    @property
    def headroom(self) -> float | None:
        return 1 - self.need / self.low if self.low else None


def step_of(record: Record, people: int) -> Step:
    """Judge one run by the targets that a backend can miss."""
    found = check(record)
    judged = _judged(found, record.run.scenario.targets)
    failed = () if found.verdict is Verdict.INVALID else judged
    broken = tuple(result for result in failed if result.verdict is Verdict.FAIL)
    unknown = tuple(r.title for r in judged if r.verdict in (Verdict.INCONCLUSIVE, Verdict.ERROR))
    held, why = _held(found, judged, broken)
    requests, used = record.measured_values("requests"), demands(record)
    return Step(
        str(record.folder),
        people,
        held,
        mean(requests) if requests else 0.0,
        tuple(result.title for result in broken),
        why,
        unknown,
        used.bottleneck.station if used else None,
        used.bottleneck.utilisation if used else None,
        few=held is None and found.verdict is not Verdict.INVALID,
        reference_work_cpu_ms=mean(work) if (work := record.measured_values("reference_work_cpu_ms")) else None,
    )


def _judged(found: Check, targets: Targets) -> list[TargetResult]:
    backend = {key for key, target in targets.targets.items() if target.metric not in _NEEDS}
    return [result for result in (*found.targets, found.failures) if result.key in (*backend, "failures")]


def _held(found: Check, judged: Sequence[TargetResult], broken: Sequence[TargetResult]) -> tuple[bool | None, str]:
    if found.verdict is Verdict.INVALID:
        return None, found.reasons[0]
    if broken:
        first = max(broken, key=_excess)
        return False, f"{first.title}: {first.measured:,.0f} {first.unit}" if first.measured else first.note
    if not any(result.verdict is Verdict.PASS and result.unit == "ms" for result in judged):
        return None, "too few samples to tell: try more people, or a longer --hold"
    return True, ""


def _excess(result: TargetResult) -> float:
    """How many times its limit a target has: what failed in so many pieces that nothing was measured comes first."""
    return result.measured / result.limit if result.measured is not None and result.better == "lower" else 1e9


def broke_first(steps: Sequence[Step]) -> str | None:
    """The target that most of the runs missed in which anything broke, those with the fewest people counting most."""
    counts: Counter[str] = Counter()
    for step in steps:
        for title in step.broken:
            counts[title] += round(1e6 / step.people)
    return counts.most_common(1)[0][0] if counts else None


def nearest_held(steps: Sequence[Step], middle: int) -> Step | None:
    """The run that held with about as many people as the knee."""
    held = [step for step in steps if step.held]
    return min(held, key=lambda step: abs(step.people - middle)) if held else None
