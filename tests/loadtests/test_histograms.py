"""Tags survive the log; histograms keep three digits."""

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.record.histograms import (
    HIGHEST_US,
    LOWEST_US,
    Counts,
    histogram,
    name_of,
    percentile_ms,
    samples_needed,
    tag_of,
)


@given(st.from_regex(r"[A-Z]{1,8}", fullmatch=True), st.text(min_size=1), st.booleans())
def test_a_tag_gives_its_name_back_and_fits_a_log_line(kind: str, rest: str, failed: bool) -> None:
    tag = tag_of(f"{kind} {rest}", failed)
    assert name_of(tag) == (f"{kind} {rest}", failed)
    assert not set(tag) & set(", \r\n\t")
    assert tag.isascii()


def test_tags_of_routes_stay_readable() -> None:
    assert tag_of("GET /matches/{id}/messages", failed=False) == "GET:/matches/{id}/messages"
    assert tag_of("WS message delivery", failed=True) == "FAILED:WS:message%20delivery"


@given(st.lists(st.floats(0.001, 100_000), min_size=1, max_size=200))
def test_a_percentile_is_within_a_thousandth(values_ms: list[float]) -> None:
    found = histogram()
    for value in values_ms:
        found.record_value(round(value * 1000))
    assert percentile_ms(found, 100) == pytest.approx(max(values_ms), rel=1.1e-3, abs=1e-3)


@given(st.lists(st.one_of(st.floats(0, 3), st.floats(0, 1e12)), min_size=1, max_size=200))
def test_counts_are_the_histogram_of_the_same_samples_bit_for_bit(values_ms: list[float]) -> None:
    counts, direct = Counts(), histogram()
    for value in values_ms:
        counts.add(value)
        direct.record_value(min(max(int(value * 1000 + 0.5), LOWEST_US), HIGHEST_US))
    assert counts.encoded() == direct.encode()
    assert counts.total == len(values_ms)
    assert direct.values_are_equivalent(counts.highest_us, direct.get_max_value())


@given(st.lists(st.integers(LOWEST_US, HIGHEST_US), min_size=1, max_size=300), st.sampled_from([50, 90, 95, 99, 100]))
def test_a_percentile_is_the_value_of_the_nearest_rank(values_us: list[int], percentile: float) -> None:
    found = histogram()
    for value in values_us:
        found.record_value(value)
    rank = max(1, ceil(percentile / 100 * len(values_us)))
    true_us = sorted(values_us)[rank - 1]
    assert found.values_are_equivalent(round(percentile_ms(found, percentile) * 1000), true_us)


@pytest.mark.parametrize(("percentile", "samples"), [(50, 2), (90, 10), (95, 20), (99, 100), (99.9, 1000)])
def test_a_percentile_needs_a_sample_beyond_it(percentile: float, samples: int) -> None:
    assert samples_needed(percentile) == samples
