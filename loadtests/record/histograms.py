"""Latency histograms: HdrHistogram, microseconds, three digits; and the tags under which a log keeps them."""

from functools import lru_cache
from math import ceil
from urllib.parse import quote, unquote

import numpy as np
from hdrh.histogram import HdrHistogram

LOWEST_US = 1
HIGHEST_US = 120_000_000  # two minutes: twice the longest time-out
DIGITS = 3
_FAILED = "FAILED:"
# HdrHistogram logs allow no comma, blank or line break in a tag; the rest stays readable.
_SAFE = "/{}:()[]*?=&@!$'+;._-~"


def histogram() -> HdrHistogram:
    return HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)


def clamped_us(latency_ms: float) -> int:
    """A latency as a histogram takes it; beyond the range it counts as the range's end."""
    return min(max(round(latency_ms * 1000), LOWEST_US), HIGHEST_US)


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
