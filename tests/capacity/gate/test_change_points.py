"""Change points: where a series was made to change, and nowhere else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.gate.change_points import change_points

# Release times of a service (ms): 30 at one level, 30 slower by a tenth, 30 after the repair; noise of 3 %.
_RNG = np.random.default_rng(11)
SERIES = [float(v) for v in np.concatenate([_RNG.normal(m, 0.03 * m, 30) for m in (100, 110, 98)])]


def test_a_slowdown_and_its_repair_are_both_found() -> None:
    found = change_points(SERIES)
    assert [point.index for point in found] == [30, 60]
    assert found[0].change == pytest.approx(0.10, abs=0.03)
    assert found[1].change < 0
    assert all(point.p < 0.001 for point in found)


def test_old_points_stay_when_new_runs_come() -> None:
    assert [point.index for point in change_points(SERIES[:75])] == [30, 60]


def test_one_outlier_is_no_change() -> None:
    series = SERIES[:30]
    series[15] = 300.0
    assert change_points(series) == []


def test_a_change_far_behind_the_first_window_is_found() -> None:
    series = [float(v) for v in np.concatenate([_RNG.normal(100, 3, 130), _RNG.normal(115, 3, 20)])]
    assert [point.index for point in change_points(series)] == [130]


@given(st.lists(st.floats(1, 1e6), max_size=5))
def test_so_few_runs_have_no_change(series: list[float]) -> None:
    assert change_points(series) == []


@given(st.floats(1, 1000), st.integers(0, 80))
def test_a_constant_has_no_change(value: float, length: int) -> None:
    assert change_points([value] * length) == []


def test_noise_alone_is_rarely_called_a_change() -> None:
    rng = np.random.default_rng(17)
    alarms = sum(bool(change_points(list(rng.normal(100, 5, 60)))) for _ in range(100))
    assert alarms <= 5
