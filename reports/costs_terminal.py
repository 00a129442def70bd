"""`matchday cost` in a terminal: each phase's lines by plan, list and need; the weeks; the plan for 10,000 users."""

from collections.abc import Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from capacity.costs.bill import PhaseBill
from capacity.costs.budget import Amount, Budget, Difference
from capacity.costs.lines import Line
from capacity.costs.report import CostReport
from capacity.costs.seed import TenThousand
from reports.costs_text import how, on_top, quantity, summary, switch_text, totals, week_cells
from reports.figures import cents, usd, usd_range, whole_usd
from reports.terminal import indented

_TORNADO_SHOWN = 6


def print_costs(out: Console, report: CostReport) -> None:
    """Phases in full, weeks, the plan's tables; a single phase with every quantity."""
    for bill in report.phases:
        print_bill(out, bill, items=len(report.phases) == 1)
        out.print()
    _print_weeks(out, report)
    out.print()
    _print_commitments(out, report)
    _print_ten_thousand(out, report.ten_thousand)
    out.print()
    for line in how(report):
        out.print(line, style="dim")


def print_phases(out: Console, report: CostReport) -> None:
    """One line a phase."""
    table = _table("Phase", "Users", "Weeks", "Plan, stated", "Plan", "List", "Need")
    for bill in report.phases:
        table.add_row(
            f"{bill.phase} ({bill.name})",
            f"{bill.users:,}",
            f"{bill.weeks[0]}-{bill.weeks[1]}",
            usd_range(bill.stated_usd_per_month),
            usd(bill.total.plan) + ("" if bill.inside_stated else " (outside)"),
            whole_usd(bill.total.list),
            whole_usd(bill.total.need),
        )
    out.print("Cost of the phases, US dollars a month")
    out.print(table)
    out.print("List: the same at public prices; need: what the model says is used. `matchday cost` has the lines.")


def print_bill(out: Console, bill: PhaseBill, items: bool) -> None:
    out.print(Text(f"{bill.title} (weeks {bill.weeks[0]} to {bill.weeks[1]}), US dollars a month", "bold"))
    table = _table("", "Plan", "List", "Need")
    for line in bill.lines:
        table.add_row(line.item, *(cents(one) for one in (line.plan_usd, line.list_usd, line.need_usd)))
        if items:
            for row in _items(line):
                table.add_row(*row)
    table.add_section()
    total = bill.total
    table.add_row("Total", *(cents(one) for one in (total.plan, total.list, total.need)), style="bold")
    out.print(table)
    for text in summary(bill):
        out.print(indented(text))


def _items(line: Line) -> list[tuple[RenderableType, ...]]:
    rows: list[tuple[RenderableType, ...]] = []
    if line.plan_quantity is not None and line.plan_unit_usd is not None:
        text = f"plan: {line.plan_quantity:,f} {line.plan_unit} x ${line.plan_unit_usd:f} ({line.plan_basis})"
        rows.append((indented(text, "dim"), "", "", ""))
    for kind, found in (("list", line.list_items), ("need", line.need_items)):
        for one in found:
            usd = Text(cents(one.usd_per_month), "dim")
            amounts = ("", usd, "") if kind == "list" else ("", "", usd)
            rows.append((indented(f"{kind}: {one.title}, {quantity(one)}", "dim"), *amounts))
    return rows


def _print_weeks(out: Console, report: CostReport) -> None:
    out.print(Text(f"{len(report.weeks)} weeks, used {report.usage}; US dollars a week", "bold"))
    table = _table("Week", "Registered", "At once", "Plan's servers", "Model's", "Plan", "Need", "90 % between")
    for column in table.columns[3:5]:  # names of scenarios may be long; money is never cut
        column.no_wrap, column.overflow = False, "fold"
    for week in report.weeks:
        table.add_row(*week_cells(week))
    out.print(table)
    for switch in report.switches[1:]:
        out.print(indented(switch_text(switch)))
    for text in totals(report):
        out.print(indented(text))
    out.print()
    out.print(Text(f"What matters most to the need of {len(report.weeks)} weeks", "bold"))
    table = _table("", "Low", "High")
    for bar in report.tornado[:_TORNADO_SHOWN]:
        table.add_row(bar.title, *(f"{value - bar.middle_usd:+,.0f}" for value in (bar.low_usd, bar.high_usd)))
    out.print(table)


def _print_commitments(out: Console, report: CostReport) -> None:
    name = report.phases[-1].name
    out.print(Text(f"Bound for longer: the servers of {name}, US dollars", "bold"))
    table = _table("", "A month", "Saves", "Bound in all", "Pays off after")
    servers = ""
    for one in report.commitments:
        if one.servers != servers:
            servers = one.servers
            table.add_row(servers)
        months = one.breaks_even_months
        table.add_row(
            f"  {one.term}",
            cents(one.usd_per_month) if one.usd_per_month is not None else "unknown",
            "" if not one.saves_share else f"{one.saves_share:.0%}",
            "" if not one.bound_usd else whole_usd(one.bound_usd),
            "" if not months else f"{months:.1f} months",
        )
    out.print(table)


def _print_ten_thousand(out: Console, plan: TenThousand) -> None:
    for title, items, total in (
        ("10,000 users: line items of the specification", plan.line_items, usd(plan.line_items_usd_per_month)),
        ("10,000 users: cost breakdown", plan.breakdown, usd_range(plan.breakdown_usd_per_month)),
    ):
        out.print()
        out.print(Text(title, "bold"))
        table = Table("Item", "A month", "", box=None, padding=(0, 2, 0, 0))
        table.columns[1].justify = "right"
        for item in items:
            table.add_row(item.item, usd_range(item.usd_per_month), Text(item.note, "dim"))
        table.add_section()
        table.add_row("Total", total, "")
        out.print(table)
    out.print()
    out.print(Text("Why they differ, and what comes on top", "bold"))
    table = Table("", "A month", "", box=None, padding=(0, 2, 0, 0), show_header=False)
    table.columns[1].justify = "right"
    for row in on_top(plan):
        table.add_row(row[0], row[1], Text(row[2], "dim"))
    out.print(table)


def print_budgets(out: Console, found: Sequence[Budget]) -> None:
    for one in found:
        if one.kept:
            text = f"{one.name}: {one.kind} {usd(one.total_usd)} keeps its budget of {usd(one.budget_usd)}."
            out.print(Text(text, "green"))
            continue
        out.print(
            Text(
                f"{one.name}: {one.kind} {usd(one.total_usd)} is {usd(one.over_usd)} over its budget of "
                f"{usd(one.budget_usd)}. The largest lines:",
                "bold red",
            )
        )
        for item, amount in one.largest:
            out.print(f"  {item}: {usd(round(amount, 2))}")


def print_difference(out: Console, found: Difference) -> None:
    out.print(Text(f"{found.before} → {found.after}, US dollars a month", "bold"))
    table = _table("", "Plan", "", "List", "", "Need", "")
    for one in (*found.lines, found.total):
        cells = [cell for amount in (one.plan, one.list, one.need) for cell in _cells(amount)]
        table.add_row(one.item, *cells, style="bold" if one is found.total else "")
    out.print(table)


def _cells(amount: Amount) -> tuple[str, str]:
    change = amount.change
    return cents(amount.after), "" if not change else f"{change:+,.2f}"


def _table(first: str, *rest: str) -> Table:
    table = Table(first, *rest, box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
        column.no_wrap = True
    return table
