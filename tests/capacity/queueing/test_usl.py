"""The universal scalability law against a published fit."""

import pytest

from capacity.queueing.usl import fitted

# SPEC SDM91 (Gunther 2007, table 5.1): virtual users and throughput; the fit as the R package `usl` prints it.
PEOPLE = [1, 18, 36, 72, 108, 144, 216]
PER_S = [64.9, 995.9, 1652.4, 1853.2, 1828.9, 1775.0, 1702.2]


def test_published_fit_is_reproduced() -> None:
    found = fitted(PEOPLE, PER_S)
    assert found.alpha == pytest.approx(0.0277284, rel=1e-4)
    assert found.beta == pytest.approx(1.0437e-4, rel=1e-4)
    assert found.gamma == pytest.approx(89.995, rel=1e-4)
    assert found.peak_people == pytest.approx(96.52, rel=1e-4)
    assert found.peak_per_s == pytest.approx(1883.9, rel=1e-4)
    assert found.limit_per_s == pytest.approx(3246, rel=1e-3)


def test_order_of_points_does_not_matter() -> None:
    found = fitted(PEOPLE[::-1], PER_S[::-1])
    assert found.alpha == pytest.approx(fitted(PEOPLE, PER_S).alpha, rel=1e-12)
    assert found.residuals == pytest.approx(fitted(PEOPLE, PER_S).residuals[::-1], rel=1e-9)


def test_what_was_fitted_below_the_knee_is_not_extrapolated() -> None:
    below = fitted([10, 20, 40, 80], [10.0, 20.0, 40.0, 79.9])
    assert not below.knee_seen
    assert below.predicted_per_s(80) == pytest.approx(79.9, rel=0.01)
    assert below.predicted_per_s(81) is None
    assert fitted(PEOPLE, PER_S).predicted_per_s(1000) is not None


def test_few_points_are_refused() -> None:
    with pytest.raises(ValueError, match="4 numbers of people"):
        fitted([1, 2, 2, 3], [1.0, 2.0, 2.0, 3.0])
