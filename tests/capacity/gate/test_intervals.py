"""Intervals hold what they promise, for independent and for neighbouring windows that go together."""

from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from capacity.gate.intervals import (
    Interval,
    effective_samples,
    percentile_interval,
    samples_for_certainty,
    share_interval,
)
from loadtests.record import Windows

CONFIDENCE = 0.95
TRUE_P95 = float(np.exp(1.6448536269514722))  # of the log-normal law with mu 0 and sigma 1


def windows(latencies_ms: NDArray[np.float64]) -> Windows:
    """(T, n) latencies as T windows, with their exact values."""
    values, places = np.unique(latencies_ms, return_inverse=True)
    counts = np.zeros((len(latencies_ms), len(values)), np.int64)
    for row, columns in zip(counts, places.reshape(latencies_ms.shape), strict=True):
        np.add.at(row, columns, 1)
    return Windows(0, values, counts, np.zeros(len(counts), np.int64))


def covered(level_of_a_window: float, repeats: int = 300, independent: bool = False) -> float:
    """How often the interval of p95 holds the true one. Levels of windows follow each other (AR(1), 0.8).

    `independent`: by the formula that takes every sample for an independent one.
    """
    rng = np.random.default_rng(7)
    hits = 0
    for _ in range(repeats):
        level = np.zeros(60)
        for i in range(1, 60):
            level[i] = 0.8 * level[i - 1] + rng.normal(0, 0.6)
        own = np.sqrt(1 - level_of_a_window**2)
        latencies = np.exp(level_of_a_window * level[:, None] + own * rng.normal(0, 1, (60, 40)))
        if independent:
            low, high = np.sort(latencies.ravel())[
                [round(2400 * 0.95 + z * np.sqrt(2400 * 0.95 * 0.05)) for z in (-2, 2)]
            ]
        else:
            interval = percentile_interval(windows(latencies), 95, CONFIDENCE)
            low, high = interval.low, interval.high
        hits += bool(low <= TRUE_P95 <= high)
    return hits / repeats


def test_independent_samples_are_covered_as_often_as_promised() -> None:
    assert 0.93 <= covered(0.0) <= 1.0


def test_neighbours_that_go_together_are_covered_too() -> None:
    # Half of the variance is the window's, and windows resemble each other by 0.8: as bad as 60 s can be.
    assert covered(0.7) >= 0.88
    assert covered(0.7, independent=True) < 0.5


def test_slow_moments_in_a_row_are_few_observations() -> None:
    rng = np.random.default_rng(7)
    level = np.repeat(rng.normal(0, 1, 6), 10)  # ten seconds at a time are slow together
    slow = windows(np.exp(0.7 * level[:, None] + 0.7 * rng.normal(0, 1, (60, 40))))
    beyond = slow.counts[:, slow.values_ms > slow.percentile_ms(95)].sum(axis=1)
    assert effective_samples(beyond, slow.successes, 0.05, CONFIDENCE) < 2400 / 5


@pytest.mark.parametrize(("percentile", "needed"), [(50, 6), (95, 72), (99, 368)])
def test_how_many_samples_give_an_upper_bound(percentile: float, needed: int) -> None:
    # 1 - 0.95^72 is 97.5 %: only then is the slowest of 72 surely beyond p95.
    assert samples_for_certainty(percentile, CONFIDENCE) == needed


def test_too_few_samples_have_no_upper_bound() -> None:
    few = windows(np.arange(1.0, 72.0).reshape(71, 1))
    assert percentile_interval(few, 95, CONFIDENCE).high == inf


@pytest.mark.parametrize(("hits", "of", "low", "high"), [(0, 369, 0.0, 0.00995), (10, 10, 0.6915, 1.0)])
def test_none_and_all_have_clopper_and_pearsons_interval(hits: int, of: int, low: float, high: float) -> None:
    found = share_interval(np.array([hits]), np.array([of]), CONFIDENCE)
    assert found.low == pytest.approx(low, abs=1e-4)
    assert found.high == pytest.approx(high, abs=1e-4)


@pytest.mark.parametrize("windows", [1, 2, 3])
def test_so_few_windows_count_as_one_sample_each(windows: int) -> None:
    # All failures may have come in one moment.
    found = share_interval(np.array([80, 0, 0][:windows]), np.full(windows, 5000), CONFIDENCE)
    assert found.low < 0.001
    assert found.high > 0.7


def test_one_failure_in_4000_is_surely_less_than_a_percent() -> None:
    failed = np.array([1, *[0] * 79])
    assert share_interval(failed, np.full(80, 50), CONFIDENCE).high < 0.005


def test_failures_that_come_together_tell_less_than_scattered_ones() -> None:
    together, scattered = np.array([*[0] * 50, *[10] * 10]), np.array([*[2] * 50, *[0] * 10])
    of = np.full(60, 50)
    assert share_interval(together, of, CONFIDENCE).high > share_interval(scattered, of, CONFIDENCE).high


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 50)), min_size=1, max_size=80))
def test_a_share_lies_inside_its_interval(rows: list[tuple[int, int]]) -> None:
    of = np.array([n for _, n in rows])
    hits = np.minimum(np.array([h for h, _ in rows]), of)
    found = share_interval(hits, of, CONFIDENCE)
    assert 0 <= found.low <= hits.sum() / of.sum() + 1e-12
    assert hits.sum() / of.sum() - 1e-12 <= found.high <= 1


@given(st.lists(st.integers(1, 1000), min_size=80, max_size=400))
def test_a_percentile_lies_inside_its_interval(latencies_ms: list[int]) -> None:
    found = windows(np.array(latencies_ms, float)[:, None])
    interval = percentile_interval(found, 95, CONFIDENCE)
    assert interval.low <= found.percentile_ms(95) <= interval.high


def test_a_machines_noise_widens_an_interval() -> None:
    assert Interval(9.0, 11.0).widened(2.0, 10.0) == Interval(5.0, 20.0)
    assert Interval(1.0, 30.0).widened(2.0, 10.0) == Interval(1.0, 30.0)
