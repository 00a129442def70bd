"""How much more than others each person of a population is liked."""

import numpy as np
from numpy.typing import NDArray

# Desirability is heavy-tailed (Bruch & Newman 2018); a log-normal with this sigma gives the top 10 % about
# 37 % of the attention.
POPULARITY_SIGMA = 1.0
LIKED_AT_MOST = 0.95  # even the most popular are not liked by everybody
_FACTOR_MAX = 1e6


def popularity(users: int, seed: int) -> NDArray[np.float64]:
    """How much more than average each person is liked: shape (users,), mean 1, log-normal."""
    values = np.random.default_rng([seed, 7]).lognormal(0.0, POPULARITY_SIGMA, users)
    return np.asarray(values / values.mean(), dtype=np.float64)


def shares_by_popularity(mean: float, popular: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of others that likes each person: in proportion to popularity, below LIKED_AT_MOST, of this mean."""
    if not len(popular) or mean >= LIKED_AT_MOST:
        return np.full(len(popular), min(mean, LIKED_AT_MOST))
    low, high = 0.0, 1.0
    while np.minimum(high * popular, LIKED_AT_MOST).mean() < mean and high < _FACTOR_MAX:
        high *= 2
    for _ in range(50):
        factor = (low + high) / 2
        if np.minimum(factor * popular, LIKED_AT_MOST).mean() < mean:
            low = factor
        else:
            high = factor
    return np.asarray(np.minimum(high * popular, LIKED_AT_MOST), dtype=np.float64)
