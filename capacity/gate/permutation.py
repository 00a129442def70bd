"""Tests by permutation: did several quantities get larger, all of them judged at once, as runs come in?

If nothing changed, which side of a pair was which is chance: every pattern of signs was as likely as the one seen.
So the largest statistic over all quantities is compared with what it is under the other patterns, which corrects for
their number and knows how they go together (Westfall and Young 1993, max-T). Looking several times spends the
chance of a false alarm bit by bit: a pattern that would have stopped the test earlier is out later (group-sequential
error spending, Lan and DeMets 1983, Biometrika 70:659-663). No law of the noise is assumed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, product
from math import comb

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# All patterns up to this many, a sample of this many beyond: 1 % of them are 80, known within a tenth.
PATTERNS = 8192
_SEED = 20_220_124  # the same data give the same verdict
_ROUNDING = 1e-12  # sums of the same numbers in another order


@dataclass(frozen=True)
class Look:
    """A moment at which one looks: after so many pairs, and the share of the error that may be spent by then."""

    pairs: int
    spent: float


def looks(first: int, every: int, last: int, error: float) -> tuple[Look, ...]:
    """Looks after `first` pairs and every so many more, up to `last`; the error is spent evenly over the pairs."""
    at = sorted({*range(first, last + 1, every), last})
    return tuple(Look(pairs, error * pairs / last) for pairs in at)


def paired(differences: Floats, plan: Sequence[Look], last: int) -> NDArray[np.bool_]:
    """Which columns of `differences` (pairs, quantities) are above zero, as far as the looks have come.

    Strong control of the chance that any column without an effect is among them: the error of the last look.
    """
    signs = _signs(last)
    found = np.zeros(differences.shape[1], bool)
    alive = np.ones(len(signs), bool)
    for look in plan:
        if look.pairs > len(differences):
            break
        seen = differences[: look.pairs]
        scale = np.sqrt((seen**2).sum(axis=0))
        scaled = np.divide(seen, scale, out=np.zeros_like(seen), where=scale > _ROUNDING)
        largest = (signs[:, : look.pairs] @ scaled).max(axis=1)
        limit = _limit(largest, alive, look.spent)
        found |= scaled.sum(axis=0) > limit + _ROUNDING
        alive &= largest <= limit + _ROUNDING
    return found


def unpaired(baseline: Floats, candidate: Floats, error: float) -> NDArray[np.bool_]:
    """Which columns of `candidate` (runs, quantities) are above those of `baseline` (runs, quantities)."""
    both = np.concatenate([candidate, baseline])
    centred = both - both.mean(axis=0)
    # The spread of all runs together is the same under every pattern: the statistic is t's, up to a monotone map.
    scale = np.sqrt((centred**2).sum(axis=0))
    scaled = np.divide(centred, scale, out=np.zeros_like(centred), where=scale > _ROUNDING)
    largest = (_choices(len(both), len(candidate)) @ scaled).max(axis=1)
    limit = _limit(largest, np.ones(len(largest), bool), error)
    found: NDArray[np.bool_] = scaled[: len(candidate)].sum(axis=0) > limit + _ROUNDING
    return found


def fewest_pairs(error: float) -> int:
    """With fewer pairs than this no pattern is rare enough."""
    return next(pairs for pairs in range(1, 64) if 0.5**pairs <= error)


def tells_at_all(baseline_runs: int, candidate_runs: int, error: float) -> bool:
    """Whether so many runs of each side could ever be told apart."""
    return 1 / comb(baseline_runs + candidate_runs, candidate_runs) <= error


def _limit(largest: Floats, alive: NDArray[np.bool_], spent: float) -> float:
    """What must be exceeded so that at most a share `spent` of all patterns has done so, earlier looks included."""
    allowed = int(spent * len(largest) + 1e-9) - int((~alive).sum())
    if allowed <= 0:
        return np.inf
    return float(np.partition(largest[alive], -1 - allowed)[-1 - allowed])


@cache
def _signs(pairs: int) -> Floats:
    """(patterns, pairs) of +1 and -1; the first is what was seen."""
    if 2**pairs <= PATTERNS:
        return np.array(list(product((1.0, -1.0), repeat=pairs)))
    signs = np.random.default_rng(_SEED).choice((1.0, -1.0), (PATTERNS, pairs))
    signs[0] = 1.0
    return signs


@cache
def _choices(runs: int, chosen: int) -> Floats:
    """(patterns, runs): 1 for the runs that are called the candidate's; the first is what was seen."""
    if comb(runs, chosen) <= PATTERNS:
        places = list(combinations(range(runs), chosen))
    else:
        rng = np.random.default_rng(_SEED)
        places = [tuple(range(chosen)), *(tuple(rng.permutation(runs)[:chosen]) for _ in range(PATTERNS - 1))]
    choices = np.zeros((len(places), runs))
    for row, columns in zip(choices, places, strict=True):
        row[list(columns)] = 1.0
    return choices
