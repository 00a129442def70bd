"""What a request costs the backend's processors, on both sides of a comparison.

Far less noisy than latency, for no queue is in it: on a shared machine it is what short runs can tell. It is no
latency, though: a release may spend CPU to be faster. So more of it is a warning, unless the scenario wants it to fail.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp, log1p

import numpy as np

from capacity.gate.change import Change, Floats, ruled_out, surely_larger
from capacity.gate.noise import NoiseFloor, wanted_change
from capacity.gate.plan import Plan
from capacity.gate.quantities import Outcome
from scenarios.outcome import Verdict
from scenarios.schema import GateRules

ALL = "all stations"
# A station with less of the backend's CPU than this matters to nobody, and its few ticks a run are noise.
_NOTABLE_SHARE = 0.05


@dataclass(frozen=True)
class ComparedCpu:
    """CPU-ms a request at a station, or at all of them: geometric means of the runs, and the change as a share.

    `more`: surely, and by at least the minimum effect.
    """

    station: str
    verdict: Verdict
    more: bool
    baseline: float
    candidate: float
    change: float
    low: float | None
    high: float | None

    @property
    def title(self) -> str:
        return cpu_title(self.station)

    @property
    def warns(self) -> bool:
        """It is more, and that is no failure."""
        return self.more and self.verdict is not Verdict.FAIL


def cpu_title(station: str) -> str:
    """What the CPU of a station is called, in reports and among the quantities of a noise floor."""
    return f"CPU a request, {station}"


def compare_cpu(
    baseline: Sequence[Outcome],
    candidate: Sequence[Outcome],
    rules: GateRules,
    plan: Plan | None,
    noise: NoiseFloor | None = None,
) -> tuple[ComparedCpu, ...]:
    """The rows of `cpu_table`; none without a station that all runs watched."""
    stations, before, after = cpu_table(baseline, candidate)
    if not stations:
        return ()
    runs, paired = (len(baseline), len(candidate)), plan is not None
    least = np.array([log1p(wanted_change(noise, rules, cpu_title(s), runs, paired)) for s in stations])
    more = surely_larger(before, after, least, rules.false_alarms_share, plan)
    not_more = ruled_out(before, after, log1p(rules.rule_out_share), rules.missed_share, plan)
    return tuple(
        _row(name, before[:, i], after[:, i], bool(more[i]), bool(not_more[i]), rules, paired)
        for i, name in enumerate(stations)
    )


def cpu_table(baseline: Sequence[Outcome], candidate: Sequence[Outcome]) -> tuple[list[str], Floats, Floats]:
    """All stations together, then each that is notable, busiest first; with logarithms of CPU-ms a request.

    Both tables are (runs, stations). Counted is what every run of both sides watched: a side of which one server more
    was watched does not need more CPU for it. With a station that only one side has there is no "all": its work may be
    done elsewhere on the other side, or be new.
    """
    watched = set.intersection(*(set(run.cpu_ms) for run in (*baseline, *candidate)))
    found = list(_notable(baseline, candidate, watched))
    before, after = (set[str]().union(*(run.cpu_ms for run in side)) for side in (baseline, candidate))
    columns = {ALL: sorted(watched)} if found and len(watched) > 1 and before == after else {}
    columns |= {station: [station] for station in found}

    def table(side: Sequence[Outcome]) -> Floats:
        rows = [[sum(run.cpu_ms[s] for s in stations) for stations in columns.values()] for run in side]
        logarithms: Floats = np.log(rows)
        return logarithms

    return list(columns), table(baseline), table(candidate)


def not_compared(baseline: Sequence[Outcome], candidate: Sequence[Outcome]) -> list[str]:
    """Stations that some runs watched and others did not."""
    watched = [set(run.cpu_ms) for run in (*baseline, *candidate)]
    return sorted(watched[0].union(*watched).difference(watched[0].intersection(*watched)))


def _row(
    name: str, before: Floats, after: Floats, more: bool, not_more: bool, rules: GateRules, paired: bool
) -> ComparedCpu:
    change = Change.between(before, after, paired)
    low, high = change.interval or (None, None)
    verdict = Verdict.PASS if more or not_more else Verdict.INCONCLUSIVE
    if more and rules.more_cpu_fails:
        verdict = Verdict.FAIL
    return ComparedCpu(name, verdict, more, exp(before.mean()), exp(after.mean()), change.share, low, high)


def _notable(baseline: Sequence[Outcome], candidate: Sequence[Outcome], watched: set[str]) -> Iterator[str]:
    """Those that all runs saw at work, and that have a notable share of the CPU of either side."""
    means = [{s: float(np.mean([run.cpu_ms[s] for run in side])) for s in watched} for side in (baseline, candidate)]
    for station in sorted(watched, key=lambda s: (-means[0][s], s)):
        at_work = all(run.cpu_ms[station] > 0 for run in (*baseline, *candidate))
        if at_work and any(side[station] >= _NOTABLE_SHARE * sum(side.values()) for side in means):
            yield station
