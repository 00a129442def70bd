"""What every form of a cost report says in words."""

from decimal import Decimal

from capacity.costs.bill import KINDS, PhaseBill
from capacity.costs.lines import Item
from capacity.costs.report import CostReport, Switch, WeekCost
from capacity.costs.seed import TenThousand
from reports.figures import cents, number, share_range, usd, usd_range, whole_usd


def summary(bill: PhaseBill) -> list[str]:
    """Sentences on a bill."""
    inside, need = "inside" if bill.inside_stated else "OUTSIDE", bill.each["need"]
    return [
        f"Plan: {inside} its stated {usd_range(bill.stated_usd_per_month)}. Need: {bill.servers}, for "
        f"{number(round(bill.people_peak))} people at once.",
        f"A registered user: {', '.join(f'{kind} ${bill.each[kind].per_user:.3f}' for kind in KINDS)}.",
        f"Need: {whole_usd(bill.fixed_need_usd)} without anybody, and each user adds "
        f"${bill.marginal_need_usd_per_user:.3f} on average. A daily active user ${need.per_daily_active_user:.3f}, "
        f"1,000 swipes ${need.per_1000_swipes or 0:.4f}, a message ${need.per_message or 0:.6f}.",
        f"Network: {', '.join(f'{kind} {whole_usd(bill.network.of(kind))}' for kind in KINDS)}; the rest is service.",
        *alternatives(bill),
        *doubts(bill),
        *(f"Not in it: {text}." for text in bill.unknown),
    ]


def alternatives(bill: PhaseBill) -> list[str]:
    """What else is on the list for the same use."""
    fitting = [f"{one.name} {cents(one.usd_per_month)}" for one in bill.cdn if not one.breaks]
    found = [f"CDN for this use: {', '.join(fitting)}."] if fitting else []
    redis = next(
        (line.list_items[0].usd_per_month for line in bill.lines if line.resource == "cache" and line.list_items), None
    )
    if bill.valkey_usd is not None and redis is not None:
        found.append(f"Valkey instead of Redis on the same nodes: {cents(bill.valkey_usd)} instead of {cents(redis)}.")
    return found


def doubts(bill: PhaseBill) -> list[str]:
    """How much of a total stands on prices that are not verified."""
    found = []
    for kind, shares in bill.confidence.items():
        total = sum(shares.values(), Decimal())
        doubtful = [f"{_percent(amount / total)} {name}" for name, amount in shares.items() if name != "verified"]
        if doubtful:
            found.append(f"Prices of {kind}: {', '.join(doubtful)}, the rest verified.")
    return found


def _percent(share: Decimal) -> str:
    return f"{share:.0%}" if share >= Decimal("0.005") else "below 1%"


def quantity(one: Item) -> str:
    """How much, where that comes from; and how well its price is known, if not well."""
    doubt = "" if one.confidence == "verified" else f", price {one.confidence}"
    return f"{plain(one.quantity)} {one.unit} ({one.origin}{doubt})"


def plain(value: Decimal) -> str:
    """A quantity: whole where it is large."""
    return f"{value:,.0f}" if value >= 100 or value == value.to_integral_value() else f"{value:,.2f}"


def week_cells(week: WeekCost) -> tuple[str, ...]:
    """Week, registered, at once, servers by plan and by model, plan, need, and where 90 % lie."""
    need = week.need_usd
    return (
        str(week.week),
        number(round(week.registered)),
        number(round(week.people_peak)),
        week.phase_by_plan,
        week.phase_by_model,
        whole_usd(week.plan_usd),
        whole_usd(need.middle),
        f"{whole_usd(need.p5)}–{whole_usd(need.p95)[1:]}",
    )


def switch_text(switch: Switch) -> str:
    """When the model wants a phase's servers."""
    low, middle, high = ("in none of these weeks" if week is None else f"in week {week}" for week in switch.by_model)
    return (
        f"{switch.phase}: the plan takes its servers in week {switch.by_plan}; the model {middle}, with low growth "
        f"{low}, with high {high}; {switch.drawn_share:.0%} of the drawn ways get there. They hold "
        f"{number(round(switch.holds_people))} at once, then {switch.breaks_first}."
    )


def totals(report: CostReport) -> list[str]:
    """Sentences on all weeks together."""
    over = report.over
    need = over.need_usd
    return [
        f"{over.weeks} weeks: plan {whole_usd(over.plan_usd)}, need {whole_usd(need.middle)} (low growth "
        f"{whole_usd(need.low)}, high {whole_usd(need.high)}; 90 % of {report.draws:,} ways "
        f"{whole_usd(need.p5)} to {whole_usd(need.p95)}).",
        f"Where it goes: service {whole_usd(over.service_usd)}, network {whole_usd(over.network_usd)}, people "
        f"{whole_usd(over.people_usd)}.",
    ]


def on_top(plan: TenThousand) -> list[tuple[str, str, str]]:
    """From the line items to the grand total: what, dollars, why."""
    contingency = f"the plan's contingency: {share_range(plan.contingency_share)} on the line items"
    return [
        ("Line items", usd(plan.line_items_usd_per_month), ""),
        *((f"+ {one.item}", usd(one.usd_per_month), one.reason) for one in plan.differences),
        ("Line items with contingency", usd_range(plan.contingency_stated_usd_per_month), contingency),
        (f"Breakdown + {plan.buffer_share:.0%} buffer", usd_range(plan.buffered_usd_per_month), ""),
        ("Team", usd(plan.team_usd_per_month), f"{sum(one.people for one in plan.team)} people"),
        ("Grand total", usd_range(plan.grand_total_usd_per_month), ""),
    ]


def how(report: CostReport) -> list[str]:
    """What the columns are, and where prices and quantities come from."""
    prices = report.prices
    doubtful = f"; not verified: {', '.join(prices.not_verified)}" if prices.not_verified else ""
    undated = f"; without a date: {', '.join(prices.undated)}" if prices.undated else ""
    return [
        "Plan: the growth plan's prices. List: the same resources at public prices. Need: public prices of what the "
        "model says is used, on demand. A phase needs as many servers as keep the alerts (CPU 70 % at the peak); none "
        "is spare: matchday plan, and the table of users, have one. Over the weeks a phase's own servers stay until a "
        "latency target would be missed or something is 90 % busy.",
        f"Prices: {prices.file}, of {prices.oldest} to {prices.newest}, regions {', '.join(prices.regions)}, no tax"
        f"{doubtful}{undated}.",
        f"Quantities of what people do are {report.rates}; used {report.usage}.",
    ]
