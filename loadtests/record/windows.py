"""Latencies window by window as arrays, for those who judge a run: what intervals are computed from."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

from loadtests.record.histograms import histogram
from loadtests.record.run_file import RecordError

_CELLS_MAX = 250_000_000  # 2 GB; a day of phase 3 is half of that


@dataclass(frozen=True)
class Sparse:
    """One second's histogram of one name: the places of its buckets that are not empty, and their counts."""

    second: int
    places: NDArray[np.int64]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, second: int, values_us: HdrHistogram) -> "Sparse":
        counts = np.frombuffer(values_us.counts, dtype=f"i{values_us.word_size}")
        places = np.flatnonzero(counts)
        return cls(second, places, counts[places].astype(np.int64))


@dataclass(frozen=True)
class Windows:
    """What happened in T neighbouring windows of a second.

    `values_ms` (V,): the latencies that occurred, ascending; `counts` (T, V): how often, successes only;
    `failed` (T,): failures, which have no latency.
    """

    start: int  # the first window, seconds since the epoch
    values_ms: NDArray[np.float64]
    counts: NDArray[np.int64]
    failed: NDArray[np.int64]

    @property
    def successes(self) -> NDArray[np.int64]:
        """(T,): successes of each window."""
        found: NDArray[np.int64] = self.counts.sum(axis=1)
        return found

    def between(self, start: int, end: int) -> "Windows":
        """The windows of the seconds [start, end), as far as they are here."""
        first, last = max(0, start - self.start), max(0, end - self.start)
        return Windows(self.start + first, self.values_ms, self.counts[first:last], self.failed[first:last])

    def percentile_ms(self, percentile: float) -> float:
        """Of all windows together, by nearest rank. There must be a success."""
        totals = self.counts.sum(axis=0).cumsum()
        wanted = max(1, ceil(percentile / 100 * int(totals[-1]) - 1e-9))
        return float(self.values_ms[int(np.searchsorted(totals, wanted))])

    def medians_ms(self) -> NDArray[np.float64]:
        """(T,): each window's median; NaN where nothing succeeded."""
        medians = np.full(len(self.counts), np.nan)
        for number, counts in enumerate(self.counts):
            if total := int(counts.sum()):
                medians[number] = self.values_ms[int(np.searchsorted(counts.cumsum(), -(-total // 2)))]
        return medians


def windows(ok: Iterable[Sparse], failed: Iterable[Sparse], start: int, end: int) -> Windows:
    """The windows of the seconds [start, end) from the histograms of successes and failures."""
    inside = [sparse for sparse in ok if start <= sparse.second < end]
    places = np.unique(np.concatenate([sparse.places for sparse in inside])) if inside else np.array([], np.int64)
    if (end - start) * len(places) > _CELLS_MAX:
        raise RecordError(f"The run is too long to be judged second by second: {(end - start) / 3600:,.0f} hours.")
    counts = np.zeros((max(0, end - start), len(places)), np.int64)
    for sparse in inside:
        counts[sparse.second - start, np.searchsorted(places, sparse.places)] += sparse.counts
    failures = np.zeros(len(counts), np.int64)
    for sparse in failed:
        if start <= sparse.second < end:
            failures[sparse.second - start] += sparse.counts.sum()
    return Windows(start, _values_ms(places), counts, failures)


def _values_ms(places: NDArray[np.int64]) -> NDArray[np.float64]:
    empty = histogram()
    values = [empty.get_highest_equivalent_value(empty.get_value_from_index(int(place))) for place in places]
    return np.array(values, float) / 1000
