"""Cost reports as HTML: one file each, that opens offline and prints."""

from capacity.costs.bill import PhaseBill
from capacity.costs.report import CostReport
from reports import costs_charts, costs_text
from reports.figures import cents, whole_usd
from reports.html import templates


def all_page(report: CostReport) -> str:
    """Over all phases, with all charts."""
    bills = report.phases
    return _rendered(
        report,
        bills,
        {
            "Plan, list and need": costs_charts.plan_list_need(bills),
            "What it is for": costs_charts.by_category(bills),
            f"{len(report.weeks)} weeks": costs_charts.over_weeks(report),
            "A user, the more there are": costs_charts.by_users(report.by_users, bills),
            "What matters most": costs_charts.tornado(report.tornado, len(report.weeks)),
        },
        whole=True,
    )


def phase_page(report: CostReport, bill: PhaseBill) -> str:
    """One phase: its lines with every quantity."""
    charts = {
        "Plan, list and need": costs_charts.plan_list_need([bill]),
        "What it is for": costs_charts.by_category([bill]),
    }
    return _rendered(report, (bill,), charts, whole=False)


def _rendered(report: CostReport, bills: tuple[PhaseBill, ...], charts: dict[str, str], whole: bool) -> str:
    return templates.get_template("costs.html").render(
        report=report, bills=bills, charts=charts, whole=whole, text=costs_text, cents=cents, whole_usd=whole_usd
    )
