"""How many people fit: what to try next, and what is known. Decides only; it starts nothing and knows no clock.

Double until a target breaks, then try where the knee most probably is, again and again, until it is known well
enough. One run near the knee proves little: it may meet its targets by luck, or miss one for a reason that has nothing
to do with the number of people. So each run is a vote, weighed by Bayes' rule: the knee K is where half of the runs
meet all targets; with x people a run does with probability

    lapse / 2 + (1 - lapse) * Phi(ln(K / x) / spread)

where `spread` says how much runs differ and `lapse` how often one says nothing at all. Neither is known beforehand:
both are estimated with K. Trying the median of what is known of K is probabilistic bisection (Horstein 1963; Waeber,
Frazier & Henderson 2013).

An invalid run is no vote. But with fewer people it may be valid: after one, fewer are tried. When so few people were
there that nothing could be judged, more are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

SPREADS = (0.01, 0.02, 0.03, 0.05, 0.08, 0.12)
LAPSES = (0.01, 0.03)
_STEP = 0.004  # of ln K
_ROOM = 4.0  # the knee may lie that many times beyond what can be tried
TRIED_INVALID_MAX = 3  # runs, one after the other, that were all invalid


@dataclass(frozen=True)
class Tried:
    """One run: how many people, and whether it met every target. None: it was invalid, or could not tell.

    `few`: it could not tell because so few people sent too few requests.
    """

    people: int
    held: bool | None
    few: bool = False


@dataclass(frozen=True)
class Limits:
    """What a search may try, and how well it is to know the answer."""

    start: int
    most: int  # people, as many as there are to play
    width: float = 0.1  # of the interval, as a share of the knee: within 5 % on either side
    confidence: float = 0.95


@dataclass(frozen=True)
class Knee:
    """What is known: `low` to `high` holds the knee with the confidence that was asked for.

    `high` is None when nothing was tried that did not hold; `low` is 0 when nothing held.
    """

    low: int
    middle: int
    high: int | None
    settled: bool


def next_people(tried: Sequence[Tried], limits: Limits) -> int | None:
    """How many people to try next; None when the knee is known well enough, or nothing more can be learnt."""
    if given_up(tried) or knee(tried, limits).settled:
        return None
    votes = [one for one in tried if one.held is not None]
    # A generator or a machine that is the limit may be none with fewer people.
    invalid = _invalid_in_a_row(tried)
    if not votes and tried and tried[-1].few:
        return min(2 * tried[-1].people, limits.most) if tried[-1].people < limits.most else None
    if not votes:
        return max(1, min(limits.start, limits.most) >> invalid)
    if all(one.held for one in votes):
        most_held = max(one.people for one in votes)
        return _beyond(most_held, tried, limits)
    wanted = round(float(_quantiles(votes, limits, (0.5 ** (1 + invalid),))[0]))
    return min(max(1, wanted), limits.most)


def _beyond(most_held: int, tried: Sequence[Tried], limits: Limits) -> int | None:
    """What to try next when all that is known is that so many people fit."""
    if most_held >= limits.most:
        return None
    twice = min(2 * most_held, limits.most)
    beyond, barrier = _invalid_beyond(most_held, tried), stopped_by(tried)
    if not beyond:
        return twice
    if barrier and barrier <= (1 + limits.width) * most_held:
        near = [people for people in beyond if abs(people / barrier - 1) <= limits.width / 2]
        return None if len(near) >= TRIED_INVALID_MAX else barrier
    if barrier is None and tried[-1].held:
        return min(beyond[0], twice)  # once may have been a neighbour's noise
    return min(round(sqrt(most_held * (barrier or beyond[0]))), twice)


def knee(tried: Sequence[Tried], limits: Limits) -> Knee:
    """What the valid runs say of the knee. Invalid ones are no votes, whatever they measured."""
    votes = [one for one in tried if one.held is not None]
    if not votes:
        return Knee(0, 0, None, False)
    outside = (1 - limits.confidence) / 2
    low, middle, high = (float(value) for value in _quantiles(votes, limits, (outside, 0.5, 1 - outside)))
    if all(one.held for one in votes):
        most_held = max(one.people for one in votes)
        # Nothing broke: what lies beyond was not tried. Twice at the most that can be tried is an answer.
        sure = sum(one.people >= limits.most for one in votes) > 1
        return Knee(min(round(low), most_held), most_held, None, sure)
    if not any(one.held for one in votes) and high < 1:
        return Knee(0, 0, 1, True)
    return Knee(round(low), round(middle), round(high), high - low <= limits.width * middle)


def given_up(tried: Sequence[Tried]) -> bool:
    """Whether the last runs were all invalid: the generator or the machine is the limit, not the backend.

    Not so long as it is only known that some people fit: then it is looked for where runs become invalid.
    """
    nothing_known = all(one.held is None for one in tried)
    if nothing_known and tried and tried[-1].few:
        return False
    return _invalid_in_a_row(tried) >= TRIED_INVALID_MAX and not _all_held(tried)


def stopped_by(tried: Sequence[Tried]) -> int | None:
    """From how many people on runs are invalid, when all the others held; None when it is not so.

    Two of them must have been: one may be a neighbour's noise.
    """
    if not _all_held(tried):
        return None
    most_held = max(one.people for one in tried if one.held)
    beyond = _invalid_beyond(most_held, tried)
    return beyond[1] if len(beyond) > 1 else None


def _invalid_beyond(most_held: int, tried: Sequence[Tried]) -> list[int]:
    """People of the invalid runs in which there were more, the fewest first."""
    return sorted(one.people for one in tried if one.held is None and one.people > most_held)


def _all_held(tried: Sequence[Tried]) -> bool:
    """Whether every valid run held, and there is one."""
    return {one.held for one in tried if one.held is not None} == {True}


def _invalid_in_a_row(tried: Sequence[Tried]) -> int:
    return len(list(takewhile(lambda one: one.held is None, reversed(tried))))


def _quantiles(votes: Sequence[Tried], limits: Limits, shares: Sequence[float]) -> NDArray[np.float64]:
    """Of the knee, given the votes."""
    logs = _logs(limits.most)
    chance = np.zeros((len(SPREADS) * len(LAPSES), len(logs)))
    for one in votes:
        chance += _log_chances(one.people, bool(one.held), limits.most)
    weights = np.exp(chance - chance.max()).sum(axis=0)
    up_to = np.cumsum(weights) / weights.sum()
    return np.exp(np.interp(shares, up_to, logs))


def _logs(most: int) -> NDArray[np.float64]:
    """ln K of every knee that is thought of, all equally probable beforehand: from half a person on."""
    return np.arange(log(0.5), log(most * _ROOM), _STEP)


@lru_cache(maxsize=1024)
def _log_chances(people: int, held: bool, most: int) -> NDArray[np.float64]:
    """(spreads x lapses, knees): the logarithm of the chance of one vote."""
    further = _logs(most) - log(people)
    rows = []
    for spread in SPREADS:
        holds = ndtr(further / spread)
        for lapse in LAPSES:
            chance = lapse / 2 + (1 - lapse) * holds
            rows.append(np.log(chance if held else 1 - chance))
    return np.array(rows)
