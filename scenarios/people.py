"""Who the people of a scenario are: the same for the population and for the load that plays it.

Both sides derive a person from an index and a seed, so the load generator can sign in as anybody and knows
their sex and popularity without reading the database. Nothing here is secret: every phone number lies in
+999, a country code that the numbering plan keeps unassigned.
"""

import hashlib
import hmac
from enum import StrEnum

PHONE_PREFIX = "+9991"
MODERATOR_PHONE = f"{PHONE_PREFIX}999999999"  # nobody of a population: they are numbered from 0
OTP_DIGITS = 6
# The test sender's secret on one's own machine; the backend refuses it anywhere else.
LOCAL_OTP_SECRET = "for-local-use-only"


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


def kept_token(secret: str, phone: str) -> str:
    """The token of the session that the population's phone has kept: known to whoever knows `secret`."""
    return hmac.new(secret.encode(), f"session:{phone}".encode(), hashlib.sha256).hexdigest()


def otp_test_code(secret: str, phone: str) -> str:
    """The code that the test sender "sends" to `phone`: known to whoever knows `secret`, to nobody else."""
    digest = hmac.new(secret.encode(), phone.encode(), hashlib.sha256).digest()
    return f"{int.from_bytes(digest[:8], 'big') % 10**OTP_DIGITS:0{OTP_DIGITS}d}"
