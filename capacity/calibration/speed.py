"""How much dearer everything gets when the machine is slower, as the reference work tells it."""

import numpy as np

from capacity.calibration.observations import Floats, Observations

# By how many per cent a request costs more where the reference work takes one per cent more. The reference work fits
# into the caches, and what servers do does not. Over 24 steps of three verifications 0.66 +- 0.14, 1.1 +- 0.35 and
# 1.1 +- 0.57; from a calibration's own stretches, whose mixes differ, it cannot be told (docs/decisions/0034).
SPEED_ELASTICITY = 0.7


def reference_work_cpu_ms(seen: Observations) -> float | None:
    """Of the median window; None where nobody measured it."""
    known = seen.speed_ms[seen.speed_ms > 0]
    return float(np.median(known)) if len(known) else None


def slowness(seen: Observations) -> Floats:
    """(W,): CPU of the reference work in a window's stretch beside that of the median window; 1 where it is unknown.

    Of a stretch, for a second's reference work is noisy, and what it says of five seconds is mostly noise.
    """
    found, median_ms = np.ones(len(seen.block)), reference_work_cpu_ms(seen)
    for block in np.unique(seen.block):
        own = seen.block == block
        known = seen.speed_ms[own & (seen.speed_ms > 0)]
        if median_ms and len(known):
            found[own] = known.mean() / median_ms
    return found
