"""Latency histograms: HdrHistogram, microseconds, three digits; and the tags under which a log keeps them."""

from functools import lru_cache
from math import ceil
from urllib.parse import quote, unquote

import numpy as np
from hdrh.histogram import HdrHistogram

LOWEST_US = 1
HIGHEST_US = 120_000_000  # two minutes: twice the longest time-out
DIGITS = 3
# Three digits need 2,048 values a bucket: below that each microsecond has its own, above eleven bits are kept.
_BITS = 11
_EXACT_BELOW_US = 1 << _BITS
_FAILED = "FAILED:"
# HdrHistogram logs allow no comma, blank or line break in a tag; the rest stays readable.
_SAFE = "/{}:()[]*?=&@!$'+;._-~"


def histogram() -> HdrHistogram:
    return HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)


class Counts:
    """A histogram in the making: the same buckets as `histogram()`, counted in a third of the time.

    HdrHistogram's Python version takes 1 us to find a value's bucket. Within three digits of a power of two that is
    a shift, and what was counted is told to it once a second.
    """

    __slots__ = ("_by_value", "highest_us", "total")

    def __init__(self) -> None:
        self._by_value: dict[int, int] = {}  # by the lowest value of each bucket
        self.highest_us = self.total = 0

    def add(self, latency_ms: float) -> None:
        """A latency; beyond the range it counts as the range's end."""
        value = int(latency_ms * 1000 + 0.5)
        if value < LOWEST_US:
            value = LOWEST_US
        elif value > HIGHEST_US:
            value = HIGHEST_US
        if value > self.highest_us:
            self.highest_us = value
        self.total += 1
        if value >= _EXACT_BELOW_US:
            shift = value.bit_length() - _BITS
            value = value >> shift << shift
        self._by_value[value] = self._by_value.get(value, 0) + 1

    def encoded(self) -> bytes:
        """As HdrHistogram itself encodes the same samples, bit for bit."""
        found = histogram()
        for value, count in self._by_value.items():
            found.record_value(value, count)
        result: bytes = found.encode()
        return result


@lru_cache(maxsize=4096)  # quoting costs more than counting
def tag_of(name: str, failed: bool) -> str:
    """The tag of a sample: `name` is "TYPE name" as in "GET /discovery"."""
    kind, _, rest = name.partition(" ")
    return f"{_FAILED if failed else ''}{quote(kind, safe=_SAFE)}:{quote(rest, safe=_SAFE)}"


@lru_cache(maxsize=4096)
def name_of(tag: str) -> tuple[str, bool]:
    """The inverse of `tag_of`: (name, failed)."""
    failed = tag.startswith(_FAILED)
    kind, _, rest = tag.removeprefix(_FAILED).partition(":")
    return f"{unquote(kind)} {unquote(rest)}", failed


def samples_needed(percentile: float) -> int:
    """With fewer than this many, the percentile lies beyond the slowest one: 20 for p95, 100 for p99."""
    return ceil(1 / (1 - percentile / 100) - 1e-9)


def percentile_ms(histogram_us: HdrHistogram, percentile: float) -> float:
    """Milliseconds at or below which `percentile` % of the values lie. The histogram must not be empty."""
    # HdrHistogram's own way in one step: its loop over 18,000 counts takes ten times as long.
    counts = np.frombuffer(histogram_us.counts, dtype=f"i{histogram_us.word_size}")
    # Nearest rank, as HdrHistogram itself has it today; its Python version still rounds the rank.
    wanted = max(1, ceil(percentile / 100 * histogram_us.get_total_count() - 1e-9))
    value = histogram_us.get_value_from_index(int(np.searchsorted(np.cumsum(counts), wanted)))
    return float(histogram_us.get_highest_equivalent_value(value)) / 1000
