"""How else it may be: everything that a bill takes for given, each with a low, a middle and a high."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from capacity.costs.basis import Basis
from scenarios.machines import Between, ServerType
from scenarios.prices.price_list import Price

Floats = NDArray[np.float64]
GROWTH, WORK, SPEED, ACTIVITY = "growth", "CPU a request", "speed of servers", "activity"
PRICES = "prices of "
VENDORS = {
    "alb": "AWS servers and network",
    "ec2": "AWS servers and network",
    "ebs": "AWS servers and network",
    "nat": "AWS servers and network",
    "dto": "AWS servers and network",
    "s3": "S3, SQS and CloudWatch",
    "sqs": "S3, SQS and CloudWatch",
    "cloudwatch": "S3, SQS and CloudWatch",
    "elasticache": "ElastiCache",
    "atlas": "Atlas",
    "cloudfront": "CloudFront",
    "twilio": "Twilio",
    "sentry": "Sentry",
    "firebase": "Firebase",
}


@dataclass(frozen=True)
class Ways:
    """R ways. `places` (R, V): where each of V figures lies, -1 low, 0 middle, 1 high; straight lines between.

    Drawn places have a triangular law, so half of all lie below the middle: two-piece triangular, for figures of which
    three points are known (Johnson 1997).
    """

    names: tuple[str, ...]
    places: Floats
    _column: dict[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_column", {name: number for number, name in enumerate(self.names)})

    def place(self, name: str) -> Floats:
        """(R, 1), so that weeks can stand beside."""
        return self.places[:, self._column[name]][:, None]

    def value(self, name: str, between: Between) -> Floats:
        """(R, 1)"""
        return at(between, self.place(name))

    def growth(self, low: float, high: float) -> Floats:
        """(R, 1): a factor of the users, straight on a log scale."""
        place = self.place(GROWTH)
        return np.where(place < 0, low ** np.abs(place), high ** np.abs(place))

    def slower(self, server: ServerType, reference_ms: float) -> Floats:
        """(R, 1): CPU seconds there for each on the machine that was calibrated."""
        return at(server.work_ms, self.place(SPEED)) / reference_ms

    def price_factor(self, price: Price, error: float) -> Floats:
        """(R, 1): by how well it is known; where the source gives a range, by that."""
        place = self.place(vendor(price.key))
        usd = float(price.first_usd)
        if price.usd_low is None or price.usd_high is None or not usd:
            return 1 + error * place
        low, high = float(price.usd_low) / usd - 1, float(price.usd_high) / usd - 1
        return 1 + np.where(place < 0, -low, high) * place


def at(between: Between, place: Floats) -> Floats:
    """Straight from the middle to low at -1 and to high at 1."""
    reach = np.where(place < 0, between.middle - between.low, between.high - between.middle)
    return np.asarray(between.middle + reach * place, np.float64)


def vendor(key: str) -> str:
    """Whose prices rise and fall together."""
    return PRICES + VENDORS.get(key.split("x ")[-1].partition(".")[0], "others")


def names_of(basis: Basis) -> tuple[str, ...]:
    """Everything that may be otherwise."""
    vendors = dict.fromkeys(PRICES + name for name in (*VENDORS.values(), "others"))
    return (GROWTH, WORK, SPEED, *basis.market.offers.assumptions, *vendors)


def drawn(basis: Basis, count: int, seed: int) -> Ways:
    """The same seed, the same ways."""
    names = names_of(basis)
    rng = np.random.default_rng([seed, 8])
    return Ways(names, rng.triangular(-1.0, 0.0, 1.0, size=(count, len(names))))


def three(basis: Basis) -> Ways:
    """Low, middle and high growth, all else in its middle."""
    names = names_of(basis)
    places = np.zeros((3, len(names)))
    places[:, names.index(GROWTH)] = (-1.0, 0.0, 1.0)
    return Ways(names, places)


def one_at_a_time(basis: Basis) -> Ways:
    """(2 V + 1): all in the middle; then each low, each high."""
    names = names_of(basis)
    unit = np.eye(len(names))
    return Ways(names, np.concatenate([np.zeros((1, len(names))), -unit, unit]))
