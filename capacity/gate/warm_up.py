"""Where a run's warm-up ends, by rule: MSER-5.

Of all places to cut, the one that leaves the mean of the rest known best (White 1997, Simulation 69:323-334; batches
of five as in White, Cobb and Spratt 2000, WSC:755-760). Each second counts by its median, and five seconds by the
median of theirs: a warm-up lasts, a stall of two seconds does not move such a median, and is measured. Only what was
clearly slower than the rest may go: the last two of the batches often resemble each other by chance.
"""

import numpy as np
from numpy.typing import NDArray

BATCH = 5
# With fewer batches the best place to cut is chance; the scenario's warm_up_s must do.
BATCHES_MIN = 8
# What is cut must have been worse than the rest by this: medians of five seconds vary by a tenth and more.
WORSE_BY = 1.25


def warm_up_windows(medians_ms: NDArray[np.float64]) -> int | None:
    """How many of these windows (each by its median; NaN: nothing succeeded) belong to the warm-up.

    None when the run never became steady: the best place to cut lies in its second half.
    """
    batches = len(medians_ms) // BATCH
    if batches < BATCHES_MIN:
        return 0
    grouped = medians_ms[: batches * BATCH].reshape(batches, BATCH)
    known = ~np.isnan(grouped).all(axis=1)
    values = np.nanmedian(grouped[known], axis=1)
    if len(values) < BATCHES_MIN:
        return 0
    places = range(1, len(values) - 1)
    slower = [cut for cut in places if np.median(values[:cut]) >= WORSE_BY * np.median(values[cut:])]
    # Rounded: of equally good places the first, whatever the last bit of a sum says.
    cut = min((0, *slower), key=lambda cut: round(float(values[cut:].var()) / (len(values) - cut), 6))
    if cut > len(values) // 2:
        return None
    return int(np.flatnonzero(known)[cut]) * BATCH if cut else 0
