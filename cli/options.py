"""Arguments and options that several commands share, and what their words mean."""

import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from scenarios.outcome import ExitCode

if TYPE_CHECKING:
    from loadtests.record import Record

ScenarioName = Annotated[str, typer.Argument(metavar="SCENARIO", help="A name (phase-1) or the path of a .toml file.")]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="A run record: `latest`, its name or its path.")]
Runs = Annotated[Path, typer.Option("--runs", help="Folder of the run records.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change the scenario; repeatable.")
]
Host = Annotated[str | None, typer.Option(help="URL of a running backend; without it a local stack.")]
StackFile = Annotated[Path | None, typer.Option(help="Stack file that `matchday up` wrote.")]
ClientFile = Annotated[
    Path | None,
    typer.Option(
        "--client",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="Python file that speaks to a backend of your own.",
    ),
]
PeopleFile = Annotated[
    Path | None,
    typer.Option(
        "--people",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="CSV file of test users; else the scenario's people.",
    ),
]
Processes = Annotated[int, typer.Option(min=1, help="Processes of the load generator.")]
Noise = Annotated[Path, typer.Option("--noise", help="Noise floors of machines, as `duel --same` measures them.")]
Allow = Annotated[
    list[str] | None,
    typer.Option(metavar="KIND", help="Compare although it differs: scenario, population, traffic, load, machine."),
]
JunitFile = Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit XML.")]
MarkdownFile = Annotated[Path | None, typer.Option("--markdown", metavar="FILE", help="Write Markdown.")]
CommentFile = Annotated[Path | None, typer.Option("--comment", metavar="FILE", help="Markdown of less than 64 KiB.")]
JsonFile = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write JSON; `-` prints it.")]
BenchmarkFile = Annotated[
    Path | None, typer.Option("--benchmark", metavar="FILE", help="Write JSON for github-action-benchmark.")
]
HtmlFile = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a page with charts.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]

RUNS = Path("runs")
NOISE = Path("runs/noise.json")


class ManyAfterBaseline(TyperCommand):
    """`gate A B --baseline C D`: what follows --baseline, up to the next option, belongs to it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        spread, many = list[str](), False
        for number, arg in enumerate(args):
            if arg.startswith("-") and arg != "-":
                many = arg == "--baseline"
            elif many and args[number - 1] != "--baseline":
                spread.append("--baseline")
            spread.append(arg)
        return super().parse_args(ctx, spread)


def seconds(text: str) -> float:
    """90, 90s, 5m or 1h as seconds."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    if not found or not float(found[1]):
        raise typer.BadParameter(f"{text!r} is no time; write 90s, 5m or 1h.")
    return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]]


@contextmanager
def interruptible() -> Iterator[None]:
    """For every command: Typer would end an interrupted one with 1, which is our word for a missed target."""
    try:
        yield
    except KeyboardInterrupt:
        print("matchday: interrupted", file=sys.stderr)
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def quiet_pipe() -> None:
    """For commands that only print: who reads the first lines and goes, as `head` does, ends them as a shell expects,
    not with 1, which is our word for a missed target."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def record_of(run: str, runs: Path) -> "Record":
    from loadtests.record import Record

    return Record.read(resolved(run, runs))


def resolved(run: str, runs: Path) -> Path:
    from loadtests.record import resolve

    return resolve(run, runs)
