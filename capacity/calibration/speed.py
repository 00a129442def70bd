"""How much dearer everything gets when the machine is slower, as the reference work tells it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from capacity.calibration import regression
from capacity.calibration.observations import Floats, Observations
from capacity.calibration.regression import Resource

_STEPS = 11  # of the elasticity, 0 to 1


def slowness(seen: Observations) -> Floats:
    """(W,): CPU of the reference work in a window's stretch beside that of the median window; 1 where it is unknown.

    Of a stretch, for a second's reference work is noisy, and what it says of five seconds is mostly noise.
    """
    known = seen.speed_ms
    if np.isnan(known).any() or not (known > 0).all():
        return np.ones(len(known))
    blocks, where = np.unique(seen.block, return_inverse=True)
    means = np.array([known[seen.block == block].mean() for block in blocks])
    return np.asarray(means[where] / np.median(known), np.float64)


def elasticity(stations: Sequence[Resource], block: NDArray[np.int64], slow: Floats) -> float:
    """By how many per cent a request costs more where the reference work takes one per cent more, from 0 to 1.

    Whichever leaves the least of all stations' use unexplained: it is between the two, for the reference work fits
    into the caches, and what servers do does not (docs/decisions/0029).
    """
    if np.ptp(slow) == 0:
        return 0.0
    where = np.unique(block, return_inverse=True)[1]
    priors = [regression.likely(station, where) for station in stations]
    allowed = [regression.needed(station, prior) for station, prior in zip(stations, priors, strict=True)]

    def unexplained(power: float) -> float:
        used, expected = np.zeros(len(slow)), np.zeros(len(slow))
        for station, prior, may in zip(stations, priors, allowed, strict=True):
            steady = replace(station, used=station.used / slow**power)
            found = regression.solved(steady, may, prior)
            used += steady.used
            expected += station.counts @ found[:-1] + found[-1]
        return float(((used / expected - 1) ** 2).sum())

    return float(min(np.linspace(0, 1, _STEPS), key=unexplained))
