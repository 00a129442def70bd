"""How a quantity differs between two sides: by how much, with its interval, and whether that can be chance.

`before` and `after` are arrays (runs, quantities) of logarithms, so that a change is the same at every level. With a
`plan` the n-th runs of both sides are a pair and this is one of its looks; without one they are two groups.
"""

from dataclasses import dataclass
from math import exp, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from capacity.gate import permutation
from capacity.gate.plan import Plan

Floats = NDArray[np.float64]
# Intervals are shown at this confidence, each for itself.
SHOWN = 0.95


@dataclass(frozen=True)
class Change:
    """The mean difference of the logarithms, its standard error, and the degrees of freedom (0: no error is known)."""

    log: float
    error: float
    freedom: float

    @classmethod
    def between(cls, before: Floats, after: Floats, paired: bool) -> "Change":
        """Of one quantity, (runs,) each side; Welch's degrees of freedom when the runs are no pairs."""
        log = float(after.mean() - before.mean())
        if paired:
            count = len(before)
            return cls(log, float((after - before).std(ddof=1) / sqrt(count)) if count > 1 else 0.0, count - 1)
        parts = [side.var(ddof=1) / len(side) if len(side) > 1 else np.nan for side in (before, after)]
        if np.isnan(parts).any():
            known = before if len(before) > 1 else after
            if len(known) < 2:
                return cls(log, 0.0, 0)
            return cls(log, float(known.std(ddof=1) * sqrt(1 / len(before) + 1 / len(after))), len(known) - 1)
        variance = parts[0] + parts[1]
        if not variance:
            return cls(log, 0.0, len(before) + len(after) - 2)
        freedom = variance**2 / sum(p**2 / (len(s) - 1) for p, s in zip(parts, (before, after), strict=True))
        return cls(log, float(sqrt(variance)), float(freedom))

    @property
    def share(self) -> float:
        """0.1 is a tenth more."""
        return exp(self.log) - 1

    @property
    def interval(self) -> tuple[float, float] | None:
        """Of the share."""
        if not self.freedom:
            return None
        reach = self.quantile((1 + SHOWN) / 2) * self.error
        return exp(self.log - reach) - 1, exp(self.log + reach) - 1

    def quantile(self, share: float) -> float:
        """Student's, in standard errors."""
        return float(stdtrit(self.freedom, share))


def surely_larger(before: Floats, after: Floats, least: Floats, error: float, plan: Plan | None) -> NDArray[np.bool_]:
    """Which quantities went up by at least `least` (quantities,), and not by chance: `error` is for all together."""
    if not before.shape[1]:
        return np.zeros(0, bool)
    if plan is None:
        larger = permutation.unpaired(before, after, error)
    else:
        larger = permutation.paired(after - before, plan.looks(error), plan.most)
    found: NDArray[np.bool_] = larger & (after.mean(axis=0) - before.mean(axis=0) >= least)
    return found


def ruled_out(before: Floats, after: Floats, shift: float, error: float, plan: Plan | None) -> NDArray[np.bool_]:
    """For which quantities an increase by `shift` would have shown: `error` is for each by itself."""
    columns = range(before.shape[1])
    if plan is None:
        found = [permutation.unpaired(after[:, [i]] - shift, before[:, [i]], error)[0] for i in columns]
    else:
        looks, below = plan.looks(error), shift - (after - before)
        found = [permutation.paired(below[:, [i]], looks, plan.most)[0] for i in columns]
    return np.array(found, bool)
