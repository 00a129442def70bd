"""The bill: each phase's lines, and the plan's two tables for 10,000 users, reproduced to the dollar."""

from dataclasses import dataclass
from decimal import Decimal

from scenarios.schema import CostLine, Plan, PlanItem, Scenario, TableDifference, TeamLine

# Low and high; equal where the plan gives one amount.
UsdRange = tuple[Decimal, Decimal]


@dataclass(frozen=True)
class Line:
    """One resource of a phase."""

    item: str
    quantity: Decimal
    unit: str
    unit_usd: Decimal
    usd_per_month: Decimal
    basis: str
    note: str


@dataclass(frozen=True)
class PhaseBill:
    """What a phase costs a month: stated by the plan, and added up from lines."""

    phase: int
    name: str
    title: str
    users: int
    weeks: tuple[int, int]
    stated_usd_per_month: UsdRange
    lines: tuple[Line, ...]
    total_usd_per_month: Decimal

    @property
    def inside_stated(self) -> bool:
        low, high = self.stated_usd_per_month
        return low <= self.total_usd_per_month <= high

    @property
    def usd_per_user(self) -> Decimal:
        return self.total_usd_per_month / self.users


@dataclass(frozen=True)
class TenThousand:
    """The plan's money for 10,000 users: both tables, why they differ, team and totals."""

    source: str
    line_items: tuple[PlanItem, ...]
    line_items_usd_per_month: Decimal
    contingency_stated_usd_per_month: UsdRange
    contingency_share: UsdRange  # of the line items; the plan states amounts only
    breakdown: tuple[PlanItem, ...]
    breakdown_usd_per_month: UsdRange
    buffer_share: Decimal
    buffered_usd_per_month: UsdRange
    differences: tuple[TableDifference, ...]
    team: tuple[TeamLine, ...]
    team_usd_per_month: Decimal
    grand_total_usd_per_month: UsdRange


@dataclass(frozen=True)
class CostReport:
    phases: tuple[PhaseBill, ...]
    ten_thousand: TenThousand


def phase_bill(scenario: Scenario) -> PhaseBill:
    lines = tuple(map(_line, scenario.costs.lines))
    return PhaseBill(
        phase=scenario.phase,
        name=scenario.name,
        title=scenario.title,
        users=scenario.population.users,
        weeks=scenario.weeks,
        stated_usd_per_month=scenario.costs.stated_usd_per_month,
        lines=lines,
        total_usd_per_month=sum((line.usd_per_month for line in lines), Decimal()),
    )


def ten_thousand(plan: Plan) -> TenThousand:
    line_items = _total(plan.line_items)[0]
    breakdown = _total(plan.breakdown)
    buffered = _scaled(breakdown, 1 + plan.buffer_share)
    team = sum((line.usd_per_month for line in plan.team), Decimal())
    low, high = plan.contingency_stated_usd_per_month
    return TenThousand(
        source=plan.source,
        line_items=plan.line_items,
        line_items_usd_per_month=line_items,
        contingency_stated_usd_per_month=(low, high),
        contingency_share=(low / line_items - 1, high / line_items - 1),
        breakdown=plan.breakdown,
        breakdown_usd_per_month=breakdown,
        buffer_share=plan.buffer_share,
        buffered_usd_per_month=buffered,
        differences=plan.differences,
        team=plan.team,
        team_usd_per_month=team,
        grand_total_usd_per_month=(buffered[0] + team, buffered[1] + team),
    )


def _line(line: CostLine) -> Line:
    usd = line.quantity * line.unit_usd
    return Line(line.item, line.quantity, line.unit, line.unit_usd, usd, line.basis, line.note)


def _total(items: tuple[PlanItem, ...]) -> UsdRange:
    low = sum((item.usd_per_month[0] for item in items), Decimal())
    high = sum((item.usd_per_month[1] for item in items), Decimal())
    return low, high


def _scaled(amounts: UsdRange, factor: Decimal) -> UsdRange:
    return amounts[0] * factor, amounts[1] * factor
