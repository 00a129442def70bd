"""`matchday predict --weeks` in a terminal: who registers, what that is at once, and which week breaks which phase."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from capacity.calibration.file import HIGH, LOW
from capacity.prediction.growth import GrowthPlan, PhaseWeeks, ThreeWays
from reports.figures import number
from reports.terminal import indented

_FULL, _TIGHT = 1.0, 0.7


def print_growth(out: Console, found: GrowthPlan) -> None:
    """Weeks, then phases."""
    out.print()
    out.print(Text(f"{len(found.weeks)} weeks, used {found.usage}: {found.peak_share:.1%} at once", "bold"))
    out.print()
    out.print(_weeks(found))
    out.print()
    for phase in found.phases:
        out.print(f"{phase.title} (planned for weeks {phase.planned_weeks[0]} to {phase.planned_weeks[1]})")
        for line in _phase(phase):
            out.print(indented(line))
    out.print(
        f"In brackets: low and high growth; where a knee lies in {HIGH - LOW:.0f} % of its draws. Busy: what is "
        f"fullest, middle growth. How likely a week is comes from {found.draws:,} draws.",
        style="dim",
    )


def _weeks(found: GrowthPlan) -> Table:
    phases = [f"{phase.name} busy" for phase in found.phases]
    table = Table("Week", "Registered", "At once", *phases, box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in table.columns:
        column.justify = "right"
    for place, week in enumerate(found.weeks):
        busy = [_busy(phase.utilisation[place]) for phase in found.phases]
        table.add_row(str(week.week), number(round(week.registered.middle)), _three(week.people), *busy)
    return table


def _three(found: ThreeWays) -> str:
    return f"{number(round(found.middle))} ({number(round(found.low))}–{number(round(found.high))})"


def _busy(share: float) -> Text:
    if share >= _FULL:
        return Text("full", "bold red")
    return Text(f"{share:.0%}", "yellow" if share > _TIGHT else "green")


def _phase(phase: PhaseWeeks) -> list[str]:
    knee = phase.knee
    first = f", {phase.broke_first} breaks first" if phase.broke_first else ""
    lines = [
        f"holds {number(round(knee.value))} at once ({number(round(knee.low))} to {number(round(knee.high))}){first}; "
        f"fullest: {phase.fullest}"
    ]
    lines += [f"{bound.what}: {number(bound.people)} people at most ({bound.why})" for bound in phase.bounds]
    ways = zip(("low", "middle", "high"), phase.breaks, strict=True)
    weeks = ", ".join(f"{way} growth: {f'week {week}' if week else 'in none of these'}" for way, week in ways)
    lines.append(f"breaks with {weeks}")
    if phase.likely_from:
        lines.append(f"more likely than not from week {phase.likely_from} on")
    return lines
