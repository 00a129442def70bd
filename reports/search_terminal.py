"""`matchday search` in a terminal."""

from statistics import median

from rich.console import Console
from rich.table import Table
from rich.text import Text

from capacity.fits import Fits, Step
from reports.figures import number
from reports.terminal import indented

_RESULTS = {True: Text("holds", "green"), False: Text("breaks", "bold red"), None: Text("invalid", "bold magenta")}


def print_fits(out: Console, found: Fits) -> None:
    """The runs, then the answer."""
    out.print()
    out.print(_steps(found.steps))
    out.print()
    out.print(Text(_answer(found), "bold"))
    if found.requests_per_s:
        out.print(f"  {number(found.requests_per_s)} requests/s near it")
    if found.broke_first:
        out.print(f"  Broke first: {found.broke_first}")
    if found.busiest and found.busiest_share is not None:
        out.print(f"  Busiest: {found.busiest}, {found.busiest_share:.0%} busy")
    if found.headroom is not None:
        enough = f"{found.headroom:.0%} headroom" if found.headroom >= 0 else "not enough"
        out.print(f"  The phase needs {found.need:,} at once: {enough}")
    if work := [step.reference_work_cpu_ms for step in found.steps if step.reference_work_cpu_ms]:
        around = f"{number(min(work))} to {number(max(work))} in its runs"
        out.print(f"  Reference work: {number(median(work))} ms of CPU ({around})")
    if not found.settled:
        out.print(indented(f"Not settled: {found.unsettled_why}.", "yellow"))


def _answer(found: Fits) -> str:
    if not found.steps:
        return f"{found.scenario}: nothing was tried."
    if all(step.held is None for step in found.steps):
        return f"{found.scenario}: no run could tell whether its people fit"
    if found.high is None:
        beyond = "the most that were tried"
        if found.invalid_from:
            beyond = f"from {found.invalid_from:,} on runs are invalid: the generator or the machine is the limit"
        return f"{found.scenario}: {found.middle:,} people hold every target, {beyond}"
    return (
        f"{found.scenario}: {found.middle:,} people hold every target "
        f"({found.low:,} to {found.high:,}, {found.confidence:.0%} sure)"
    )


def _steps(steps: tuple[Step, ...]) -> Table:
    table = Table("People", "Result", "Requests/s", "Busiest", "", box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.columns[0].justify = table.columns[2].justify = "right"
    for step in steps:
        result = Text("unclear", "yellow") if step.few else _RESULTS[step.held]
        busiest = f"{step.busiest} {step.busiest_share:.0%}" if step.busiest and step.busiest_share else "–"
        table.add_row(f"{step.people:,}", result, number(step.requests_per_s), busiest, Text(step.why, "dim"))
    return table
