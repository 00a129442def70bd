"""How many pairs of runs a duel makes at most, when it looks at them, and how long they take."""

from dataclasses import dataclass, replace
from math import ceil

from capacity.gate import permutation
from scenarios.outcome import UsageError
from scenarios.schema import GateRules


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
        """When one looks, if `error` may be spent in all."""
        return permutation.looks(min(self.first, self.most), self.every, self.most, error)
