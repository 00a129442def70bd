"""Intervals of what one run measured: of a percentile, of a share. Neighbouring windows are not independent.

A slow moment makes slow neighbours, so 10,000 requests tell less than 10,000 independent ones. How much less is the
design effect: the variance of the count beyond a value as the windows show it, over the variance that independent
requests would have. Divided by it, the number of samples becomes an effective one, for which the exact binomial
interval holds (Korn and Graubard 1998, Survey Methodology 24:193-201). A percentile gets its interval from the ranks
that this allows (Woodruff 1952, JASA 47:635-646). Nothing is assumed of the shape of the latencies.
"""

from dataclasses import dataclass
from math import ceil, inf, log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, binom, norm, t

from loadtests.record import Windows


@dataclass(frozen=True)
class Interval:
    """[low, high] in the unit of the value; `high` is infinite when the samples do not reach that far."""

    low: float
    high: float

    def widened(self, factor: float, value: float) -> "Interval":
        """At least `value` / factor to `value` x factor."""
        return Interval(min(self.low, value / factor), max(self.high, value * factor))


def percentile_interval(windows: Windows, percentile: float, confidence: float) -> Interval:
    """Of the percentile (ms) of all windows together. There must be a success."""
    beyond = windows.counts[:, windows.values_ms > windows.percentile_ms(percentile)].sum(axis=1)
    effective = effective_samples(beyond, windows.successes, 1 - percentile / 100, confidence)
    trials, share, tail = int(effective), percentile / 100, (1 - confidence) / 2
    # Of `trials` independent samples, how many lie at or below the true percentile? Those ranks are the interval.
    low_rank = int(binom.ppf(tail, trials, share))
    high_rank = int(binom.ppf(1 - tail, trials, share)) + 1
    low = windows.percentile_ms(100 * low_rank / trials) if low_rank >= 1 else 0.0
    return Interval(low, windows.percentile_ms(100 * high_rank / trials) if high_rank <= trials else inf)


def share_interval(hits: NDArray[np.int64], of: NDArray[np.int64], confidence: float) -> Interval:
    """Of the share of hits, from the hits and the trials of each window. There must be a trial."""
    total = int(of.sum())
    share = int(hits.sum()) / total
    effective = effective_samples(hits, of, share, confidence) if 0 < share < 1 else float(total)
    tail, hit, missed = (1 - confidence) / 2, share * effective, (1 - share) * effective
    low = float(beta.ppf(tail, hit, missed + 1)) if hit else 0.0
    return Interval(low, float(beta.ppf(1 - tail, hit + 1, missed)) if missed else 1.0)


def samples_for_certainty(percentile: float, confidence: float) -> int:
    """Fewer independent samples than this never put an upper bound on the percentile: 72 for p95 at 95 %."""
    return ceil(log((1 - confidence) / 2) / log(percentile / 100))


def effective_samples(hits: NDArray[np.int64], of: NDArray[np.int64], share: float, confidence: float) -> float:
    """To how many independent samples these windows amount, at least one and at most all of them.

    `hits` (T,) of `of` (T,) samples a window lie beyond the value; `share` of them are expected to. The variance of
    the sum is the larger of two estimates: overlapping batch means of sqrt(T) windows (Meketon and Schmeiser 1984,
    WSC:227-230), which see any correlation but of slow ones only a part, and a first-order autoregression with
    Kendall's correction for its bias (1954, Biometrika 41:403-404). That it is an estimate itself, from few batches,
    is paid for with Student's quantile instead of the normal one.
    """
    count, total = len(of), float(of.sum())
    length = max(1, round(sqrt(count)))
    if count < 2 * length or count < 4:
        return min(total, max(1.0, count))  # too few windows to tell: each counts as one sample
    excess = hits - share * of
    sums = np.convolve(excess, np.ones(length), "valid")
    spread = float(((sums - length * excess.mean()) ** 2).sum())
    variance = count / ((count - length + 1) * (count - length)) * spread * count / length
    variance = max(variance, _autoregressive_variance(excess - excess.mean()))
    design_effect = max(1.0, variance / (total * share * (1 - share)))
    freedom = 1.5 * count / length  # of overlapping batches
    tail = (1 - confidence) / 2
    return max(1.0, total / design_effect * float(norm.ppf(tail) / t.ppf(tail, freedom)) ** 2)


def _autoregressive_variance(centred: NDArray[np.float64]) -> float:
    """The variance of the sum of a series in which each value resembles the one before."""
    count, squares = len(centred), float((centred**2).sum())
    if not squares:
        return 0.0
    correlation = float((centred[1:] * centred[:-1]).sum()) / squares
    if correlation <= 0:
        return squares
    correlation = min(_CORRELATION_MAX, correlation + (1 + 3 * correlation) / count)
    return squares * (1 + correlation) / (1 - correlation)


_CORRELATION_MAX = 0.95  # beyond it a run is one long moment, and no formula helps
