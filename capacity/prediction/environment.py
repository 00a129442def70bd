"""How fast the machine will be: shared cores are faster in one minute than in the next, and runs differ by it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from capacity.calibration.file import Calibration


def speeds(calibration: Calibration, windows: int, rng: np.random.Generator) -> tuple[float, ...]:
    """A run's speed in each window, drawn from the calibration's windows: what requests cost beside what was expected.

    What all windows of a stretch had in common is drawn once a run, what was a window's own in pieces as they followed
    each other (a block bootstrap: Künsch 1989), since a slow second is followed by another.
    """
    costs = [np.array(stretch.cost) for stretch in calibration.stretches]
    common = float(np.mean(costs[rng.integers(len(costs))]))
    return tuple(float(1 / (common * cost)) for cost in _path(costs, windows, rng))


def _path(costs: Sequence[NDArray[np.float64]], windows: int, rng: np.random.Generator) -> list[float]:
    found: list[float] = []
    while len(found) < windows:
        piece = costs[int(rng.integers(len(costs)))]
        found += list(piece / piece.mean())
    return found[:windows]
