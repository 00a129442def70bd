"""How fast the machine will be: shared cores are faster in one minute than in the next, and runs differ by it."""

from collections.abc import Callable, Sequence
from functools import cache
from math import sqrt
from statistics import mean, stdev

import numpy as np
from scipy.stats import t

from capacity.calibration.demands import ServiceDemands
from capacity.calibration.file import Calibration, Stretch
from capacity.calibration.observations import Floats
from capacity.calibration.regression import enlarged
from capacity.queueing.network import Moments

_USUAL_MIN = 3
_CHEAPEST = 0.5  # of what was expected


def speeds(
    calibration: Calibration,
    demands: ServiceDemands,
    windows: int,
    rng: np.random.Generator,
    place: float,
    slowness: float | None = None,
) -> tuple[float, ...]:
    """A run's speed in each window, drawn from what was calibrated: what requests cost beside what was expected.

    What all windows of a stretch had in common is drawn once a run: the machine's speed, of any stretch unless it is
    given as `slowness`, and what a run costs beside that: dear or cheap by `place` in its law, 0 to 1. What was a
    window's own comes in pieces as they followed each other (a block bootstrap: Künsch 1989), since a slow second is
    followed by another.
    """
    usual, power = _usual(calibration.stretches), calibration.speed_elasticity
    slow = [stretch.slowness for stretch in calibration.stretches]
    drawn = slow[rng.integers(len(slow))]
    dear = mean(_apart(usual, power)) + _spread(calibration) * float(t.ppf(place, max(1, len(slow) - 1)))
    common = (drawn if slowness is None else slowness) ** power * max(_CHEAPEST, dear)
    work = cache(lambda action: demands.flow(action).work)  # the same in all stretches
    paths = [_path(stretch, demands, work, calibration.window_s) for stretch in usual]
    return tuple(float(1 / (common * cost)) for cost in _drawn(paths, windows, rng))


def _apart(stretches: Sequence[Stretch], power: float) -> list[float]:
    """What stretches cost beside what was expected, the machine's speed apart."""
    return [mean(stretch.cost) / stretch.slowness**power for stretch in stretches]


def _spread(calibration: Calibration) -> float:
    """By how much stretches differ in it, by no counter of the machine: what one more of them may cost (the prediction
    interval of Student's t: Draper & Smith 1998, section 3.1), and what the fit took up of it."""
    found = _apart(calibration.stretches, calibration.speed_elasticity)
    if len(found) < 2:
        return 0.0
    return stdev(found) * sqrt(1 + 1 / len(found)) * enlarged(len(found), len(calibration.actions))


def _usual(stretches: Sequence[Stretch]) -> Sequence[Stretch]:
    """Without those of odd habits, where there are enough others: how well a demand of one request is known is another
    thing than how fast the machine is."""
    usual = [stretch for stretch in stretches if not stretch.mix]
    return usual if len(usual) >= _USUAL_MIN else stretches


def _path(stretch: Stretch, demands: ServiceDemands, work: Callable[[str], Moments], window_s: float) -> Floats:
    """(W,): what work cost in each window beside the stretch's mean, by the machine's speed alone.

    A window's requests are dear or cheap by chance, too, which a simulated run has from its own requests: that part of
    the variance is taken off. Of so many requests, each drawn apart, it is their number times that of one (Bienayme
    1853).
    """
    cost = np.array(stretch.cost) / mean(stretch.cost)
    if len(cost) < 2:
        return np.ones(len(cost))
    seconds, variance = 0.0, 0.0
    for action, rate in demands.mix(stretch.rates).items():
        count, each = rate * stretch.people * window_s, work(action)
        seconds += count * each.mean_s
        variance += count * each.variance_s2
    seconds += window_s * sum(demands.background_cores(stretch.rates, stretch.people).values())
    chance, seen = variance / seconds**2 if seconds else 0.0, float(cost.var(ddof=1))
    left = max(0.0, 1 - chance / seen) if seen else 0.0
    return np.asarray(1 + (cost - 1) * np.sqrt(left), np.float64)


def _drawn(paths: Sequence[Floats], windows: int, rng: np.random.Generator) -> list[float]:
    found: list[float] = []
    while len(found) < windows:
        found += list(paths[int(rng.integers(len(paths)))])
    return found[:windows]
