"""What changes with the load, in a straight line: demands on a fuller machine, memory with more sockets."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from capacity.calibration.file import Curve
from capacity.calibration.observations import Floats

# Of several stations one will seem to have a curve by chance, unless it takes a rare chance.
_CHANCE = 0.01
_SPREAD_MIN = 0.2  # of the most sockets


def demand_curve(utilisation: Floats, cost: Floats, weights: Floats) -> Curve:
    """Of S stretches the machine's busy share, what a station's work cost beside what was expected, and how well that
    is known: demand over utilisation (Kattepur & Nambiar 2015 interpolate it so). Level where the slope may be
    chance."""
    low, high = float(utilisation.min()), float(utilisation.max())
    slope, mean = _line(utilisation, cost, weights)
    if not slope:
        return Curve(utilisation=(low, high), factor=(1.0, 1.0))
    middle = float(np.average(utilisation, weights=weights))
    factors = np.maximum(0.1, mean + slope * (np.array([low, high]) - middle))
    return Curve(utilisation=(low, high), factor=(float(factors[0]), float(factors[1])))


def memory_a_socket_mb(sockets: Floats, memory_mb: Floats, block: NDArray[np.int64]) -> float:
    """Of W windows' sockets and memory: what each more adds, over stretches, for memory of one second is that of the
    next. 0 where it may be chance, or the number of sockets hardly changed."""
    blocks = [block == number for number in np.unique(block)]
    open_, used = (np.array([values[own].mean() for own in blocks]) for values in (sockets, memory_mb))
    if np.ptp(open_) < _SPREAD_MIN * open_.max():
        return 0.0
    return max(0.0, _line(open_, used, np.ones(len(blocks)))[0])


def _line(x: Floats, y: Floats, weights: Floats) -> tuple[float, float]:
    """Slope and mean of y by weighted least squares; the slope is 0 unless it is no chance (t test of a regression's
    slope, Draper & Smith 1998, section 1.4)."""
    freedom = len(x) - 2
    if freedom < 1 or weights.sum() <= 0:
        return 0.0, 0.0
    shares = weights / weights.sum()
    middle, mean = float(shares @ x), float(shares @ y)
    spread = float(shares @ (x - middle) ** 2)
    if spread <= 0:
        return 0.0, mean
    slope = float(shares @ ((x - middle) * (y - mean))) / spread
    left = float(shares @ (y - mean - slope * (x - middle)) ** 2)
    error = np.sqrt(left / freedom / spread)
    return (slope if abs(slope) > error * t.isf(_CHANCE / 2, freedom) else 0.0), mean
