"""A cost report as Markdown: of one phase, or of all."""

from collections.abc import Iterator, Sequence

from capacity.costs.bill import PhaseBill
from capacity.costs.lines import Line
from capacity.costs.report import CostReport
from reports.costs_text import how, on_top, plain, quantity, summary, switch_text, totals, week_cells
from reports.figures import cents, usd_range, whole_usd
from reports.markdown import escaped


def phase_markdown(report: CostReport, bill: PhaseBill) -> str:
    """One phase with every quantity."""
    return _text([*_phase(bill, "#"), "", *_how(report)])


def all_markdown(report: CostReport) -> str:
    """All phases, the weeks, what is uncertain, and the plan's own tables."""
    lines = ["# What the phases cost", "", *_overview(report), ""]
    lines += [*_weeks(report), "", *_tornado(report), "", *_users(report), "", *_commitments(report), ""]
    lines += [*_plan(report), ""]
    for bill in report.phases:
        lines += [*_phase(bill, "##"), ""]
    return _text([*lines, *_how(report)])


def _overview(report: CostReport) -> Iterator[str]:
    head = ("Phase", "Users", "Weeks", "Plan, stated", "Plan", "List", "Need")
    rows = [
        (
            bill.title,
            f"{bill.users:,}",
            f"{bill.weeks[0]}–{bill.weeks[1]}",
            usd_range(bill.stated_usd_per_month),
            *(cents(one) for one in (bill.total.plan, bill.total.list, bill.total.need)),
        )
        for bill in report.phases
    ]
    yield from table(head, rows)
    yield ""
    yield "US dollars a month."


def _phase(bill: PhaseBill, level: str) -> Iterator[str]:
    yield f"{level} {escaped(bill.title)}"
    yield ""
    yield f"Weeks {bill.weeks[0]} to {bill.weeks[1]}, {bill.users:,} users; US dollars a month."
    yield ""
    rows = [(line.item, *(cents(one) for one in (line.plan_usd, line.list_usd, line.need_usd))) for line in bill.lines]
    total = bill.total
    rows.append(("**Total**", *(f"**{cents(one)}**" for one in (total.plan, total.list, total.need))))
    yield from table(("", "Plan", "List", "Need"), rows, last_bold=True)
    yield ""
    yield from (f"- {escaped(text)}" for text in summary(bill))
    yield ""
    yield f"{level}# Quantities"
    yield ""
    rows = [row for line in bill.lines for row in _items(line)]
    yield from table(("Line", "Of", "What", "Quantity", "A month", "Price of"), rows)


def _items(line: Line) -> Iterator[tuple[str, ...]]:
    if line.plan_quantity is not None:
        text = f"{plain(line.plan_quantity)} {line.plan_unit} × ${line.plan_unit_usd:f} ({line.plan_basis})"
        yield line.item, "plan", line.plan_note, text, cents(line.plan_usd), "the plan"
    for kind, items in (("list", line.list_items), ("need", line.need_items)):
        for one in items:
            what = f"{one.title}; {one.note}" if one.note else one.title
            yield line.item, kind, what, quantity(one), cents(one.usd_per_month), one.as_of or "no date"


def _weeks(report: CostReport) -> Iterator[str]:
    yield f"## {len(report.weeks)} weeks"
    yield ""
    head = ("Week", "Registered", "At once", "Plan's servers", "Model's servers", "Plan", "Need", "90 % between")
    yield from table(head, [week_cells(week) for week in report.weeks])
    yield ""
    yield from (f"- {escaped(text)}" for text in (*map(switch_text, report.switches[1:]), *totals(report)))


def _tornado(report: CostReport) -> Iterator[str]:
    yield "## What matters most"
    yield ""
    rows = [
        (bar.title, *(f"{value - bar.middle_usd:+,.0f}" for value in (bar.low_usd, bar.high_usd)))
        for bar in report.tornado
        if bar.swing_usd >= 1
    ]
    yield from table(("Figure, from low to high", "Low", "High"), rows)
    yield ""
    yield f"US dollars that the need of {len(report.weeks)} weeks changes by, with all else in its middle."


def _users(report: CostReport) -> Iterator[str]:
    yield "## A user, the more there are"
    yield ""
    rows = [
        (f"{one.users:,}", whole_usd(one.need_usd_per_month), f"${one.need_usd_per_user:.3f}")
        for one in report.by_users
    ]
    yield from table(("Registered users", "Need a month", "A user"), rows)
    yield ""
    yield "With the cheapest servers of all that hold so many, one of which may fail."


def _commitments(report: CostReport) -> Iterator[str]:
    yield f"## Bound for longer: the servers of {escaped(report.phases[-1].name)}"
    yield ""
    rows = [
        (
            one.servers,
            one.term,
            cents(one.usd_per_month) if one.usd_per_month is not None else "price unknown",
            f"{one.saves_share:.0%}" if one.saves_share else "",
            whole_usd(one.upfront_usd) if one.upfront_usd else "",
            whole_usd(one.bound_usd) if one.bound_usd else "",
            f"{one.breaks_even_months:.1f}" if one.breaks_even_months else "",
        )
        for one in report.commitments
    ]
    yield from table(("Servers", "Term", "A month", "Saves", "Upfront", "Bound in all", "Pays off after months"), rows)


def _plan(report: CostReport) -> Iterator[str]:
    plan = report.ten_thousand
    yield "## The plan for 10,000 users"
    for title, items, total in (
        ("Line items of the specification", plan.line_items, cents(plan.line_items_usd_per_month)),
        ("Cost breakdown", plan.breakdown, usd_range(plan.breakdown_usd_per_month)),
    ):
        yield ""
        rows = [(one.item, usd_range(one.usd_per_month), one.note) for one in items]
        yield from table((title, "A month", ""), [*rows, ("**Total**", f"**{total}**", "")], last_bold=True)
    yield ""
    yield from table(("Why they differ, and what comes on top", "A month", ""), on_top(plan))
    yield ""
    yield from table(
        ("Team", "A month"), [(f"{one.people} × {one.role}", cents(one.usd_per_month)) for one in plan.team]
    )


def _how(report: CostReport) -> Iterator[str]:
    yield from (f"- {escaped(text)}" for text in how(report))


def table(head: Sequence[str], rows: Sequence[Sequence[str]], last_bold: bool = False) -> Iterator[str]:
    """Names may come from a stranger's scenario; only a last row of ours is in bold."""
    yield f"| {' | '.join(head)} |"
    yield f"| {' | '.join(('---', *('---:' for _ in head[1:])))} |"
    for row in rows:
        cells = row if last_bold and row is rows[-1] else [escaped(cell) for cell in row]
        yield f"| {' | '.join(cells)} |"


def _text(lines: Sequence[str]) -> str:
    return "\n".join(lines).rstrip() + "\n"
