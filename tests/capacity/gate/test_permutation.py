"""The tests keep their promise: so many false alarms at most, over all quantities and all looks together."""

from itertools import product

import numpy as np
import pytest

from capacity.gate.permutation import PATTERNS, fewest_pairs, looks, paired, tells_at_all, unpaired

ALPHA = 0.05
PAIRS = 8


def test_of_all_patterns_of_signs_just_the_allowed_share_is_called_significant() -> None:
    """Exact: of the 256 ways in which the same differences could have come, at most 5 % stop at any look."""
    magnitudes = np.random.default_rng(1).normal(0.5, 1, (PAIRS, 3))
    plan = looks(4, 2, PAIRS, ALPHA)
    stopped = sum(
        paired(np.array(signs)[:, None] * magnitudes, plan, PAIRS).any() for signs in product((1, -1), repeat=PAIRS)
    )
    assert 0 < stopped <= ALPHA * 2**PAIRS


def test_equal_differences_in_all_pairs_are_found_as_early_as_may_be() -> None:
    plan = looks(2, 1, PAIRS, ALPHA)
    grown = np.full((PAIRS, 1), 0.1)
    first = next(n for n in range(1, PAIRS + 1) if paired(grown[:n], plan, PAIRS).any())
    assert 0.5**first <= ALPHA * first / PAIRS
    assert 0.5 ** (first - 1) > ALPHA * (first - 1) / PAIRS


def test_only_the_quantity_that_grew_is_named() -> None:
    rng = np.random.default_rng(5)
    differences = rng.normal(0, 0.03, (16, 12))
    differences[:, 7] += 0.1
    assert np.flatnonzero(paired(differences, looks(8, 2, 16, 0.01), 16)).tolist() == [7]


def test_more_pairs_than_patterns_fit_are_sampled_and_repeatable() -> None:
    assert PATTERNS < 2**16
    differences = np.random.default_rng(5).normal(0.02, 0.03, (16, 4))
    plan = looks(8, 2, 16, 0.01)
    assert (paired(differences, plan, 16) == paired(differences, plan, 16)).all()


def test_quantities_that_never_differ_are_not_significant() -> None:
    assert not paired(np.zeros((16, 2)), looks(8, 2, 16, 0.05), 16).any()
    assert not unpaired(np.ones((5, 2)), np.ones((5, 2)), 0.05).any()


def test_two_groups_that_do_not_overlap_are_told_apart() -> None:
    rng = np.random.default_rng(2)
    before, after = rng.normal(0, 0.01, (5, 3)), rng.normal(0, 0.01, (5, 3))
    after[:, 1] += 1
    assert unpaired(before, after, 0.01).tolist() == [False, True, False]
    assert not unpaired(after, before, 0.01).any()  # faster is not slower


@pytest.mark.parametrize(
    ("baseline", "candidate", "tells"), [(5, 5, True), (4, 4, False), (14, 2, False), (15, 2, True), (50, 1, False)]
)
def test_how_many_runs_can_tell_anything(baseline: int, candidate: int, tells: bool) -> None:
    assert tells_at_all(baseline, candidate, 0.008) is tells


def test_what_the_advice_says_can_tell() -> None:
    assert tells_at_all(5, 5, 0.005)
    assert tells_at_all(19, 2, 0.005)
    assert not tells_at_all(18, 2, 0.005)


def test_seven_pairs_are_the_fewest_at_one_percent() -> None:
    assert fewest_pairs(0.01) == 7


def test_the_error_is_spent_evenly_and_wholly() -> None:
    plan = looks(8, 2, 16, 0.01)
    assert [look.pairs for look in plan] == [8, 10, 12, 14, 16]
    assert plan[-1].spent == 0.01
    assert looks(8, 2, 11, 0.01)[-1].pairs == 11
