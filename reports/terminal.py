"""What people see in a terminal: tables, live progress, verdicts. Readable at 80 columns and in a CI log."""

import time
from collections.abc import Iterable, Sequence

from rich.console import Console, ConsoleOptions, RenderableType
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from capacity.demands import Demands
from capacity.stages import StageResult
from capacity.targets import AlertResult, Check, TargetResult
from loadtests.record import Trust
from reports.figures import duration, limit, number, short
from scenarios.outcome import Verdict
from scenarios.texts import visible

STYLES = {
    Verdict.PASS: "green",
    Verdict.FAIL: "bold red",
    Verdict.INCONCLUSIVE: "yellow",
    Verdict.INVALID: "bold magenta",
    Verdict.ERROR: "bold red",
    Verdict.SKIPPED: "dim",
}
# Without a terminal a line every few seconds: a CI log stays short, and nobody thinks that it hangs.
PLAIN_EVERY_S = 10.0


def console(stderr: bool = False) -> Console:
    """A console of at most 100 columns; in a log 80, for wider lines break there.

    No markup: an endpoint may well be called "GET /users/[id]", and would be shown without its end.
    """
    found = Console(stderr=stderr)
    width = min(found.width, 100) if found.is_terminal else 80
    return _Console(stderr=stderr, highlight=False, markup=False, emoji=False, width=width, soft_wrap=False)


class _Console(Console):
    """Shows text as it is: an escape sequence in a name, of a stranger's record, say, does nothing to a terminal."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable():
                yield segment
            else:
                yield Segment(visible(segment.text), segment.style)


class Steps:
    """Long work: one line that changes in a terminal, one line now and then without."""

    def __init__(self, out: Console, title: str, plain_every_s: float = PLAIN_EVERY_S) -> None:
        self._out, self._title, self._plain_every_s = out, title, plain_every_s
        self._started = self._said = time.monotonic()
        self._progress: Progress | None = None

    def __enter__(self) -> "Steps":
        if self._out.is_terminal:
            self._progress = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=20),
                TextColumn("{task.fields[text]}", markup=False),
                TimeElapsedColumn(),
                console=self._out,
                transient=True,
            )
            self._task = self._progress.add_task(self._title, total=None, text="")
            self._progress.start()
        else:
            self._out.print(f"{self._title} ...")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._progress:
            self._progress.stop()
        if kind is None:
            self._out.print(f"{self._title}: done in {time.monotonic() - self._started:.1f} s")

    def say(self, text: str) -> None:
        """A line that stays."""
        self._said = time.monotonic()
        self._out.print(f"  {text}")

    def show(self, text: str, done: float | None = None, of: float | None = None) -> None:
        """How far it is; `done` of `of` moves the bar."""
        if self._progress:
            self._progress.update(self._task, text=text, completed=done, total=of)
        elif time.monotonic() - self._said >= self._plain_every_s:
            self.say(text)


def indented(text: str, style: str = "") -> Padding:
    """Two spaces in, and so are the lines that it takes when it is long."""
    return Padding(Text(text, style), (0, 0, 0, 2), expand=False)


def print_check(out: Console, check: Check) -> None:
    """Verdict first, then why, then the tables."""
    out.print(Text.assemble("Verdict: ", (check.verdict.upper(), STYLES[check.verdict])))
    for reason in check.reasons:
        out.print(indented(reason))
    out.print()
    out.print(_targets((*check.targets, check.failures)))
    if check.stages:
        out.print()
        out.print(_stages(check.stages))
    out.print()
    out.print(_alerts(check.alerts))
    if check.validity:
        out.print()
        out.print(_validity(check.validity))
    for line in _measured_how(check):
        out.print(line)


def _targets(results: Iterable[TargetResult]) -> Table:
    table = Table("Target", "Measured", "Limit", "Verdict", "", box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.columns[1].justify = table.columns[2].justify = "right"
    for r in results:
        table.add_row(
            r.title,
            number(r.measured, r.unit),
            limit(r.limit, r.better, r.unit),
            Text(r.verdict, STYLES[r.verdict]),
            Text(r.note, "dim"),
        )
    return table


def _stages(results: Sequence[StageResult]) -> Table:
    """Of each stage the load, then the targets' percentiles in milliseconds."""
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    names = [short(latency.title) for latency in results[0].latencies]
    for title in ("Stage", "From", "People", "req/s", "Failed", *names):
        table.add_column(title, justify="right")
    for index, r in enumerate(results, 1):
        latencies = [Text(number(one.measured_ms), "bold red" if one.kept is False else "") for one in r.latencies]
        failed = number(r.failed_percent, "%")
        table.add_row(f"{index}", duration(r.from_s), number(r.people), number(r.requests_per_s), failed, *latencies)
    return table


def _alerts(results: Iterable[AlertResult]) -> Table:
    table = Table("Alert", "Measured", "Limit", "State", "", box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.columns[1].justify = table.columns[2].justify = "right"
    states = {True: Text("FIRING", "bold red"), False: Text("quiet", "green"), None: Text("–", "dim")}
    for r in results:
        wanted = limit(r.limit, r.better, r.unit, inclusive=True)
        table.add_row(r.title, number(r.measured, r.unit), wanted, states[r.firing], Text(r.note, "dim"))
    return table


def _validity(trusts: Iterable[Trust]) -> Table:
    table = Table(
        "Can it be trusted?", "Measured", "Limit", "State", box=None, padding=(0, 2, 0, 0), header_style="bold"
    )
    table.columns[1].justify = table.columns[2].justify = "right"
    for trust in trusts:
        state = Text("NO", "bold magenta") if trust.problem else Text("yes", "green")
        wanted = limit(trust.limit, trust.better, inclusive=True)
        table.add_row(trust.title, number(trust.measured, trust.unit), wanted, state)
    return table


def _measured_how(check: Check) -> Iterable[str]:
    """What became of the messages, and how well the clocks of other machines are known."""
    if m := check.messages:
        yield (
            f"Messages: {m.sent:,} sent, {m.offline:,} of them to people offline; {m.delivered:,} delivered, "
            f"{m.lost:,} lost, {m.duplicated:,} twice, {m.reordered:,} out of order"
        )
    for clock in check.clocks:
        if not clock.shared:
            yield f"Clock of {clock.worker[:24]}: {clock.offset_ms:+,.2f} ms ± {clock.error_ms:.2f} ms, taken out"


def print_demands(out: Console, demands: Demands) -> None:
    table = Table("Station", "CPU ms a request", "Utilisation", box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.columns[1].justify = table.columns[2].justify = "right"
    for d in demands.stations:
        table.add_row(d.station, f"{d.cpu_ms_per_request:.2f}", f"{d.utilisation:.1%} of {d.cores:g}")
    out.print(table)
    out.print(
        f"{demands.requests_per_s:.0f} requests/s from {demands.people} people. Busiest: {demands.bottleneck.station}; "
        f"at this cost it would be busy all the time at about {demands.people_bound:,} people. "
        "A request costs less when many come: `matchday search` says how many fit."
    )
