"""When people open the app, and for how long: decided before the run, so that no backend can change it.

Sessions arrive as a Poisson process and last as long as the traffic model says; then the people online are an
M/G/infinity queue, whose mean follows the load's curve: each rise brings people who are found somewhere in their
session (its equilibrium), together with the arrivals that will replace them; each fall sends some home early.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenarios.stages import Curve

# Of so many timetables the first is taken that keeps to the load in every hold.
TRIES = 200
ABOVE_MAX = 0.03  # of the load


@dataclass(frozen=True)
class Visit:
    """A session: when it is found (seconds since the start), how much of it is over then, and how long it is in all."""

    at_s: float
    whole_s: float
    elapsed_s: float = 0.0

    @property
    def ends_s(self) -> float:
        return self.at_s + self.whole_s - self.elapsed_s


@dataclass(frozen=True)
class Lengths:
    """How long sessions are: of a new one, and (whole, elapsed) of one that is found under way. Seconds."""

    mean_s: float
    new: Callable[[], float]
    under_way: Callable[[], tuple[float, float]]


def timetable(
    curve: Curve, people: int, lengths: Lengths, rng: random.Random, measured_from_s: float = 0.0, tries: int = TRIES
) -> list[Visit]:
    """The visits of one process, by arrival. `measured_from_s` after the start the warm-up is over.

    A Poisson process strays: with 100 people by ten, half of the time to less than was asked for. So timetables are
    drawn until the median of each hold, as far as it is measured, is no less than asked for, and at most 3 % (or one)
    more. The process is conditioned on that; it still knows nothing of the backend.
    """
    if not people:
        return []
    drawn = [_drawn(curve, people, lengths, rng)]
    while (strays := _strays(drawn[-1], curve, people, measured_from_s)) > 0 and len(drawn) < tries:
        drawn.append(_drawn(curve, people, lengths, rng))
    if strays:
        drawn.sort(key=lambda visits: _strays(visits, curve, people, measured_from_s))
        return drawn[0]
    return drawn[-1]


class Online:
    """How many are online, if everybody leaves when their time is over."""

    def __init__(self, visits: Sequence[Visit]) -> None:
        self._begun = np.sort([visit.at_s for visit in visits])
        self._ended = np.sort([visit.ends_s for visit in visits])

    def at(self, at_s: float | NDArray[np.float64]) -> Any:
        """At that time, or those times: a number, or an array of its shape."""
        return np.searchsorted(self._begun, at_s, "right") - np.searchsorted(self._ended, at_s, "right")


def poisson(
    rate_per_s: Callable[[float], float], rate_max_per_s: float, until_s: float, rng: random.Random
) -> Iterator[float]:
    """Arrivals of an inhomogeneous Poisson process in [0, until), by thinning (Lewis & Shedler 1979)."""
    at_s = 0.0
    while (at_s := at_s + rng.expovariate(rate_max_per_s)) < until_s:
        if rng.random() * rate_max_per_s < rate_per_s(at_s):
            yield at_s


def _drawn(curve: Curve, people: int, lengths: Lengths, rng: random.Random) -> list[Visit]:
    visits = list(_found(curve, people, lengths, rng))
    end_s, peak = curve.points[-1][0], people / lengths.mean_s
    for at_s in poisson(lambda at_s: peak * curve.share(at_s), peak, end_s, rng):
        visits.append(Visit(at_s, lengths.new()))
    visits = _sent_home(curve, people, visits, rng)
    return sorted(visits, key=lambda visit: visit.at_s)


def _found(curve: Curve, people: int, lengths: Lengths, rng: random.Random) -> Iterator[Visit]:
    """Those who are somewhere in their session when the load rises."""
    come, rest = 0, 0.0
    for from_s, to_s, change in _changes(curve, people):
        if change > 0:
            rest += change
            number = round(rest) - come
            come += number
            for place in range(number):
                yield Visit(from_s + (to_s - from_s) * (place + rng.random()) / number, *lengths.under_way())


def _sent_home(curve: Curve, people: int, visits: list[Visit], rng: random.Random) -> list[Visit]:
    """When the load falls, a share of those who are online leaves early."""
    for from_s, to_s, change in _changes(curve, people):
        if change < 0:
            left = people * curve.share(from_s - 1e-9) if from_s == to_s else people * curve.share(from_s)
            stays = 1 + change / left
            for place, visit in enumerate(visits):
                leaves_s = from_s + (to_s - from_s) * rng.random()
                if visit.at_s < leaves_s < visit.ends_s and rng.random() >= stays:
                    visits[place] = Visit(visit.at_s, visit.elapsed_s + leaves_s - visit.at_s, visit.elapsed_s)
    return visits


def _changes(curve: Curve, people: int) -> Iterator[tuple[float, float, float]]:
    """(from, to, change in people) of every rise and fall."""
    for (from_s, low), (to_s, high) in zip(curve.points, curve.points[1:], strict=False):
        if low != high:
            yield from_s, to_s, people * (high - low)


def _strays(visits: Sequence[Visit], curve: Curve, people: int, measured_from_s: float) -> float:
    """How far the medians of the holds are from what is asked for, in people; 0 when all keep to it."""
    strays, online = 0.0, Online(visits)
    for began_s, to_s, share in curve.holds():
        asked, from_s = people * share, max(began_s, measured_from_s)
        if from_s >= to_s:
            continue
        median = float(np.median(online.at(np.arange(from_s, to_s, max(0.5, (to_s - from_s) / 200)))))
        strays += max(0.0, np.floor(asked) - median, median - max(asked * (1 + ABOVE_MAX), asked + 1))
    return strays
