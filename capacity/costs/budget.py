"""A budget as a gate, and two plans line by line."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from capacity.costs.bill import KINDS, Kind, PhaseBill
from capacity.costs.lines import Line

_LINES_SHOWN = 5


@dataclass(frozen=True)
class Budget:
    """One phase against its budget, by one of its three totals, to the cent; the largest lines, in dollars a month."""

    name: str
    kind: Kind
    total_usd: Decimal
    budget_usd: Decimal
    largest: tuple[tuple[str, Decimal], ...]

    @property
    def over_usd(self) -> Decimal:
        return max(Decimal(), self.total_usd - self.budget_usd)

    @property
    def kept(self) -> bool:
        return self.total_usd <= self.budget_usd


def budgets(bills: Sequence[PhaseBill], kind: Kind) -> tuple[Budget, ...]:
    """Of those phases that have one."""
    return tuple(
        Budget(bill.name, kind, round(bill.total.of(kind), 2), bill.budget_usd_per_month, _largest(bill, kind))
        for bill in bills
        if bill.budget_usd_per_month is not None
    )


def _largest(bill: PhaseBill, kind: Kind) -> tuple[tuple[str, Decimal], ...]:
    known = [(line.item, usd) for line in bill.lines if (usd := getattr(line, f"{kind}_usd"))]
    return tuple(sorted(known, key=lambda one: -one[1])[:_LINES_SHOWN])


@dataclass(frozen=True)
class Amount:
    """In one plan and in the other; None where it is not there, or not known."""

    before: Decimal | None
    after: Decimal | None

    @property
    def change(self) -> Decimal | None:
        if self.before is None and self.after is None:
            return None
        return (self.after or Decimal()) - (self.before or Decimal())


@dataclass(frozen=True)
class LineDifference:
    resource: str
    item: str
    plan: Amount
    list: Amount
    need: Amount


@dataclass(frozen=True)
class Difference:
    """Two bills line by line; resources of both in the order of the first, then what only the second has."""

    before: str
    after: str
    users: tuple[int, int]
    lines: tuple[LineDifference, ...]
    total: LineDifference


def difference(before: PhaseBill, after: PhaseBill) -> Difference:
    first, second = _by_resource(before), _by_resource(after)
    lines = []
    for resource in dict.fromkeys((*first, *second)):
        one, other = first.get(resource, []), second.get(resource, [])
        title = (other or one)[0].item
        lines.append(LineDifference(resource, title, *(_amount(one, other, kind) for kind in KINDS)))
    totals = (Amount(before.total.of(kind), after.total.of(kind)) for kind in KINDS)
    return Difference(
        before.name, after.name, (before.users, after.users), tuple(lines), LineDifference("", "Total", *totals)
    )


def _by_resource(bill: PhaseBill) -> dict[str, list[Line]]:
    found: dict[str, list[Line]] = {}
    for line in bill.lines:
        found.setdefault(line.resource, []).append(line)
    return found


def _amount(before: Sequence[Line], after: Sequence[Line], kind: Kind) -> Amount:
    def total(lines: Sequence[Line]) -> Decimal | None:
        known = [usd for line in lines if (usd := getattr(line, f"{kind}_usd")) is not None]
        return sum(known, Decimal()) if known else None

    return Amount(total(before), total(after))
