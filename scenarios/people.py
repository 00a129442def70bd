"""Who the people of a scenario are: the same for the population and for the load that plays it.

Both sides derive a person from an index and a seed, so the load generator can sign in as anybody and knows
their sex and popularity without reading the database. Nothing here is secret: every phone number lies in
+999, a country code that the numbering plan keeps unassigned.
"""

import hashlib
import hmac
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

PHONE_PREFIX = "+9991"
MODERATOR_PHONE = f"{PHONE_PREFIX}999999999"  # nobody of a population: they are numbered from 0
OTP_DIGITS = 6
# The test sender's secret on one's own machine; the backend refuses it anywhere else.
LOCAL_OTP_SECRET = "for-local-use-only"
# Desirability is heavy-tailed (Bruch & Newman 2018); a log-normal with this sigma gives the top 10 % about
# 37 % of the attention.
POPULARITY_SIGMA = 1.0
LIKED_AT_MOST = 0.95  # even the most popular are not liked by everybody
_FACTOR_MAX = 1e6


class Sex(StrEnum):
    MALE = "male"
    FEMALE = "female"

    @property
    def opposite(self) -> "Sex":
        return Sex.FEMALE if self is Sex.MALE else Sex.MALE


def phone_of(index: int) -> str:
    """The phone number (E.164) of person `index`."""
    return f"{PHONE_PREFIX}{index:09d}"


def sex_of(index: int) -> Sex:
    """Every fourth person is a woman: the 75/25 split of published exports, exact at any size."""
    return Sex.FEMALE if index % 4 == 3 else Sex.MALE


def person_id_of(index: int, seed: int) -> str:
    """The id of person `index`: 24 hex digits, spread evenly so that it serves as a shard key."""
    return hashlib.sha256(f"{seed}:{index}".encode()).hexdigest()[:24]


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


def kept_token(secret: str, phone: str) -> str:
    """The token of the session that the population's phone has kept: known to whoever knows `secret`."""
    return hmac.new(secret.encode(), f"session:{phone}".encode(), hashlib.sha256).hexdigest()


def otp_test_code(secret: str, phone: str) -> str:
    """The code that the test sender "sends" to `phone`: known to whoever knows `secret`, to nobody else."""
    digest = hmac.new(secret.encode(), phone.encode(), hashlib.sha256).digest()
    return f"{int.from_bytes(digest[:8], 'big') % 10**OTP_DIGITS:0{OTP_DIGITS}d}"
