"""A warm-up is found by rule; a stall is none, and what only varies is left alone."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from capacity.gate.warm_up import warm_up_windows

RNG = np.random.default_rng(3)


def steady(seconds: int) -> NDArray[np.float64]:
    return RNG.normal(10, 0.5, seconds)


def test_latencies_that_come_down_are_cut_to_five_seconds() -> None:
    medians = np.concatenate([10 + 40 * np.exp(-np.arange(20) / 5), steady(60)])
    cut = warm_up_windows(medians)
    assert cut in (10, 15, 20)


def test_a_steady_run_loses_nothing() -> None:
    assert warm_up_windows(steady(80)) == 0


def test_a_stall_is_no_warm_up_even_at_the_start() -> None:
    medians = steady(60)
    medians[6:8] = 2000.0
    assert warm_up_windows(medians) == 0


def test_a_run_that_comes_down_until_late_was_never_steady() -> None:
    assert warm_up_windows(np.concatenate([steady(45) * 3, steady(15)])) is None


def test_one_that_gets_slower_is_no_warm_up() -> None:
    assert warm_up_windows(np.linspace(10, 100, 60)) == 0


def test_seconds_without_a_success_are_passed_over() -> None:
    medians = np.concatenate([np.full(5, np.nan), steady(10) * 5, steady(60)])
    assert warm_up_windows(medians) in (15, 20)


@given(st.lists(st.floats(0.1, 1000), max_size=120))
def test_at_most_half_is_ever_cut(medians: list[float]) -> None:
    cut = warm_up_windows(np.array(medians))
    assert cut is None or 0 <= cut <= len(medians) / 2 + 5


def test_a_warm_up_is_found_whatever_the_noise_after_it() -> None:
    # The last two of eleven batches resemble each other in half of all runs; that must not hide the cut.
    rng = np.random.default_rng(1)
    found = [warm_up_windows(np.repeat([50, 10], [10, 45]) * rng.lognormal(0, 0.1, 55)) for _ in range(200)]
    assert set(found) <= {10, 15, 20}


def test_noise_alone_is_never_cut() -> None:
    rng = np.random.default_rng(2)
    assert [warm_up_windows(rng.lognormal(0, 0.1, 55)) for _ in range(200)].count(0) == 200
