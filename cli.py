"""The `matchday` command. One short function a command; the work is done in the packages.

Whatever is heavy is imported by the command that needs it: `matchday cost` starts at once.
"""

import re
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from capacity.costs import CostReport, phase_bill, ten_thousand
from reports.as_json import dumps
from reports.terminal import Steps, console, print_check, print_costs, print_demands
from scenarios.load import PHASES, load, load_plan
from scenarios.outcome import ExitCode, MatchdayError, Verdict
from scenarios.schema import Scenario

if TYPE_CHECKING:
    from loadtests.record import Record
    from reference_app.stack import LocalStack

_EXIT_CODES = (
    "Exit codes: 0 pass, 1 a target failed, 2 wrong usage or configuration, 3 inconclusive, "
    "4 invalid run, 130 interrupted (the record is kept)."
)

app = typer.Typer(
    help="Rehearses the big day of a dating backend: load test, capacity and cost.",
    epilog=_EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ScenarioName = Annotated[str, typer.Argument(metavar="SCENARIO", help="A name (phase-1) or the path of a .toml file.")]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="A run record: `latest`, its name or its path.")]
Runs = Annotated[Path, typer.Option("--runs", help="Folder of the run records.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change the scenario; repeatable.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]

_RUNS = Path("runs")
_INTERRUPTING = (signal.SIGINT, signal.SIGTERM)


def _seconds(text: str) -> float:
    """90, 90s, 5m or 1h as seconds."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    if not found or not float(found[1]):
        raise typer.BadParameter(f"{text!r} is no time; write 90s, 5m or 1h.")
    return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]]


@contextmanager
def _interruptible() -> Iterator[None]:
    """For every command: Typer would end an interrupted one with 1, which is our word for a missed target."""
    try:
        yield
    except KeyboardInterrupt:
        print("matchday: interrupted", file=sys.stderr)
        raise typer.Exit(ExitCode.INTERRUPTED) from None


@app.command()
@_interruptible()
def demo(runs: Runs = _RUNS) -> None:
    """Phase 1 end to end in about two minutes: real servers, load, verdicts, costs, report."""
    code = _rehearse("phase-1", [], runs)
    console().print()
    print_costs(console(), _costs(PHASES), lines=False)
    raise typer.Exit(code)


@app.command()
@_interruptible()
def up(
    phase: Annotated[int, typer.Option(min=1, max=3, help="Which phase's stack.")] = 1, settings: Settings = None
) -> None:
    """A phase's stack with its population, until Ctrl-C."""
    with _local_stack(load(f"phase-{phase}", settings or [])) as stack:
        file = stack.folder / "stack.json"
        stack.info.write(file)
        out = console()
        out.print(f"[bold]{stack.host}[/bold]  healthy; API: {stack.host}/docs; Ctrl-C ends it. In another shell:")
        # Not wrapped: people copy these lines.
        out.print(f"  matchday run phase-{phase} --stack {file}", soft_wrap=True)
        out.print(f"  locust -f loadtests/locustfile.py --stack {file}", soft_wrap=True)
        try:
            while True:
                time.sleep(1)
                stack.check()
        except KeyboardInterrupt:
            out.print("Stopping ...")


@app.command()
@_interruptible()
def run(
    scenario: ScenarioName,
    host: Annotated[str | None, typer.Option(help="URL of a running backend; without it a local stack.")] = None,
    stack: Annotated[Path | None, typer.Option(help="Stack file that `matchday up` wrote.")] = None,
    users: Annotated[int | None, typer.Option(min=1, help="Concurrent people.")] = None,
    duration_s: Annotated[
        float | None,
        typer.Option("--duration", parser=_seconds, metavar="TIME", help="Time at full load: 90s, 5m, 1h."),
    ] = None,
    processes: Annotated[int, typer.Option(min=1, help="Processes of the load generator.")] = 1,
    ui: Annotated[bool, typer.Option("--ui", help="Locust's web UI, until Ctrl-C.")] = False,
    settings: Settings = None,
    runs: Runs = _RUNS,
) -> None:
    """One load test: live progress, verdicts, and a record with its report."""
    changes = [
        *(settings or []),
        *([f"load.concurrent_users={users}"] if users else []),
        *([f"load.hold_s={duration_s}"] if duration_s else []),
    ]
    raise typer.Exit(_rehearse(scenario, changes, runs, host, stack, processes, ui))


@app.command()
@_interruptible()
def check(run: RunName = "latest", as_json: AsJson = False, runs: Runs = _RUNS) -> None:
    """Every target and alert of a run, with its verdict."""
    from capacity.targets import check as check_targets

    record = _record(run, runs)
    result = check_targets(record)
    if as_json:
        print(dumps({"run": str(record.folder), "state": record.state, **vars(result)}))
    else:
        console().print(f"{record.folder} ({record.state}, {result.measured_seconds} s measured)")
        print_check(console(), result)
    raise typer.Exit(result.verdict.exit_code)


@app.command()
@_interruptible()
def cost(
    scenarios: Annotated[list[str] | None, typer.Argument(metavar="[SCENARIO]...", help="Default: all phases.")] = None,
    as_json: AsJson = False,
) -> None:
    """What each phase costs, line by line, and the plan for 10,000 users."""
    report = _costs(scenarios or PHASES)
    if as_json:
        print(dumps(report))
    else:
        print_costs(console(), report, lines=True)


@app.command()
@_interruptible()
def report(run: RunName = "latest", runs: Runs = _RUNS) -> None:
    """Build a run's page again."""
    print(_write_report(_record(run, runs)))


def _rehearse(
    name: str,
    settings: Sequence[str],
    runs: Path,
    host: str | None = None,
    stack_file: Path | None = None,
    processes: int = 1,
    ui: bool = False,
) -> ExitCode:
    """Run a scenario against a backend, or a stack of our own; print and write what came of it."""
    from loadtests.recording.writer import check_writable

    scenario = load(name, settings)
    check_writable(runs)
    arguments = ["--scenario", name, *(part for setting in settings for part in ("--set", setting))]
    arguments += ["--web-host", "127.0.0.1", "--autostart"] if ui else ["--headless"]
    arguments += _distributed(processes) if processes > 1 else []
    if host or stack_file:
        arguments += ["--host", host] if host else []
        record, interrupted = _measure(scenario, arguments, runs, stack_file, ui)
    else:
        with _local_stack(scenario) as stack:
            file = stack.folder / "stack.json"
            stack.info.write(file)
            record, interrupted = _measure(scenario, arguments, runs, file, ui)
    return _conclude(record, interrupted)


def _distributed(processes: int) -> list[str]:
    """Locust's options for several processes; on a port of their own, for two runs at once must not mix."""
    from reference_app.stack.process import free_port

    port = str(free_port())
    bind = ["--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--master-port", port]
    return ["--processes", str(processes), *bind]


def _measure(
    scenario: Scenario, arguments: Sequence[str], runs: Path, stack_file: Path | None, ui: bool
) -> tuple["Record", bool]:
    """Let Locust run. Returns its record, and whether somebody interrupted it."""
    from loadtests.launch import Launch
    from loadtests.record import Record, new_folder

    load_, interrupted = scenario.load, False
    launch = Launch(new_folder(runs, scenario.name), arguments, stack_file)
    if ui:
        console().print("Locust's web UI: [bold]http://127.0.0.1:8089[/bold], until Ctrl-C")
    try:
        with Steps(console(), f"Load: {load_.concurrent_users} people") as steps:
            for live in launch.follow():
                if not live.users:
                    continue  # everybody has been sent home: the record is being closed
                p95 = f"p95 {live.p95_ms:.0f} ms" if live.p95_ms else "p95 -"
                text = f"{live.users} people, {live.requests_per_s:.0f} requests/s, {live.failures} failed, {p95}"
                steps.show(text, min(live.elapsed_s, load_.duration_s), load_.duration_s)
    except KeyboardInterrupt:
        interrupted = True
        console().print("Interrupted: ending the load ...")
        if not launch.stop():
            raise
    record = Record.read(launch.folder)
    return record, interrupted and not record.complete


def _conclude(record: "Record", interrupted: bool) -> ExitCode:
    from capacity.demands import demands
    from capacity.targets import check as check_targets

    out, result, found = console(), check_targets(record), demands(record)
    out.print()
    print_check(out, result)
    if found and result.verdict is not Verdict.INVALID:
        out.print()
        print_demands(out, found)
    page = _write_report(record)
    out.print()
    out.print(f"Record: {record.folder} ({record.state})", soft_wrap=True)
    out.print(f"Report: {page}", soft_wrap=True)
    return ExitCode.INTERRUPTED if interrupted else result.verdict.exit_code


@contextmanager
def _local_stack(scenario: Scenario) -> Iterator["LocalStack"]:
    """A running, populated stack; stopped at the end, whatever happens."""
    from reference_app.stack import LocalStack

    with ExitStack() as running:
        with Steps(console(), f"Stack of phase {scenario.phase}") as steps:
            stack = running.enter_context(LocalStack(scenario, steps.show))
        try:
            people = scenario.population.users
            with Steps(console(), f"Population: {people:,} people") as steps:
                stack.populate(scenario.population, lambda done, of: steps.show(f"{done:,} of {of:,}", done, of))
            yield stack
        finally:
            with Steps(console(), "Stopping the stack"):
                running.close()


def _record(run: str, runs: Path) -> "Record":
    from loadtests.record import Record, resolve

    return Record.read(resolve(run, runs))


def _write_report(record: "Record") -> Path:
    from capacity.targets import check as check_targets
    from reports.html import write_report

    return write_report(record, check_targets(record), _costs(PHASES).phases)


def _costs(scenarios: Sequence[str]) -> CostReport:
    return CostReport(tuple(phase_bill(load(name)) for name in scenarios), ten_thousand(load_plan()))


def _interrupt(number: int, frame: FrameType | None) -> None:
    # From now on what runs is closing down, in bounded time: people who press Ctrl-C twice must not break it.
    for each in _INTERRUPTING:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> None:
    """Entry point: errors become a sentence and an exit code."""
    for number in _INTERRUPTING:
        signal.signal(number, _interrupt)
    try:
        app()
    except MatchdayError as error:
        print(f"matchday: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
