"""Which prices should be looked at again: old ones, undated ones, and such as a third party or memory states."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from scenarios.prices.price_list import Confidence, PriceList, PriceRow

OLD_DAYS = 365


@dataclass(frozen=True)
class Doubt:
    """`age_days` counts from the latest day that `as_of` can mean; None without a date."""

    row: PriceRow
    age_days: int | None
    why: str


def doubts(prices: PriceList, today: date, old_days: int = OLD_DAYS) -> tuple[Doubt, ...]:
    """In the order of the file; free tiers are left out, for there is nothing to be wrong about but their end."""
    return tuple(_doubts(prices, today, old_days))


def _doubts(prices: PriceList, today: date, old_days: int) -> Iterator[Doubt]:
    for row in prices.rows:
        if not row.usd:
            continue
        age = (today - latest(row.as_of)).days if row.as_of else None
        reasons = []
        if age is None:
            reasons.append("no date")
        elif age > old_days:
            reasons.append(f"{age:,} days old")
        if row.confidence in (Confidence.SECONDARY, Confidence.UNVERIFIED):
            reasons.append(row.confidence.value)
        if reasons:
            yield Doubt(row, age, ", ".join(reasons))


def latest(as_of: str) -> date:
    """The last day of a year or a month, where no more is said."""
    parts = [int(part) for part in as_of.split("-")]
    if len(parts) == 3:
        return date(parts[0], parts[1], parts[2])
    year, month = (parts[0], 12) if len(parts) == 1 else (parts[0], parts[1])
    return date.fromordinal(date(year + month // 12, month % 12 + 1, 1).toordinal() - 1)
