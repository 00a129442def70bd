"""Who begins a conversation, when, and how long it gets: for those that a population is in the middle of, and new ones.

Half of the first messages are never answered (Zhang & Yasseri 2016, arXiv:1607.03320); the length of the others is
fat-tailed: 2 + X with X from a Pareto law of the second kind (Lomax), cut at a maximum, its scale such that all
conversations together have the published mean.
"""

import random
from bisect import bisect_right
from functools import lru_cache
from itertools import accumulate
from math import exp, log
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from scenarios.people import Sex
from scenarios.traffic import Conversations, Delay

_SCALES = (1e-3, 1e6)
_NORMAL = NormalDist()
_QUANTILE_MIN = 1e-9


class ConversationLengths:
    """Draws lengths. `shares[k]` is the probability of k + 1 messages."""

    def __init__(self, law: Conversations) -> None:
        self.shares = _shares(
            law.answered_share.value, law.messages_mean.value, int(law.messages_max.value), law.tail_index.value
        )
        self._up_to = list(accumulate(self.shares.tolist()))
        # A conversation with k messages is met in the middle k times as often as one with a single message.
        at_least = self.shares[::-1].cumsum()[::-1]
        self._left_up_to = list(accumulate((at_least / at_least.sum()).tolist()))

    @property
    def mean(self) -> float:
        return float((self.shares * np.arange(1, len(self.shares) + 1)).sum())

    def drawn(self, u: float) -> int:
        """Messages of a new conversation; `u` is uniform in [0, 1)."""
        return min(bisect_right(self._up_to, u), len(self._up_to) - 1) + 1

    def left(self, u: float) -> int:
        """Messages that are still to come, the next one included, in a conversation found somewhere in its course."""
        return min(bisect_right(self._left_up_to, u), len(self._left_up_to) - 1) + 1


@lru_cache(maxsize=16)
def _shares(answered: float, mean: float, most: int, tail_index: float) -> NDArray[np.float64]:
    wanted = (mean - (1 - answered)) / answered  # of those that are answered
    lengths = np.arange(2, most + 1)

    def tail(scale: float) -> NDArray[np.float64]:
        weights = (1 + (lengths - 2) / scale) ** -(tail_index + 1)
        return np.asarray(weights / weights.sum(), np.float64)

    low, high = _SCALES
    for _ in range(100):  # the mean grows with the scale
        middle = float(np.sqrt(low * high))
        if float((tail(middle) * lengths).sum()) < wanted:
            low = middle
        else:
            high = middle
    return np.concatenate(([1 - answered], answered * tail(low)))


def first_message_after_s(
    law: Conversations, match_id: str, own: tuple[str, Sex], other: tuple[str, Sex]
) -> float | None:
    """How long after a match this person writes first; None when the other does, or nobody.

    `own` and `other` are (id, sex). Two people decide without asking each other: it follows from the match's id.
    """
    drawn = random.Random(match_id)
    begun, first, quantile = drawn.random(), drawn.random(), drawn.random()
    if begun >= law.begun_share.value:
        return None
    # Both sides must see the same pair: the man comes first; of two of one sex, the lower id.
    one, _ = sorted((own, other), key=lambda person: (person[1] is not Sex.MALE, person[0]))
    one_begins = first < (law.men_begin_share.value if own[1] is not other[1] else 0.5)
    if one_begins is not (one == own):
        return None
    median_s, sigma = _delay(law.first_message_delay.of(own[1]))
    return median_s * exp(sigma * _NORMAL.inv_cdf(min(max(quantile, _QUANTILE_MIN), 1 - _QUANTILE_MIN)))


@lru_cache(maxsize=8)
def _delay(delay: Delay) -> tuple[float, float]:
    """(median, sigma) of the log-normal law through its median and the share within five minutes."""
    return delay.median_s, log(300 / delay.median_s) / _NORMAL.inv_cdf(delay.within_5_min_share)
