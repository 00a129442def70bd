"""A bill's lines: what the plan says, the same at list prices, and the list price of what is needed. Exact money."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from capacity.costs.usage import Origin
from scenarios.costs import NETWORK, CostLine
from scenarios.prices.price_list import Confidence, Price

Category = Literal["service", "network"]


@dataclass(frozen=True)
class Item:
    """A quantity at a list price. `unit_usd` is that of the first tier that costs something."""

    title: str
    price: str
    quantity: Decimal
    unit: str
    unit_usd: Decimal
    usd_per_month: Decimal
    origin: Origin
    note: str
    confidence: Confidence
    as_of: str
    source: str


@dataclass(frozen=True)
class Line:
    """One resource. `plan_usd` is None where the plan has no such line; no items are an unknown price, not nothing."""

    resource: str
    item: str
    plan_quantity: Decimal | None
    plan_unit: str
    plan_unit_usd: Decimal | None
    plan_basis: str
    plan_note: str
    plan_usd: Decimal | None
    list_usd: Decimal | None
    list_items: tuple[Item, ...]
    need_usd: Decimal | None
    need_items: tuple[Item, ...]
    unknown: str  # what is not in the amounts, and why

    @property
    def category(self) -> Category:
        return category_of(self.resource)


def category_of(resource: str) -> Category:
    """Where the money goes."""
    return "network" if resource in NETWORK else "service"


def item(title: str, price: Price, quantity: float | Decimal, origin: Origin, note: str = "") -> Item:
    """Quantities are estimates, three decimals of them; what they cost is exact."""
    count = quantity if isinstance(quantity, Decimal) else Decimal(str(round(quantity, 3)))
    return Item(
        title,
        price.key,
        count,
        price.unit,
        price.first_usd,
        price.usd(count),
        origin,
        note,
        price.confidence,
        price.as_of,
        price.source,
    )


def planned(line: CostLine, list_items: Sequence[Item], need_items: Sequence[Item], unknown: str = "") -> Line:
    return Line(
        line.resource,
        line.item,
        line.quantity,
        line.unit,
        line.unit_usd,
        line.basis,
        line.note,
        line.quantity * line.unit_usd,
        _sum(list_items),
        tuple(list_items),
        _sum(need_items),
        tuple(need_items),
        unknown,
    )


def unplanned(resource: str, title: str, need_items: Sequence[Item], unknown: str = "") -> Line:
    """What is needed and in no line of the plan."""
    need = tuple(need_items)
    return Line(resource, title, None, "", None, "", "not in the plan", None, None, (), _sum(need), need, unknown)


def by_confidence(items: Iterable[Item]) -> dict[Confidence, Decimal]:
    """How much of a total is known how well, the best first; in dollars."""
    found = dict.fromkeys(Confidence, Decimal())
    for one in items:
        found[one.confidence] += one.usd_per_month
    return {confidence: usd for confidence, usd in found.items() if usd}


def _sum(items: Sequence[Item]) -> Decimal | None:
    return sum((one.usd_per_month for one in items), Decimal()) if items else None
