"""How often gates are wrong: ours beside the usual ones, on the same simulated runs. `make proof-gate` prints it.

A run is its p95s: log-normal around a level, with the run-to-run variation (CV) that published measurements show
(2.7 % on hosted CI runners, 5 and 10 % on shared machines). Runs next to each other may share a part of that variance,
as neighbours on one machine do. Every figure is a share of 1,000 comparisons.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu

from capacity.gate.plan import Plan
from capacity.gate.quantities import Outcome, Quantity
from capacity.gate.relative import compare
from scenarios.outcome import Verdict
from tests.capacity.gate.sides import FAILURES, RULES, noisy, quantity

REPEATS = 1000
CVS = (0.027, 0.05, 0.10)
EFFECTS = (0.0, 0.10)
REQUESTS = 1000  # of a run, for the gate that pools them
PLAN = Plan()
FALSE_ALARMS_MAX = 0.01  # promised; the rule aims at half of it, for a count of 1,000 varies
MISSED_MAX = 0.02 + 3 * np.sqrt(0.02 * 0.98 / REPEATS)  # promised: 2 %; three standard errors of the count


@dataclass(frozen=True)
class Case:
    """Parts of the variance: `shared` by two runs next to each other, `apart` by all runs of one sitting."""

    cv: float
    effect: float
    shared: float
    quantities: int
    seed: int
    apart: float = 0.0

    def sides(self, runs: int) -> tuple[list[Outcome], list[Outcome]]:
        rng = np.random.default_rng(self.seed)
        keys = [f"q{number}" for number in range(self.quantities)]
        sd = np.sqrt(np.log1p(self.cv**2))
        levels = rng.normal(0, sd * np.sqrt(self.shared), runs)
        sittings = rng.normal(0, sd * np.sqrt(self.apart), 2)
        own = self.cv * np.sqrt(1 - self.shared - self.apart)
        before = noisy(rng, runs, keys, own, levels + sittings[0])
        return before, noisy(rng, runs, keys, own, levels + sittings[1], {"q0": self.effect})

    @property
    def wanted(self) -> list[Quantity]:
        return [quantity(f"q{number}") for number in range(self.quantities)]


Answer = tuple[Verdict, int]
Gate = Callable[[Case], Answer]


def duel(case: Case) -> Answer:
    """Ours: up to 16 pairs, looking after 8, 10, 12, 14 and 16."""
    before, after = case.sides(PLAN.most)
    for look in PLAN.looks(RULES.false_alarms_share):
        found = compare(before[: look.pairs], after[: look.pairs], case.wanted, RULES, FAILURES, PLAN)
        if found.settled:
            break
    return found.verdict, look.pairs


def groups(runs: int, apart: float, case: Case) -> Answer:
    """Ours: two groups of runs that were not made in turn, in sittings that differ by this part of the variance."""
    before, after = replace(case, apart=apart).sides(runs)
    return compare(before, after, case.wanted, RULES, FAILURES).verdict, runs


def ratio(limit: float, runs: int, case: Case) -> Answer:
    """Usual: the smallest p95 of some runs against the same of the baseline."""
    before, after = case.sides(runs)
    slower = _values(after).min(axis=0) > limit * _values(before).min(axis=0)
    return (Verdict.FAIL if slower.any() else Verdict.PASS), runs


def mann_whitney(case: Case) -> Answer:
    """Usual: a rank test of five runs against five, and a median that is 5 % higher."""
    before, after = map(_values, case.sides(5))
    p = mannwhitneyu(after, before, alternative="greater").pvalue
    slower = (p < 0.05) & (np.median(after, axis=0) > 1.05 * np.median(before, axis=0))
    return (Verdict.FAIL if slower.any() else Verdict.PASS), 5


def pooled(case: Case) -> Answer:
    """Usual, and wrong: a rank test of all requests of one run against all of another."""
    before, after = map(_values, case.sides(1))
    rng = np.random.default_rng(case.seed + 1)
    requests = [level[0] * np.exp(rng.normal(0, 0.6, REQUESTS)) for level in (before, after)]
    p = mannwhitneyu(requests[1], requests[0], alternative="greater").pvalue
    return (Verdict.FAIL if p < 0.05 else Verdict.PASS), 1


def _values(side: Sequence[Outcome]) -> NDArray[np.float64]:
    return np.array([[sample.at(95.0) for sample in run.samples.values()] for run in side])


# No bound holds for it: that is what a duel is for.
SITTINGS = "gate, 10 against 10, in two sittings that differ"
ROWS: list[tuple[str, Gate, int, float]] = [
    ("one against one, > 5 %", partial(ratio, 1.05, 1), 1, 0.0),
    ("one against one, > 10 %", partial(ratio, 1.10, 1), 1, 0.0),
    ("best of 3, > 10 %", partial(ratio, 1.10, 3), 1, 0.0),
    ("Mann-Whitney, 5 against 5", mann_whitney, 1, 0.0),
    ("Mann-Whitney, 5 against 5", mann_whitney, 12, 0.0),
    ("Mann-Whitney of pooled requests", pooled, 1, 0.0),
    ("**duel**", duel, 1, 0.0),
    ("**duel**", duel, 1, 0.5),
    ("**duel**", duel, 12, 0.0),
    ("**duel**", duel, 12, 0.5),
    ("**duel**", duel, 12, 0.8),
    ("**gate**, 5 against 5", partial(groups, 5, 0.0), 1, 0.0),
    ("**gate**, 10 against 10", partial(groups, 10, 0.0), 1, 0.0),
    (SITTINGS, partial(groups, 10, 0.2), 1, 0.0),
]


def rates(row: tuple[str, Gate, int, float], repeats: int = REPEATS) -> list[tuple[float, float, float]]:
    """By CV and effect: shares of fail and of pass, and the mean number of runs a side."""
    _, gate, quantities, shared = row
    found = []
    for cv in CVS:
        for effect in EFFECTS:
            answers = [gate(Case(cv, effect, shared, quantities, seed)) for seed in range(repeats)]
            fails, passes = (sum(a[0] is v for a in answers) / repeats for v in (Verdict.FAIL, Verdict.PASS))
            found.append((fails, passes, sum(a[1] for a in answers) / repeats))
    return found


def main() -> None:
    with get_context("spawn").Pool() as workers:
        answers = workers.imap(rates, ROWS)
        heads = [f"CV {cv:.1%}: {what}" for cv in CVS for what in ("false alarms", "+10 % found", "passed")]
        print("| gate | quantities | shared | " + " | ".join(heads) + " | runs a side |")
        print("|---|---:|---:|" + "---:|" * (len(heads) + 1))
        problems = []
        for (name, gate, quantities, shared), found in zip(ROWS, answers, strict=True):
            same, slower = found[0::2], found[1::2]
            cells = [f"{100 * x:.1f}" for s, t in zip(same, slower, strict=True) for x in (s[0], t[0], t[1])]
            runs = f"{np.mean([f[2] for f in found]):.1f}"
            print(f"| {name} | {quantities} | {shared:.0%} | {' | '.join(cells)} | {runs} |", flush=True)
            ours = name.startswith("**")
            if ours and max(s[0] for s in same) > FALSE_ALARMS_MAX:
                problems.append(f"{name}, {quantities} quantities: more than 1 % false alarms")
            if ours and max(t[1] for t in slower) > MISSED_MAX:
                problems.append(f"{name}, {quantities} quantities: passes +10 % more than 2 % of the time")
            if gate is duel and (quantities == 1 or shared) and slower[1][0] < 0.95:
                problems.append(
                    f"{name}, {quantities} quantities, {shared:.0%} shared: finds +10 % in {slower[1][0]:.1%}"
                )
    print()
    print("\n".join(problems) or "Every bound holds.")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
