"""The universal scalability law, X(N) = gamma N / (1 + alpha (N - 1) + beta N (N - 1)) (Gunther 1993, 2007).

A diagnostic: alpha says how much is done one after the other, beta how much everybody waits for everybody. It is no way
to predict: fitted below the knee, both are lost in the noise, and the fit promises an infinite capacity.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import curve_fit

POINTS_MIN = 4  # three parameters, and something that could contradict them
_NOTHING = 1e-12
_BENT_SHARE = 0.7  # of what the first people's throughput promises: less is a knee that was seen


@dataclass(frozen=True)
class Usl:
    """A fit. `gamma` is one person's throughput a second; `residuals` are measured / fitted - 1, point by point."""

    alpha: float
    beta: float
    gamma: float
    people: tuple[float, ...]
    measured_per_s: tuple[float, ...]
    residuals: tuple[float, ...]

    def throughput_per_s(self, people: float) -> float:
        """What the law gives, wherever: see `predicted_per_s`."""
        return float(_law(np.array([people], np.float64), self.alpha, self.beta, self.gamma)[0])

    @property
    def peak_people(self) -> float:
        """N with the most throughput: sqrt((1 - alpha) / beta) (Gunther 2007); infinite when beta is 0."""
        return sqrt((1 - self.alpha) / self.beta) if self.beta else inf

    @property
    def peak_per_s(self) -> float:
        return self.throughput_per_s(self.peak_people) if self.beta else self.limit_per_s

    @property
    def limit_per_s(self) -> float:
        """gamma / alpha (Amdahl 1967): what would be left if nobody waited for everybody."""
        return self.gamma / self.alpha if self.alpha else inf

    @property
    def knee_seen(self) -> bool:
        """Whether the measured throughput has bent: else the points say nothing about where it will."""
        most = int(np.argmax(self.people))
        return self.measured_per_s[most] < _BENT_SHARE * self.gamma * self.people[most]

    def predicted_per_s(self, people: float) -> float | None:
        """None where the fit is no evidence: beyond what was measured, when no knee was seen. Fitted to the first
        three to five points of a published measurement, the law misses the rest by 9 to 42 %."""
        if people > max(self.people) and not self.knee_seen:
            return None
        return self.throughput_per_s(people)


def fitted(people: Sequence[float], throughput_per_s: Sequence[float]) -> Usl:
    """By nonlinear least squares, alpha and beta not below 0. Raises ValueError for fewer than POINTS_MIN points."""
    if len(set(people)) < POINTS_MIN:
        raise ValueError(f"{POINTS_MIN} numbers of people are needed at least, and there are {len(set(people))}")
    order = np.argsort(people)  # so that the answer does not depend on the order
    x, y = np.asarray(people, np.float64)[order], np.asarray(throughput_per_s, np.float64)[order]
    start = (0.01, 1e-4, float((y / x).max()))
    (alpha, beta, gamma), _ = curve_fit(_law, x, y, p0=start, bounds=((0, 0, 0), (1, np.inf, np.inf)), xtol=1e-14)
    alpha, beta = (0.0 if value < _NOTHING else value for value in (alpha, beta))  # the solver stops just above 0
    residuals = np.asarray(throughput_per_s) / _law(np.asarray(people, np.float64), alpha, beta, gamma) - 1
    return Usl(
        float(alpha), float(beta), float(gamma), tuple(people), tuple(throughput_per_s), tuple(map(float, residuals))
    )


def _law(people: NDArray[np.float64], alpha: float, beta: float, gamma: float) -> NDArray[np.float64]:
    found: NDArray[np.float64] = gamma * people / (1 + alpha * (people - 1) + beta * people * (people - 1))
    return found
