"""Non-negative least squares, bundles and variance inflation on numbers that are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from capacity.calibration.regression import VIF_MAX, Floats, Resource, bundled, fitted, inflation, solved

RNG = np.random.default_rng(3)
COUNTS = RNG.poisson([20.0, 5.0, 40.0], (60, 3)) * RNG.choice([0.1, 1.0, 3.0], (60, 3))
DEMAND = np.array([[0.004, 0.0], [0.010, 0.003], [0.001, 0.002]])
BASE = np.array([0.05, 0.02])
BLOCK = np.repeat(np.arange(12), 5)
NONE, ALL = np.zeros(3, np.bool_), np.ones(3, np.bool_)


def resources(used: Floats, likely: NDArray[np.bool_] = NONE) -> list[Resource]:
    return [Resource(COUNTS, values, likely) for values in used.T]


@pytest.mark.parametrize("likely", [NONE, ALL])
def test_exact_data_is_solved_exactly(likely: NDArray[np.bool_]) -> None:
    """A prior decides nothing where the data do."""
    found = fitted(resources(COUNTS @ DEMAND + BASE, likely), BLOCK, 2, 1)
    np.testing.assert_allclose(found.demand, DEMAND, atol=5e-5)
    np.testing.assert_allclose(found.base, BASE, atol=5e-4)


@pytest.mark.parametrize("likely", [NONE, ALL])
def test_nothing_is_below_zero(likely: NDArray[np.bool_]) -> None:
    used = COUNTS @ DEMAND + BASE - 0.002 * COUNTS[:, [1]]
    assert (fitted(resources(used, likely), BLOCK, 20, 1).draws_demand >= 0).all()


def with_speed(rng: np.random.Generator) -> Floats:
    """What is used when stretches share a speed and windows have one of their own."""
    speed = rng.normal(1.0, 0.05, 12)[BLOCK] * rng.normal(1.0, 0.03, 60)
    return np.asarray((COUNTS @ DEMAND + BASE) * speed[:, None])


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """Of 90 % intervals over many repetitions, with a speed that stretches share."""
    rng, inside, widths = np.random.default_rng(5), [], []
    for seed in range(20):
        draws = fitted(resources(with_speed(rng)), BLOCK, 60, seed).draws_demand
        low, high = np.percentile(draws, [5, 95], axis=0)
        positive = DEMAND > 0
        inside.append(((low <= DEMAND) & (high >= DEMAND))[positive].mean())
        widths.append(((high - low) / np.maximum(DEMAND, 1e-9))[positive].mean())
    assert np.mean(inside) >= 0.75
    assert np.mean(widths) < 0.3  # they say something: the speed changes by 6 %


def test_intervals_hold_what_is_as_likely_as_the_prior_says() -> None:
    """Demands that are none to three times as large as usual, from one repetition to the next."""
    rng, inside, widths = np.random.default_rng(6), [], []
    for seed in range(40):
        truth = 0.004 * np.maximum(0.0, rng.normal(1.0, 1.0, 3))
        speed = rng.normal(1.0, 0.05, 12)[BLOCK] * rng.normal(1.0, 0.03, 60)
        used = (COUNTS @ truth + 0.05) * speed
        draws = fitted([Resource(COUNTS, used, ALL)], BLOCK, 60, seed).draws_demand[:, :, 0]
        low, high = np.percentile(draws, [5, 95], axis=0)
        inside.append(((low <= truth) & (high >= truth)).mean())
        widths.append((high - low).mean())
    assert np.mean(inside) >= 0.75
    assert np.mean(widths) < 0.5 * 0.004


def test_what_data_do_not_tell_stays_near_to_what_is_likely() -> None:
    """Two demands that come together in nearly all windows, hidden in the machine's changing speed."""
    rng = np.random.default_rng(7)
    together = rng.uniform(5, 50, 60)
    counts = np.column_stack([together, together * rng.normal(1.0, 0.01, 60), rng.uniform(5, 50, 60)])
    used = counts @ [0.004, 0.006, 0.005] * rng.normal(1.0, 0.05, 60)
    alone, guided = (fitted([Resource(counts, used, which)], BLOCK, 2, 1).demand[:, 0] for which in (NONE, ALL))
    assert np.abs(guided - [0.004, 0.006, 0.005]).max() < 0.002
    assert np.abs(alone - [0.004, 0.006, 0.005]).max() > 0.003


def test_who_never_uses_a_resource_costs_nothing_there() -> None:
    counts = COUNTS * [1.0, 0.0, 1.0]
    found = fitted([Resource(counts, COUNTS @ DEMAND[:, 0] + 0.05, ALL)], BLOCK, 3, 1)
    assert found.demand[1, 0] == 0
    assert (found.draws_demand[:, 1, 0] == 0).all()


def test_order_of_windows_does_not_matter() -> None:
    order = RNG.permutation(60)
    used = (COUNTS @ DEMAND + BASE)[:, 0]
    found = solved(Resource(COUNTS, used, NONE))
    np.testing.assert_allclose(solved(Resource(COUNTS[order], used[order], NONE)), found, atol=1e-9)


def test_same_seed_same_draws() -> None:
    used = (COUNTS @ DEMAND + BASE) * RNG.normal(1.0, 0.05, (60, 1))
    one, again, other = (fitted(resources(used, ALL), BLOCK, 5, seed).draws_demand for seed in (1, 1, 2))
    assert (one == again).all()
    assert (one != other).any()


def test_inflation_of_what_is_unrelated_is_one() -> None:
    counts = np.random.default_rng(1).normal(10, 1, (5000, 3))
    np.testing.assert_allclose(inflation(counts), 1.0, atol=0.01)


def test_inflation_is_that_of_the_correlation() -> None:
    """Of two actions 1 / (1 - r^2)."""
    rng = np.random.default_rng(2)
    first = rng.normal(0, 1, 20_000)
    second = 0.9 * first + np.sqrt(1 - 0.9**2) * rng.normal(0, 1, 20_000)
    np.testing.assert_allclose(inflation(np.column_stack([first, second])), 1 / (1 - 0.81), rtol=0.05)


def test_what_never_changes_cannot_be_told() -> None:
    assert inflation(np.column_stack([COUNTS[:, 0], np.full(60, 7.0)]))[1] == np.inf


@given(st.integers(2, 4))
def test_what_comes_together_is_one_bundle(copies: int) -> None:
    counts = np.column_stack([COUNTS[:, 1], *[COUNTS[:, 0]] * copies])
    assert sorted(map(sorted, bundled(counts, np.ones(copies + 1)))) == [[0], list(range(1, copies + 1))]


def test_bundles_are_within_the_limit() -> None:
    counts = np.column_stack([COUNTS, COUNTS[:, 0] + COUNTS[:, 2] + RNG.normal(0, 0.1, 60)])
    bundles = bundled(counts, np.ones(4))
    assert len(bundles) < 4
    together = np.column_stack([counts[:, bundle].sum(axis=1) for bundle in bundles])
    assert inflation(counts).max() > VIF_MAX
    assert inflation(together).max() <= VIF_MAX
