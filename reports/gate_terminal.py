"""A gate in a terminal: verdict, reasons, one table. Readable at 80 columns and in a CI log."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from capacity.gate.noise import NoiseFloor, wanted_change
from capacity.gate.result import GateResult
from reports.gate_rows import Row, change, columns, compared_title, rows, trend_text, warm_up_text
from reports.terminal import STYLES, indented
from scenarios.outcome import Verdict


def print_gate(out: Console, result: GateResult) -> None:
    """Verdict first, then why, then what decides; endpoints only where they got slower."""
    out.print(Text.assemble("Gate: ", (result.verdict.upper(), STYLES[result.verdict])))
    for reason in result.reasons:
        out.print(indented(reason))
    by_run = {run.run: run for run in result.runs}
    for title, found in rows(result):
        out.print()
        out.print(Text(title, "bold"), soft_wrap=True)
        if title in by_run:
            out.print(Text(f"{warm_up_text(by_run[title])}, {by_run[title].state}", "dim"))
        shown = [row for row in found if row.shown]
        out.print(_table(result, shown))
        for row in shown:
            if row.verdict in (Verdict.INCONCLUSIVE, Verdict.ERROR) and row.note:
                out.print(indented(f"{row.title}: {row.note}", "dim"))
        if others := len(found) - len(shown):
            out.print(Text(f"{others} more endpoints, typical latencies and stations: none surely slower", "dim"))
    if changed := [trend for trend in result.trends if trend.changes]:
        out.print()
        for trend in changed:
            out.print(Text(f"History: {trend_text(trend)}"))
    for why in result.left_out:
        out.print(Text(f"Not counted: {why}", "dim"))


def _table(result: GateResult, shown: list[Row]) -> Table:
    table = Table(*columns(result), "Verdict", box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in table.columns[1:4]:
        column.justify = "right"
    for row in shown:
        style = "yellow" if row.warning else STYLES[row.verdict]
        table.add_row(row.title, row.value, row.interval, row.limit, Text(row.verdict_text, style))
    return table


def print_noise(out: Console, floor: NoiseFloor, result: GateResult) -> None:
    """What a machine shows of one backend against itself, for what decides and for CPU."""
    assert result.comparison
    decide = [(row.key, compared_title(row)) for row in result.comparison.quantities if row.decides]
    decide += [(row.title, row.title) for row in result.comparison.cpu[:1]]
    runs = floor.pairs, floor.pairs
    table = Table("Latency", "Run to run", "Pair to pair", "Wanted of a change", box=None, padding=(0, 2, 0, 0))
    table.header_style = "bold"
    for column in table.columns[1:]:
        column.justify = "right"
    for key, title in decide:
        if key in floor.of_a_pair:
            least = wanted_change(floor, result.rules, key, runs, paired=True)
            spread = (f"± {100 * of[key]:.1f} %" for of in (floor.of_a_run, floor.of_a_pair))
            table.add_row(title, *spread, change(least))
    out.print(Text(f"Noise floor of this machine, {floor.pairs} pairs of one backend", "bold"))
    out.print(table)
