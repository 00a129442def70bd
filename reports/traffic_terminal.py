"""`matchday traffic` in a terminal: what the behaviour makes of the traffic model, beside what is published."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from reports.figures import number
from reports.terminal import indented
from scenarios.figures import Behaviour, Figure

_NOISE = 2.0  # standard errors


def print_behaviour(out: Console, found: Behaviour) -> None:
    """The figures with their sources, then the requests of so many people."""
    out.print(f"How the people of {found.scenario} behave, imagined without a network")
    out.print()
    out.print(_figures(found))
    for key in dict.fromkeys(figure.source for figure in found.figures):
        out.print(indented(f"{key}: {found.sources[key]}", "dim"))
    out.print()
    out.print(_requests(found))


def _figures(found: Behaviour) -> Table:
    table = Table("Figure", "Here", "Published", "Deviation", "Source", box=None, padding=(0, 1, 0, 0))
    table.header_style = "bold"
    for column in table.columns[1:4]:
        column.justify = "right"
    for figure in found.figures:
        here = f"{_rounded(figure.value)} ± {figure.error:.1g}"
        title = f"{figure.title}, {figure.unit}" if figure.unit else figure.title
        table.add_row(title, here, _range(figure), _deviation(figure), figure.source)
    return table


def _deviation(figure: Figure) -> Text:
    if not figure.deviation:
        return Text("inside", "green")
    beyond = figure.low - figure.value if figure.value < figure.low else figure.value - figure.high
    return Text(f"{figure.deviation:+.0%}", "dim" if beyond <= _NOISE * figure.error else "yellow")


def _range(figure: Figure) -> str:
    low, high = _rounded(figure.low), _rounded(figure.high)
    return low if low == high else f"{low}–{high}"


def _rounded(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"


def _requests(found: Behaviour) -> Table:
    table = Table("Request", "A person-minute", f"A second, {found.people:,} people", box=None, padding=(0, 2, 0, 0))
    table.header_style = "bold"
    for column in table.columns[1:]:
        column.justify = "right"
    for name, rate in found.requests_a_minute.items():
        table.add_row(name, number(rate, ""), number(rate * found.people / 60, ""))
    total = sum(found.requests_a_minute.values())
    table.add_section()
    table.add_row("Together", number(total, ""), number(total * found.people / 60, ""))
    return table
