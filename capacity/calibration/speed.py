"""How much dearer everything gets when the machine is slower, as the reference work tells it."""

import numpy as np

from capacity.calibration.observations import Floats, Observations

# By how many per cent a request costs more where the reference work takes one per cent more. The reference work fits
# into the caches, and what servers do does not. Over 24 steps of three verifications 0.66 +- 0.14, 1.1 +- 0.35 and
# 1.1 +- 0.57; from a calibration's own stretches, whose mixes differ, it cannot be told (docs/decisions/0034).
SPEED_ELASTICITY = 0.7


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
