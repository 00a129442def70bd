"""`matchday calibrate` in a terminal: what each request costs, and how well that is known."""

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from capacity.calibration.file import Calibration, Estimate
from reports.figures import number
from reports.terminal import indented

_STATIONS_SHOWN = 3


def print_calibration(out: Console, found: Calibration) -> None:
    """Demands by action and station, then what was left out."""
    out.print()
    out.print(_actions(found))
    out.print()
    rejected = ", ".join(f"{count} because {reason}" for reason, count in sorted(found.windows_rejected.items()))
    out.print(f"{found.windows_used} windows of {found.window_s} s from {len(found.runs)} run(s)", end="")
    out.print(f"; left out: {rejected}" if rejected else "")
    low, high = found.people_least, found.people_most
    work = f"; reference work {number(found.reference_work_cpu_ms)} ms" if found.reference_work_cpu_ms else ""
    out.print(f"{number(low)} to {number(high)} people, the machine up to {found.utilisation_most:.0%} busy{work}")
    if work and found.speed_elasticity:
        slower = 1.1**found.speed_elasticity - 1
        out.print(indented(f"Where the reference work takes 10 % longer, all of it costs {slower:.0%} more", "dim"))
    for name, station in found.stations.items():
        (low, *_, high), (before, *_, after) = station.curve.utilisation, station.curve.factor
        if before != after:
            out.print(
                indented(f"{name}: {after / before - 1:+.0%} on a machine {high:.0%} busy beside {low:.0%}", "dim")
            )
    for bundle in _bundles(found):
        out.print(indented(f"Always together, so only their sum is measured: {', '.join(bundle)}", "dim"))


def _actions(found: Calibration) -> Table:
    table = Table("Request", "CPU ms", "90 %", "Of it", box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.columns[1].justify = "right"
    totals = {name: found.total_cpu_ms(name) for name in found.actions}
    for name, total in sorted(totals.items(), key=lambda item: -item[1].value):
        spread = f"{number(total.low)} to {number(total.high)}"
        table.add_row(name, number(total.value), spread, Text(_dearest(found.actions[name].cpu_ms), "dim"))
    table.add_section()
    idle = {name: _in_ms(station.idle_cores) for name, station in found.stations.items()}
    table.add_row("nobody, a second", number(sum(one.value for one in idle.values())), "", Text(_dearest(idle), "dim"))
    return table


def _dearest(cpu_ms: Mapping[str, Estimate]) -> str:
    """The stations at which most of it is spent."""
    most = sorted(cpu_ms, key=lambda station: -cpu_ms[station].value)[:_STATIONS_SHOWN]
    return ", ".join(f"{station} {number(cpu_ms[station].value)}" for station in most if cpu_ms[station].value > 0)


def _in_ms(cores: Estimate) -> Estimate:
    return Estimate(value=1000 * cores.value, low=1000 * cores.low, high=1000 * cores.high)


def _bundles(found: Calibration) -> list[tuple[str, ...]]:
    return sorted({tuple(sorted((name, *action.with_))) for name, action in found.actions.items() if action.with_})
