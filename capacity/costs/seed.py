"""The plan's own money for 10,000 users: its two tables, why they differ, contingency, buffer, team, grand total."""

from dataclasses import dataclass
from decimal import Decimal

from scenarios.costs import Plan, PlanItem, TableDifference, TeamLine

# Low and high; equal where the plan gives one amount.
UsdRange = tuple[Decimal, Decimal]


@dataclass(frozen=True)
class TenThousand:
    """Both tables, why they differ, team and totals."""

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


def _total(items: tuple[PlanItem, ...]) -> UsdRange:
    low = sum((item.usd_per_month[0] for item in items), Decimal())
    high = sum((item.usd_per_month[1] for item in items), Decimal())
    return low, high


def _scaled(amounts: UsdRange, factor: Decimal) -> UsdRange:
    return amounts[0] * factor, amounts[1] * factor
