"""What matters most: each figure low and high by itself, and what twelve weeks come to then (a tornado's bars)."""

from dataclasses import dataclass

from capacity.costs.basis import Basis
from capacity.costs.ways import one_at_a_time
from capacity.costs.weeks import Timeline


@dataclass(frozen=True)
class Bar:
    """The total with one figure low and high, all others in their middle."""

    title: str
    low_usd: float
    high_usd: float
    middle_usd: float

    @property
    def swing_usd(self) -> float:
        return abs(self.high_usd - self.low_usd)


def tornado(timeline: Timeline, basis: Basis, weeks: int) -> tuple[Bar, ...]:
    """The widest first; figures that change nothing are left out."""
    ways = one_at_a_time(basis)
    totals = timeline.weeks(ways, weeks).total.sum(axis=1)
    count = len(ways.names)
    bars = [
        Bar(_title(basis, name), float(totals[1 + number]), float(totals[1 + count + number]), float(totals[0]))
        for number, name in enumerate(ways.names)
    ]
    return tuple(sorted((bar for bar in bars if bar.swing_usd > 0), key=lambda bar: -bar.swing_usd))


def _title(basis: Basis, name: str) -> str:
    """The name with its range, so that a reader sees what was varied."""
    if name == "growth":
        return f"growth, {basis.growth.low.value:g} to {basis.growth.high.value:g} times the users"
    if name in basis.market.offers.assumptions:
        one = basis.market.offers.assumptions[name]
        return f"{name.replace('_', ' ')}, {one.low:g} to {one.high:g}"
    return name
