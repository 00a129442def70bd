"""What a request costs the backend's processors, on both sides of a comparison.

Far less noisy than latency, for no queue is in it: on a shared machine it is what short runs can tell. It is no
latency, though: a release may spend CPU to be faster. So more of it is a warning, unless the scenario wants it to fail.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp, log1p

import numpy as np

from capacity.gate.change import Change, Floats, ruled_out, surely_larger
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
    def warns(self) -> bool:
        """It is more, and that is no failure."""
        return self.more and self.verdict is not Verdict.FAIL


def compare_cpu(
    baseline: Sequence[Outcome], candidate: Sequence[Outcome], rules: GateRules, plan: Plan | None
) -> tuple[ComparedCpu, ...]:
    """All stations together, then each that is notable, busiest first; none without a station that all runs watched."""
    stations = list(_notable(baseline, candidate))
    if not stations:
        return ()
    before, after = _table(baseline, stations), _table(candidate, stations)
    least = np.full(len(stations) + 1, log1p(rules.min_effect_share))
    more = surely_larger(before, after, least, rules.false_alarms_share, plan)
    not_more = ruled_out(before, after, log1p(rules.rule_out_share), rules.missed_share, plan)
    return tuple(
        _row(name, before[:, i], after[:, i], bool(more[i]), bool(not_more[i]), rules, paired=plan is not None)
        for i, name in enumerate((ALL, *stations))
    )


def _row(
    name: str, before: Floats, after: Floats, more: bool, not_more: bool, rules: GateRules, paired: bool
) -> ComparedCpu:
    change = Change.between(before, after, paired)
    low, high = change.interval or (None, None)
    verdict = Verdict.PASS if more or not_more else Verdict.INCONCLUSIVE
    if more and rules.more_cpu_fails:
        verdict = Verdict.FAIL
    return ComparedCpu(name, verdict, more, exp(before.mean()), exp(after.mean()), change.share, low, high)


def _notable(baseline: Sequence[Outcome], candidate: Sequence[Outcome]) -> Iterator[str]:
    """Stations that all runs saw at work, and that have a notable share of the CPU of either side."""
    known = set.intersection(*({s for s, ms in run.cpu_ms.items() if ms > 0} for run in (*baseline, *candidate)))
    means = [{s: float(np.mean([run.cpu_ms[s] for run in side])) for s in known} for side in (baseline, candidate)]
    for station in sorted(known, key=lambda s: (-means[0][s], s)):
        if any(side[station] >= _NOTABLE_SHARE * sum(side.values()) for side in means):
            yield station


def _table(side: Sequence[Outcome], stations: Sequence[str]) -> Floats:
    """(runs, 1 + stations): logarithms of CPU-ms a request, all stations first."""
    rows = [[sum(run.cpu_ms.values()), *(run.cpu_ms[station] for station in stations)] for run in side]
    logarithms: Floats = np.log(rows)
    return logarithms
