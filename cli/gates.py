"""`matchday gate` and `matchday baseline`: verdicts for CI."""

import sys
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.load import distributed_arguments, scenario_arguments, show_load
from cli.options import (
    NOISE,
    RUNS,
    Allow,
    BenchmarkFile,
    CommentFile,
    Host,
    HtmlFile,
    JsonFile,
    JunitFile,
    MarkdownFile,
    Noise,
    Runs,
    Settings,
    StackFile,
    interruptible,
    record_of,
    resolved,
    seconds,
)
from cli.stacks import local_stack, write_stack_file
from reports.as_json import dumps
from reports.load_terminal import LoadScreen
from reports.terminal import console
from scenarios.load import load
from scenarios.outcome import ExitCode, UsageError
from scenarios.schema import Scenario

if TYPE_CHECKING:
    from capacity.gate.patience import Patience
    from capacity.gate.result import GateResult
    from loadtests.launch import Launch
    from loadtests.record import Record
    from reports.gate import Outputs

_BUDGET_S = 300.0

baselines = typer.Typer(help="The folder of records that gates compare with.", no_args_is_help=True)


@interruptible()
def gate(
    run_names: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN]...", help="Run records; with --until-sure a scenario.")
    ] = None,
    baseline: Annotated[
        list[str] | None,
        typer.Option(metavar="RUN...", help="Compare with these: run records, or folders of them."),
    ] = None,
    history: Annotated[
        Path | None, typer.Option(help="Folder of records whose trend is shown, as `baseline update` keeps it.")
    ] = None,
    allow: Allow = None,
    until_sure: Annotated[bool, typer.Option("--until-sure", help="Run a scenario until the verdict is sure.")] = False,
    budget_s: Annotated[
        float | None,
        typer.Option(
            "--budget", parser=seconds, metavar="TIME", help="With --until-sure: no longer than this; else 5m."
        ),
    ] = None,
    host: Host = None,
    stack: StackFile = None,
    processes: Annotated[
        int | None, typer.Option(min=1, help="With --until-sure: processes of the load generator.")
    ] = None,
    settings: Settings = None,
    noise: Noise = NOISE,
    junit: JunitFile = None,
    markdown: MarkdownFile = None,
    comment: CommentFile = None,
    json: JsonFile = None,
    benchmark: BenchmarkFile = None,
    html: HtmlFile = None,
    runs: Runs = RUNS,
) -> None:
    """The verdict for CI: a run by its targets, or runs against a baseline. Fails only what is surely slower."""
    from capacity.gate.baselines import newest_at
    from capacity.gate.verdicts import gate_against, gate_runs
    from reports.gate import Outputs

    if "" in [*(run_names or ()), *(baseline or ())]:
        raise UsageError("A RUN is empty: is the variable set that should name it?")
    if allow and not baseline and not history:
        raise UsageError("--allow is for --baseline and --history: without them nothing is compared.")
    outputs = Outputs(junit, markdown, comment, json, benchmark, html)
    outputs.check()
    if until_sure:
        if baseline:
            raise UsageError(
                "--until-sure judges by the targets: leave --baseline out, or compare with `matchday duel`."
            )
        record, confidence, interrupted = _run_until_sure(
            run_names or ["smoke"], budget_s or _BUDGET_S, settings or [], runs, host, stack, processes or 1, noise
        )
        code = say(gate_runs([record], noise, history, allow or [], confidence), outputs)
        raise typer.Exit(ExitCode.INTERRUPTED if interrupted else code)
    if host or stack or settings or budget_s or processes:
        raise UsageError(
            "--host, --stack, --set, --budget and --processes are for --until-sure: a record is what it is."
        )
    if baseline and not run_names:
        raise UsageError("Which runs are compared with the baseline? `matchday gate RUN... --baseline RUN...`")
    records = [record_of(name, runs) for name in run_names or ["latest"]]
    if baseline:
        before = [record for name in baseline for record in newest_at(resolved(name, runs))]
        raise typer.Exit(say(gate_against(records, before, allow or [], noise, history), outputs))
    raise typer.Exit(say(gate_runs(records, noise, history, allow or []), outputs))


@baselines.command("update")
@interruptible()
def baseline_update(
    run_names: Annotated[list[str], typer.Argument(metavar="RUN...", help="Run records to add.")],
    folder: Annotated[Path, typer.Option("--baseline", help="The folder.")] = Path("baselines"),
    keep: Annotated[int, typer.Option(min=1, help="How many records stay; the oldest go.")] = 100,
    allow: Allow = None,
    runs: Runs = RUNS,
) -> None:
    """Add runs to the baseline. Refuses what must not be compared with: invalid, failed, or unlike the others."""
    from capacity.gate.baselines import update

    left_out: list[str] = []
    added, removed = update(folder, [record_of(name, runs) for name in run_names], allow or [], left_out, keep)
    for why in left_out:
        print(f"Not compared with: {why}", file=sys.stderr)
    print(f"{folder}: {added} added, {removed} removed.")


def _run_until_sure(
    names: Sequence[str],
    budget_s: float,
    settings: Sequence[str],
    runs: Path,
    host: str | None,
    stack_file: Path | None,
    processes: int,
    noise: Path,
) -> tuple["Record", float, bool]:
    """Run one scenario until every target is surely met, or one surely not, or the budget ends.

    Returns its record, how sure each look at it was, and whether somebody interrupted it.
    """
    from capacity.gate.patience import Patience
    from loadtests.launch import Launch
    from loadtests.record import Record, new_folder
    from loadtests.recording.writer import check_writable

    if len(names) > 1 or (runs / names[0]).is_dir() or names[0] == "latest":
        raise UsageError("--until-sure takes one scenario, such as smoke: a record that is closed can learn no more.")
    settings = [*settings, f"load.hold_s={budget_s}"]
    scenario = load(names[0], settings)
    check_writable(runs)
    arguments = scenario_arguments(names[0], settings)
    arguments += ["--headless", "--until-stopped", *(["--host", host] if host else [])]
    arguments += distributed_arguments(processes) if processes > 1 else []
    patience = Patience(budget_s, scenario.targets.gate.confidence)
    with ExitStack() as closing:
        if not host and not stack_file:
            stack_file = write_stack_file(closing.enter_context(local_stack(scenario)))
        launch = Launch(new_folder(runs, scenario.name), arguments, stack_file)
        interrupted = False
        try:
            _follow_until_sure(launch, patience, scenario, noise)
        except KeyboardInterrupt:
            interrupted = True
            if not launch.stop():
                raise
    return Record.read(launch.folder), patience.confidence, interrupted


def _follow_until_sure(launch: "Launch", patience: "Patience", scenario: Scenario, noise: Path) -> None:
    from capacity.gate.absolute import judge
    from capacity.gate.noise import find_noise
    from capacity.gate.patience import sure
    from loadtests.record import Record, RecordError

    with LoadScreen(console(stderr=True), f"Load until sure: {scenario.load.concurrent_users} people") as screen:
        for live in launch.follow():
            show_load(screen, live, scenario)
            if not patience.due(live.elapsed_s - scenario.load.ramp_s - scenario.load.warm_up_s):
                continue
            with suppress(RecordError):  # nothing has succeeded so far
                record = Record.read(launch.folder)
                if sure(judge(record, find_noise(noise, record.run), patience.confidence)):
                    launch.stop()
                    return


def say(found: "GateResult", outputs: "Outputs") -> ExitCode:
    """Print a gate's answer and write what is wanted of it."""
    from reports.gate import PRINTED, write
    from reports.gate_terminal import print_gate

    if outputs.json == PRINTED:
        print(dumps(found))
        outputs = replace(outputs, json=None)
    else:
        print_gate(console(), found)
    for path in write(found, outputs):
        print(f"Written: {path}", file=sys.stderr)
    return found.verdict.exit_code
