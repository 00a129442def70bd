"""Demand that depends on how full the machine is, kept as a curve (Kattepur & Nambiar 2015 interpolate it so)."""

import numpy as np
from scipy.stats import t

from capacity.calibration.file import Curve
from capacity.calibration.observations import Floats

# Of several stations one will seem to have a curve by chance, unless it takes a rare chance.
_CHANCE = 0.01


def demand_curve(utilisation: Floats, cost: Floats, weights: Floats) -> Curve:
    """Of S stretches the machine's busy share, what a station's work cost beside what was expected, and how well that
    is known. A straight line, if its slope is no chance (t test); else level."""
    low, high = float(utilisation.min()), float(utilisation.max())
    level = Curve(utilisation=(low, high), factor=(1.0, 1.0))
    freedom = len(cost) - 2
    if freedom < 1 or high <= low:
        return level
    shares = weights / weights.sum()
    middle, mean = float(shares @ utilisation), float(shares @ cost)
    spread = float(shares @ (utilisation - middle) ** 2)
    slope = float(shares @ ((utilisation - middle) * (cost - mean))) / spread
    left = float(shares @ (cost - mean - slope * (utilisation - middle)) ** 2)
    error = np.sqrt(left / freedom / spread)
    if abs(slope) <= error * t.isf(_CHANCE / 2, freedom):
        return level
    factors = np.maximum(0.1, mean + slope * (np.array([low, high]) - middle))
    return Curve(utilisation=(low, high), factor=(float(factors[0]), float(factors[1])))
