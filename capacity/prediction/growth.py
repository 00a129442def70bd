"""Week by week: who registers, how many of them are online at the busiest moment, and when that is more than a phase's
servers hold."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from capacity.prediction.knee import Knee
from capacity.prediction.result import Bound, Interval
from scenarios.growth import Growth, Usage, peak_factor

DRAWS = 5000
_LIKELY = 0.5


@dataclass(frozen=True)
class ThreeWays:
    """With low, middle and high growth."""

    low: float
    middle: float
    high: float


@dataclass(frozen=True)
class Week:
    """The end of a week: registered users, and people at once at its busiest moment."""

    week: int
    registered: ThreeWays
    people: ThreeWays


@dataclass(frozen=True)
class PhaseCapacity:
    """What the servers of a phase hold."""

    name: str
    title: str
    planned_weeks: tuple[int, int]
    knee: Knee
    bounds: tuple[Bound, ...] = ()  # limits that are no queue


@dataclass(frozen=True)
class PhaseWeeks:
    """A phase's servers over the weeks: the busy share of what is fullest (middle growth), the chance that a target is
    missed, and the first week in which it is: None when none of these weeks is."""

    name: str
    title: str
    planned_weeks: tuple[int, int]
    knee: Interval
    fullest: str
    broke_first: str | None
    utilisation: tuple[float, ...]
    missed_share: tuple[float, ...]
    breaks: tuple[int | None, int | None, int | None]  # with low, middle and high growth
    bounds: tuple[Bound, ...]  # below the knee: what is used up before a target is missed

    @property
    def likely_from(self) -> int | None:
        """The first week in which a target is more likely missed than not."""
        return next((week for week, share in enumerate(self.missed_share, 1) if share > _LIKELY), None)


@dataclass(frozen=True)
class GrowthPlan:
    """The answer of `matchday predict --weeks`."""

    usage: str
    peak_share: float  # of the registered, online at the busiest moment
    weeks: tuple[Week, ...]
    phases: tuple[PhaseWeeks, ...]
    draws: int


def grown(
    growth: Growth,
    usage: Usage,
    hours: tuple[float, ...],
    weeks: int,
    phases: Sequence[PhaseCapacity],
    seed: int = 1,
    draws: int = DRAWS,
) -> GrowthPlan:
    """`hours`: load of each hour of a day. The same seed, the same answer.

    People at once are sessions a second times how long they last (Little 1961), at the busiest hour of the week.
    """
    share = usage.online_share * peak_factor(growth, hours)
    factors = (growth.low.value, 1.0, growth.high.value)
    registered = np.array([[factor * growth.registered.at(week) for factor in factors] for week in range(1, weeks + 1)])
    people = share * registered
    return GrowthPlan(
        usage.title,
        share,
        tuple(
            Week(number, ThreeWays(*map(float, users)), ThreeWays(*map(float, online)))
            for number, (users, online) in enumerate(zip(registered, people, strict=True), 1)
        ),
        tuple(_weeks_of(phase, people, factors, draws, np.random.default_rng([seed, 3])) for phase in phases),
        draws,
    )


def _weeks_of(
    phase: PhaseCapacity,
    people: NDArray[np.float64],
    factors: tuple[float, float, float],
    draws: int,
    rng: np.random.Generator,
) -> PhaseWeeks:
    """`people` (weeks, 3)."""
    knee, most = phase.knee, phase.knee.people.value
    online = drawn_people(people[:, 1], factors, draws, rng)
    missed = (online > rng.choice(knee.drawn, size=draws)[:, None]).mean(axis=0)
    breaks = [next((week for week, number in enumerate(way, 1) if number > most), None) for way in people.T]
    return PhaseWeeks(
        phase.name,
        phase.title,
        phase.planned_weeks,
        knee.people,
        knee.fullest,
        knee.broke_first,
        tuple(knee.busy_share(float(number)) for number in people[:, 1]),
        tuple(map(float, missed)),
        (breaks[0], breaks[1], breaks[2]),
        tuple(bound for bound in phase.bounds if bound.people < most),
    )


def drawn_people(
    middle: NDArray[np.float64], factors: tuple[float, float, float], draws: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """(draws, weeks): growth's factor is drawn once a plan, triangular on a log scale between low, middle and high:
    what is known are three points (Johnson 1997)."""
    low, mode, high = np.log(factors)
    drawn = np.exp(rng.triangular(low, mode, high, size=draws)) if high > low else np.ones(draws)
    return np.asarray(drawn[:, None] * middle[None, :], np.float64)
