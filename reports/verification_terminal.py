"""`matchday verify` in a terminal: each step's figures, predicted and measured, then how far off they were."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from capacity.prediction.verify import BELOW, Compared, Step, Verification
from reports.figures import number
from reports.terminal import indented

# Of a step in the terminal; the files have every figure.
_SHOWN = ("requests_per_s", "utilisation_machine", "utilisation_app")


def print_verification(out: Console, found: Verification) -> None:
    """Steps, then errors and coverage."""
    out.print()
    out.print(
        Text(f"{found.scenario}: predicted from up to {found.calibrated_up_to_people:,} people, then measured", "bold")
    )
    for step in found.steps:
        out.print()
        out.print(_title(step))
        if step.figures:
            out.print(_figures(step))
    out.print()
    if not found.summaries:
        out.print(indented(f"No step below {BELOW:.0%} can be compared.", "yellow"))
        return
    out.print(f"Below {BELOW:.0%} busy:")
    out.print(_summaries(found))
    if any(summary.error_at_speed is not None for summary in found.summaries):
        out.print(
            indented("At its speed: the error that is left when the machine's speed in each run is known.", "dim")
        )


def _title(step: Step) -> str:
    busy = f", machine {step.utilisation:.0%} busy" if step.utilisation is not None else ""
    text = f"{step.people:,} people{busy}"
    if step.invalid:
        return f"{text}: invalid, {step.invalid}"
    return f"{text}; predicted: saturated" if step.saturated else text


def _figures(step: Step) -> Table:
    table = Table("", "Predicted", "90 % of runs", "Measured", "Error", "", box=None, padding=(0, 2, 0, 0))
    table.header_style = "bold"
    for column in (table.columns[1], *table.columns[3:5]):
        column.justify = "right"
    for figure in step.figures:
        if figure.key in _SHOWN or figure.title.endswith("p95"):
            table.add_row(*_row(figure))
    return table


def _row(figure: Compared) -> list[str | Text]:
    predicted = figure.predicted
    return [
        f"{figure.title}, {figure.unit}",
        number(predicted.value),
        f"{number(predicted.low)} to {number(predicted.high)}",
        number(figure.measured),
        "–" if figure.error is None else f"{figure.error:+.0%}",
        Text("inside", "green") if figure.covered else Text("outside", "yellow"),
    ]


def _summaries(found: Verification) -> Table:
    columns = ("", "Steps", "Mean error", "Worst", "At its speed", "Inside")
    table = Table(*columns, box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    for summary in found.summaries:
        table.add_row(
            summary.title,
            str(summary.steps),
            f"{summary.error:.0%}",
            f"{summary.worst:.0%}",
            f"{summary.error_at_speed:.0%}" if summary.error_at_speed is not None else "–",
            f"{summary.covered:.0%}",
        )
    return table
