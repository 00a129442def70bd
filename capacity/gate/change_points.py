"""Where a series of measurements changed: E-divisive with Student's t-test, as Hunter (Apache Otava) does it.

E-divisive finds the place that splits a series into the two most dissimilar parts (Matteson and James 2014, JASA
109:334-345). Hunter (Fleming et al. 2023, ICPE, doi:10.1145/3578244.3583719) asks a t-test instead of permutations
whether the parts differ, so the same history always gives the same answer; slides a window over long series, so that
old points stay where they are; and collects weak points first, then merges those that do not hold up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

Floats = NDArray[np.float64]

WINDOW = 50
P_MAX = 0.001
# A level is one that several runs have: two slow runs at the end of a series may be chance.
RUNS_MIN = 3
WEAK_TIMES = 10  # the first pass accepts points with a p that is so many times larger


@dataclass(frozen=True)
class ChangePoint:
    """`index` is the first measurement of the new level; `before` and `after` are the means on both sides."""

    index: int
    before: float
    after: float
    p: float

    @property
    def change(self) -> float:
        """As a share of the old level."""
        return self.after / self.before - 1 if self.before else float("inf")


def change_points(series: Sequence[float], p_max: float = P_MAX) -> list[ChangePoint]:
    """The lasting changes of a series, oldest first."""
    values = np.array(series, float)
    return _merged(values, _weak_points(values, p_max * WEAK_TIMES), p_max)


def _weak_points(values: Floats, p_max: float) -> list[int]:
    """Every split that some window finds at the weak level."""
    found: set[int] = set()
    start = 0
    while start < len(values):
        inside = _split(values[start : start + WINDOW], p_max)
        found.update(start + index for index in inside)
        start = max(start + WINDOW // 2, start + max(inside, default=0))
    return sorted(found)


def _split(values: Floats, p_max: float) -> list[int]:
    """Split again and again at the best place of any part, until the best one is not significant."""
    points: list[int] = []
    sums = _distance_sums(values)
    while True:
        edges = [0, *points, len(values)]
        candidates = [_best_split(sums, a, b) for a, b in pairwise(edges) if b - a >= 2]
        if not candidates:
            return points
        index = max(candidates)[1]
        if _p(values, sorted({*points, index}), index) > p_max:
            return points
        points = sorted({*points, index})


def _distance_sums(values: Floats) -> Floats:
    """S[i, j]: the sum of the distances between the first i and the first j values."""
    sums = np.zeros((len(values) + 1, len(values) + 1))
    sums[1:, 1:] = np.abs(values[:, None] - values[None, :]).cumsum(axis=0).cumsum(axis=1)
    return sums


def _best_split(sums: Floats, start: int, end: int) -> tuple[float, int]:
    """The largest dissimilarity of [start, tau) and [tau, kappa), kappa up to `end`; and its tau."""

    def block(a: int, b: int, c: int, d: int) -> float:
        return float(sums[b, d] - sums[a, d] - sums[b, c] + sums[a, c])

    best = (-np.inf, start + 1)
    for tau in range(start + 1, end):
        left = tau - start
        within_left = block(start, tau, start, tau) / 2
        for kappa in range(tau + 1, end + 1):
            right = kappa - tau
            within_right = block(tau, kappa, tau, kappa) / 2
            dissimilarity = 2 / (left + right) * block(start, tau, tau, kappa)
            if left > 1:
                dissimilarity -= 2 * right / (left + right) / (left - 1) * within_left
            if right > 1:
                dissimilarity -= 2 * left / (left + right) / (right - 1) * within_right
            best = max(best, (dissimilarity, tau))
    return best


def _merged(values: Floats, points: list[int], p_max: float) -> list[ChangePoint]:
    """Take the weakest point out, as long as it does not hold up between its neighbours."""
    points = list(points)
    while points:
        p_of = {index: _p(values, points, index) for index in points}
        weakest = max(points, key=lambda index: p_of[index])
        if p_of[weakest] < p_max:
            break
        points.remove(weakest)
    return [_change_point(values, points, index) for index in points]


def _sides(values: Floats, points: Sequence[int], index: int) -> tuple[Floats, Floats]:
    """What lies between a point and its neighbours, before and after it."""
    edges = [0, *points, len(values)]
    place = edges.index(index, 1)
    return values[edges[place - 1] : index], values[index : edges[place + 1]]


def _p(values: Floats, points: Sequence[int], index: int) -> float:
    """Student's t-test of both sides, two-sided, with a common variance."""
    before, after = _sides(values, points, index)
    freedom = len(before) + len(after) - 2
    if min(len(before), len(after)) < RUNS_MIN:
        return 1.0
    difference = abs(after.mean() - before.mean())
    variance = (before.var() * len(before) + after.var() * len(after)) / freedom
    if not variance:
        return 0.0 if difference else 1.0
    statistic = difference / sqrt(variance * (1 / len(before) + 1 / len(after)))
    return float(2 * t.sf(statistic, freedom))


def _change_point(values: Floats, points: Sequence[int], index: int) -> ChangePoint:
    before, after = _sides(values, points, index)
    return ChangePoint(index, float(before.mean()), float(after.mean()), _p(values, points, index))
