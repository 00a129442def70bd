"""One load test and what came of it: `matchday demo`, `run`, `check`, `report`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.costs import shipped_costs
from cli.load import backend_arguments, distributed_arguments, scenario_arguments, show_load
from cli.options import (
    RUNS,
    AsJson,
    ClientFile,
    Host,
    PeopleFile,
    Processes,
    RunName,
    Runs,
    ScenarioName,
    Settings,
    StackFile,
    interruptible,
    record_of,
    seconds,
)
from cli.stacks import local_stack, write_stack_file
from reports.as_json import dumps
from reports.costs_terminal import print_phases
from reports.load_terminal import LoadScreen
from reports.terminal import console, print_check, print_demands
from scenarios.load import load
from scenarios.outcome import ExitCode, Verdict
from scenarios.schema import Scenario

if TYPE_CHECKING:
    from loadtests.record import Record


@interruptible()
def demo(runs: Runs = RUNS) -> None:
    """Phase 1 end to end in about two minutes: real servers, load, verdicts, costs, report."""
    code = _rehearse("phase-1", [], runs)
    console().print()
    print_phases(console(), shipped_costs())
    raise typer.Exit(code)


@interruptible()
def run(
    scenario: ScenarioName,
    host: Host = None,
    stack: StackFile = None,
    users: Annotated[int | None, typer.Option(min=1, help="Concurrent people.")] = None,
    duration_s: Annotated[
        float | None,
        typer.Option("--duration", parser=seconds, metavar="TIME", help="Time at full load: 90s, 5m, 1h."),
    ] = None,
    processes: Processes = 1,
    client: ClientFile = None,
    people: PeopleFile = None,
    ui: Annotated[bool, typer.Option("--ui", help="Locust's web UI, until Ctrl-C.")] = False,
    ui_port: Annotated[int, typer.Option("--ui-port", min=1, max=65_535, help="Where the web UI is.")] = 8089,
    settings: Settings = None,
    runs: Runs = RUNS,
) -> None:
    """One load test: live progress, verdicts, and a record with its report."""
    changes = [
        *(settings or []),
        *([f"load.concurrent_users={users}"] if users else []),
        *([f"load.hold_s={duration_s}"] if duration_s else []),
    ]
    backend = backend_arguments(host, client, people)
    raise typer.Exit(_rehearse(scenario, changes, runs, backend, stack, processes, ui_port if ui else None))


@interruptible()
def check(run: RunName = "latest", as_json: AsJson = False, runs: Runs = RUNS) -> None:
    """Every target and alert of a run, with its verdict."""
    from capacity.targets import check as check_targets

    record = record_of(run, runs)
    result = check_targets(record)
    if as_json:
        print(dumps({"run": str(record.folder), "state": record.state, **vars(result)}))
    else:
        console().print(f"{record.folder} ({record.state}, {result.measured_seconds} s measured)")
        print_check(console(), result)
    raise typer.Exit(result.verdict.exit_code)


@interruptible()
def report(run: RunName = "latest", runs: Runs = RUNS) -> None:
    """Build a run's page again."""
    print(_write_report(record_of(run, runs)))


def _rehearse(
    name: str,
    settings: Sequence[str],
    runs: Path,
    backend: Sequence[str] = (),
    stack_file: Path | None = None,
    processes: int = 1,
    ui_port: int | None = None,
) -> ExitCode:
    """Run a scenario against a backend, or a stack of our own; print and write what came of it."""
    from loadtests.recording.writer import check_writable

    scenario = load(name, settings)
    check_writable(runs)
    arguments = scenario_arguments(name, settings)
    arguments += ["--web-host", "127.0.0.1", "--web-port", str(ui_port), "--autostart"] if ui_port else ["--headless"]
    arguments += distributed_arguments(processes) if processes > 1 else []
    arguments += backend
    if "--host" in backend or stack_file:
        record, interrupted = _measure(scenario, arguments, runs, stack_file, ui_port)
    else:
        with local_stack(scenario) as stack:
            record, interrupted = _measure(scenario, arguments, runs, write_stack_file(stack), ui_port)
    return _conclude(record, interrupted)


def _measure(
    scenario: Scenario, arguments: Sequence[str], runs: Path, stack_file: Path | None, ui_port: int | None
) -> tuple["Record", bool]:
    """Let Locust run. Returns its record, and whether somebody interrupted it."""
    from loadtests.launch import Launch
    from loadtests.record import Record, new_folder

    interrupted = False
    launch = Launch(new_folder(runs, scenario.name), arguments, stack_file)
    if ui_port:
        console().print(f"Locust's web UI: http://127.0.0.1:{ui_port}, until Ctrl-C")
    try:
        with LoadScreen(console(stderr=True), f"Load: {scenario.load.concurrent_users} people") as screen:
            for live in launch.follow():
                show_load(screen, live, scenario)
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


def _write_report(record: "Record") -> Path:
    from capacity.targets import check as check_targets
    from reports.html import write_report

    return write_report(record, check_targets(record), shipped_costs().phases)
