"""offers.toml: what is sold by something else than a quantity, and what a bill assumes."""

from typing import Self

from pydantic import model_validator

from scenarios.base import Share, Strict
from scenarios.machines import Between
from scenarios.prices.price_list import Confidence


class LoadBalancerUnit(Strict):
    """What one LCU carries."""

    new_connections_per_s: int
    active_connections: int
    gb_per_h: int
    rules_per_s: int
    source: str


class CdnPlan(Strict):
    """A flat plan: its price's key, and what it allows a month."""

    price: str
    requests: int
    gb: int
    source: str


class PriceErrors(Strict):
    """How far a price may be off, both ways, by how well it is known."""

    verified: Share
    derived: Share
    secondary: Share
    unverified: Share

    def of(self, confidence: Confidence) -> float:
        share: float = getattr(self, confidence.value)
        return share


class Offers(Strict):
    sources: dict[str, str]
    lcu: LoadBalancerUnit
    cdn: dict[str, CdnPlan]
    price_error: PriceErrors
    assumptions: dict[str, Between]

    def assumed(self, name: str) -> float:
        """The middle of an assumption."""
        return self.assumptions[name].middle

    @model_validator(mode="after")
    def _every_source_is_known(self) -> Self:
        named = {self.lcu.source, *(plan.source for plan in self.cdn.values())}
        named |= {one.source for one in self.assumptions.values()}
        if unknown := sorted(named - set(self.sources)):
            raise ValueError(f"source {unknown[0]!r} is not in [sources]; there are: {', '.join(sorted(self.sources))}")
        return self
