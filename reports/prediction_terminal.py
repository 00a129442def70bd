"""`matchday predict` in a terminal."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from capacity.prediction.result import Interval, Prediction, TargetLatency
from reports.figures import number
from reports.terminal import indented

_VERDICTS = {
    "holds": Text("holds", "green"),
    "breaks": Text("breaks", "bold red"),
    "open": Text("open", "yellow"),
    "unknown": Text("unknown: too few of them in a run", "yellow"),
    "saturated": Text("saturated", "bold red"),
}

_TIMES_FROM = 10.0


def print_prediction(out: Console, found: Prediction) -> None:
    """Throughput, stations, targets, the knee, and how far to trust it."""
    out.print()
    out.print(Text(f"{found.scenario} with {found.people:,} people at once", "bold"))
    simulated = any(use.number for use in found.stations)
    each = "" if simulated else " would be asked for"
    if found.response_ms:
        each = f", {_spread(found.response_ms)} ms each on average"
    out.print(f"  {_spread(found.requests_per_s)} requests/s{each}")
    out.print()
    out.print(_stations(found))
    out.print()
    out.print(_targets(found))
    out.print()
    second = f"; next: {found.next_bottleneck.name}" if found.next_bottleneck else ""
    out.print(f"Bottleneck: {found.bottleneck.name}{second}")
    for bound in found.bounds:
        out.print(indented(f"{bound.what}: {bound.people:,} people at most ({bound.why})"))
    if found.knee_people:
        first = f"; {found.broke_first} breaks first" if found.broke_first else ""
        out.print(f"{_spread(found.knee_people)} people hold every target{first}")
    if found.headroom is not None:
        out.print(f"  {found.headroom:.0%} headroom" if found.headroom >= 0 else "  That is fewer than these")
    how = "CPU of a request; needed: hosts, each busy by 70 % at most; in brackets: where 90 % of runs lie"
    out.print(f"{how}. Calibrated by {found.calibration}", style="dim", soft_wrap=True)
    for note in found.notes:
        out.print(indented(note, "yellow"))


def _spread(found: Interval) -> str:
    if found.low == found.high:
        return number(found.value)
    return f"{number(found.value)} ({number(found.low)} to {number(found.high)})"


def _stations(found: Prediction) -> Table:
    table = Table("Station", "CPU ms", "Busy", "", "There", "Needed", box=None, padding=(0, 2, 0, 0))
    table.header_style = "bold"
    for column in (*table.columns[1:3], table.columns[4]):
        column.justify = "right"
    for use in found.stations:
        busy = use.utilisation
        spread = f"({_share(busy.low)} to {_share(busy.high)}) of {number(use.cores)}"
        there = number(use.number.value) if use.number else ""
        needed = _ends(use.needed) if use.needed else ""
        table.add_row(use.name, number(use.cpu_ms_a_request), _share(busy.value), spread, there, needed)
    return table


def _share(busy: float) -> str:
    """Of all cores; far above it how many times as many would be needed."""
    return f"{busy:.0%}" if busy < _TIMES_FROM else f"{number(busy)}x"


def _targets(found: Prediction) -> Table:
    table = Table("Target, ms", "p50", "p95", "", "p99", "Limit", "", box=None, padding=(0, 1, 0, 0))
    table.header_style = "bold"
    for column in (*table.columns[1:3], table.columns[4]):
        column.justify = "right"
    for target in found.targets:
        limit = f"< {number(target.limit)}"
        table.add_row(target.title, *_percentiles(target), limit, _verdict(target))
    return table


def _percentiles(target: TargetLatency) -> list[str]:
    p50, p95, p99 = ((target.percentiles or {}).get(p) for p in (50.0, 95.0, 99.0))
    return [_value(p50), _value(p95), _ends(p95) if p95 else "", _value(p99)]


def _value(found: Interval | None) -> str:
    return number(found.value) if found else "–"


def _ends(found: Interval) -> str:
    return f"({number(found.low)} to {number(found.high)})" if found.low < found.high else number(found.value)


def _verdict(target: TargetLatency) -> Text:
    if target.missing:
        return Text(f"unknown: {', '.join(target.missing)} was not measured", "yellow")
    if target.verdict in ("unknown", "saturated"):
        return _VERDICTS[target.verdict]
    return Text.assemble(_VERDICTS[target.verdict], f" in {target.holds_share:.0%}")
