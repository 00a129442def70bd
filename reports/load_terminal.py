"""A load test while it runs: stage, people, rate, each target's value now beside its limit, and whether to believe it.

In a terminal a table that changes; in a log two lines every ten seconds, no wider than 80 columns.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console, Group
from rich.live import Live as Screen
from rich.table import Table
from rich.text import Text

from reports.figures import number, short
from reports.terminal import PLAIN_EVERY_S

_BAR = 20


@dataclass(frozen=True)
class Now:
    """A target's value over the last seconds; None when too few samples came."""

    title: str
    value: float | None
    limit: float
    unit: str

    @property
    def kept(self) -> bool | None:
        return None if self.value is None else self.value < self.limit


@dataclass(frozen=True)
class View:
    """How a run stands."""

    stage: str
    people: int
    people_asked: int
    requests_per_s: float
    failures: int
    elapsed_s: float
    duration_s: float
    targets: tuple[Now, ...]
    doubts: tuple[str, ...]  # why the numbers could not be trusted, if it went on like this

    @property
    def left_s(self) -> float:
        return max(0.0, self.duration_s - self.elapsed_s)


class LoadScreen:
    """Shows views of one run, or of several one after the other."""

    def __init__(self, out: Console, title: str) -> None:
        self._out, self._title = out, title
        self._started = self._said = time.monotonic()
        self._screen: Screen | None = None

    def __enter__(self) -> "LoadScreen":
        if self._out.is_terminal:
            self._screen = Screen(console=self._out, transient=True, refresh_per_second=4)
            self._screen.start()
        else:
            self._out.print(f"{self._title} ...")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._screen:
            self._screen.stop()
        if kind is None:
            self._out.print(f"{self._title}: done in {time.monotonic() - self._started:.1f} s")

    def say(self, text: str) -> None:
        """A line that stays."""
        self._out.print(f"  {text}")

    @property
    def due(self) -> bool:
        """Whether a view would be shown now: making one costs as much as a second of the run has histograms."""
        return self._screen is not None or time.monotonic() - self._said >= PLAIN_EVERY_S

    def show(self, view: View) -> None:
        if self._screen:
            self._screen.update(Group(Text(self._title, "bold"), _line(view), _bar(view), _table(view.targets)))
        elif self.due:
            self._said = time.monotonic()
            for line in plain(view):
                self._out.print(f"  {line}")


def plain(view: View) -> Iterable[str]:
    """Two lines for a log: an exclamation mark stands where a limit is not kept."""
    yield _line(view).plain
    yield "  " + ", ".join(_said(target) for target in view.targets)


def _said(target: Now) -> str:
    value = number(target.value) if target.value is None else f"{target.value:.0f}"
    return f"{short(target.title)} {value}{'!' if target.kept is False else ''}"


def _line(view: View) -> Text:
    people = f"{view.people:,}/{view.people_asked:,} people"
    text = f"{view.stage}: {people}, {view.requests_per_s:.0f} req/s, {view.failures} failed, {_left(view.left_s)} left"
    if view.doubts:
        return Text.assemble(text, (f"; {view.doubts[0]}", "magenta"))
    return Text(text)


def _left(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


def _bar(view: View) -> Text:
    done = round(_BAR * min(1.0, view.elapsed_s / view.duration_s)) if view.duration_s else 0
    return Text.assemble(("━" * done, "cyan"), ("━" * (_BAR - done), "dim"))


def _table(targets: Sequence[Now]) -> Table:
    table = Table("Target", "Now", "Limit", "", box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.columns[1].justify = table.columns[2].justify = "right"
    states = {True: Text("kept", "green"), False: Text("over", "bold red"), None: Text("few samples", "dim")}
    for target in targets:
        value = number(target.value, target.unit)
        table.add_row(target.title, value, f"< {number(target.limit, target.unit)}", states[target.kept])
    return table
