"""Tags survive the log; histograms keep three digits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.record.histograms import (
    HIGHEST_US,
    clamped_us,
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
        found.record_value(clamped_us(value))
    assert percentile_ms(found, 100) == pytest.approx(max(values_ms), rel=1.1e-3, abs=1e-3)


@given(st.floats(0, 1e12))
def test_whatever_comes_fits_the_histogram(value_ms: float) -> None:
    assert 1 <= clamped_us(value_ms) <= HIGHEST_US


@pytest.mark.parametrize(("percentile", "samples"), [(50, 2), (90, 10), (95, 20), (99, 100), (99.9, 1000)])
def test_a_percentile_needs_a_sample_beyond_it(percentile: float, samples: int) -> None:
    assert samples_needed(percentile) == samples
