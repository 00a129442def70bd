"""`matchday plan` in a terminal: what to rent, what it costs, and why nothing cheaper."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from capacity.plan import Choice, Plan
from capacity.planning.options import CONNECTIONS_SHARE, CPU_SHARE, FAILOVER_CPU_SHARE, MEMORY_SHARE
from capacity.planning.search import Rejected
from reports.figures import cents, number, whole_usd
from reports.terminal import indented

_REJECTED_SHOWN, _CDN_SHOWN = 4, 2  # of each kind


def print_plan(out: Console, found: Plan) -> None:
    at_once = number(round(found.people_peak))
    title = f"{found.users:,} users of {found.scenario}: {at_once} at once at the busiest moment, used {found.used}"
    out.print(Text(title, "bold"))
    table = _table("", "App servers", "Database", "Cache", "A month")
    for choice in (found.cheapest, found.runner_up, found.drawn):
        if choice:
            usd = whole_usd(choice.usd_per_month)
            table.add_row(choice.title, choice.app, choice.database, choice.cache, usd)
    table.columns[-1].justify = "right"
    out.print(table)
    out.print(indented(_drawn(found.drawn)))
    out.print(indented(f"CDN: {found.cdn.name}, {cents(found.cdn.usd_per_month)} a month."))
    out.print()
    _print_rejected(out, found)
    out.print(Text(f"With one app server lost, in {found.confidence:.0%} of {found.ways:,} ways", "bold"))
    table = _table("Target", "p95 below", "Limit")
    for one in found.latencies:
        table.add_row(one.target, number(one.ms, "ms"), number(one.limit_ms, "ms"))
    _right(table)
    out.print(table)
    out.print()
    out.print(Text("The whole bill with the cheapest, US dollars a month", "bold"))
    table = _table("", "A month")
    for part in found.lines:
        table.add_row(part.item, cents(part.need_usd))
    table.add_section()
    table.add_row("Total", cents(found.usd_per_month), style="bold")
    _right(table)
    out.print(table)
    out.print(indented(f"${found.usd_per_user:.3f} a registered user."))
    for line in notes(found):
        out.print(line, style="dim")


def notes(found: Plan) -> list[str]:
    """How it was found, and what it does not know."""
    return [
        f"{found.server_types} server types of machines.toml, {found.combinations} combinations judged together. "
        f"At most: CPU {CPU_SHARE:.0%} at the peak, {FAILOVER_CPU_SHARE:.0%} with one app server lost; memory "
        f"{MEMORY_SHARE:.0%}; database connections {CONNECTIONS_SHARE:.0%}. How fast other servers are is assumed.",
        "Not judged: uptime, database queries a second, concurrent users as such. Not known, and not in it: how much "
        "the data takes on disk and in the database's memory, backups, what an open socket takes.",
    ]


def _drawn(choice: Choice) -> str:
    if not choice.breaks:
        return f"{choice.title} servers hold every limit."
    return f"{choice.title} servers break: {choice.breaks}."


def _print_rejected(out: Console, found: Plan) -> None:
    rows = [(_NAMES[one.role], one.title, one.saves_usd_per_month, one.breaks) for one in _shown(found)]
    saved = float(found.cdn.usd_per_month)
    nearest = found.rejected_cdn[-_CDN_SHOWN:]
    rows += [("CDN", one.name, saved - float(one.usd_per_month), one.breaks) for one in nearest]
    if not rows:
        return
    out.print(Text("Cheaper, and what it breaks", "bold"))
    table = _table("", "Instead", "Saves", "Breaks")
    for name, title, saves, breaks in rows:
        table.add_row(name, title, whole_usd(saves), breaks)
    table.columns[2].justify = "right"
    out.print(table)
    out.print()


_NAMES = {"app": "App servers", "database": "Database", "cache": "Cache"}


def _shown(found: Plan) -> list[Rejected]:
    """Of each kind those that come nearest to the price of what holds: the others break by more."""
    return [one for role in _NAMES for one in [each for each in found.rejected if each.role == role][-_REJECTED_SHOWN:]]


def _table(*names: str) -> Table:
    return Table(*names, box=None, padding=(0, 2, 0, 0), header_style="bold")


def _right(table: Table) -> None:
    for column in table.columns[1:]:
        column.justify = "right"
