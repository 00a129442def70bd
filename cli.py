"""The `matchday` command. One short function a command; the work is done in the packages.

Whatever is heavy is imported by the command that needs it: `matchday cost` starts at once.
"""

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from capacity.costs import CostReport, phase_bill, ten_thousand
from reports.as_json import dumps
from reports.terminal import Steps, console, print_check, print_costs, print_demands
from scenarios.load import PHASES, load, load_plan
from scenarios.outcome import ExitCode, MatchdayError, UsageError, Verdict
from scenarios.schema import Scenario

if TYPE_CHECKING:
    from capacity.gate.patience import Patience
    from capacity.gate.result import GateResult
    from capacity.gate.verdicts import Referee
    from loadtests.duel import Side
    from loadtests.launch import Launch, Live
    from loadtests.record import Record
    from reference_app.stack import LocalStack
    from reports.gate import Outputs

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
Host = Annotated[str | None, typer.Option(help="URL of a running backend; without it a local stack.")]
StackFile = Annotated[Path | None, typer.Option(help="Stack file that `matchday up` wrote.")]
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

_RUNS = Path("runs")
_NOISE = Path("runs/noise.json")
# Measured: a generator's start and end, two stacks with their population.
_BETWEEN_RUNS_S, _STARTING_S = 2.6, 35.0
_LOOK_EVERY_S = 0.25
_BUDGET_S = 300.0
_INTERRUPTING = (signal.SIGINT, signal.SIGTERM)


class _ManyAfterBaseline(TyperCommand):
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
    phase: Annotated[int, typer.Option(min=1, max=3, help="Which phase's stack.")] = 1,
    settings: Settings = None,
    stack_file: Annotated[
        Path | None, typer.Option("--stack-file", help="Where to write the stack file once it is healthy.")
    ] = None,
) -> None:
    """A phase's stack with its population, until Ctrl-C."""
    with ExitStack() as closing:
        stack = closing.enter_context(_local_stack(load(f"phase-{phase}", settings or [])))
        asked: list[int] = []
        signal.signal(signal.SIGHUP, lambda number, frame: asked.append(number))
        file = _written(stack, stack_file)
        # Whoever finds the file later must not take another process for this one; and it holds a secret.
        closing.callback(file.unlink, missing_ok=True)
        out = console()
        out.print(f"{stack.host}  healthy; API: {stack.host}/docs; Ctrl-C ends it. In another shell:")
        # Not wrapped: people copy these lines.
        out.print(f"  matchday run phase-{phase} --stack {file}", soft_wrap=True)
        out.print(f"  locust -f loadtests/locustfile.py --stack {file}", soft_wrap=True)
        try:
            for restarts in count():
                if restarts:
                    stack.restart_apps()()
                    _written(stack, file, restarts)
                while len(asked) <= restarts:
                    time.sleep(_LOOK_EVERY_S)
                    stack.check()
        except KeyboardInterrupt:
            out.print("Stopping ...")


@app.command()
@_interruptible()
def run(
    scenario: ScenarioName,
    host: Host = None,
    stack: StackFile = None,
    users: Annotated[int | None, typer.Option(min=1, help="Concurrent people.")] = None,
    duration_s: Annotated[
        float | None,
        typer.Option("--duration", parser=_seconds, metavar="TIME", help="Time at full load: 90s, 5m, 1h."),
    ] = None,
    processes: Processes = 1,
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


@app.command(cls=_ManyAfterBaseline)
@_interruptible()
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
            "--budget", parser=_seconds, metavar="TIME", help="With --until-sure: no longer than this; else 5m."
        ),
    ] = None,
    host: Host = None,
    stack: StackFile = None,
    processes: Annotated[
        int | None, typer.Option(min=1, help="With --until-sure: processes of the load generator.")
    ] = None,
    settings: Settings = None,
    noise: Noise = _NOISE,
    junit: JunitFile = None,
    markdown: MarkdownFile = None,
    comment: CommentFile = None,
    json: JsonFile = None,
    benchmark: BenchmarkFile = None,
    html: HtmlFile = None,
    runs: Runs = _RUNS,
) -> None:
    """The verdict for CI: a run by its targets, or runs against a baseline. Fails only what is surely slower."""
    from capacity.gate.baselines import history_at, newest_at
    from capacity.gate.verdicts import gate_against, gate_runs
    from reports.gate import Outputs

    if "" in [*(run_names or ()), *(baseline or ())]:
        raise UsageError("A RUN is empty: is the variable set that should name it?")
    if allow and not baseline and not history:
        raise UsageError("--allow is for --baseline and --history: without them nothing is compared.")
    outputs = Outputs(junit, markdown, comment, json, benchmark, html)
    past = history_at(history) if history else []
    if until_sure:
        if baseline:
            raise UsageError(
                "--until-sure judges by the targets: leave --baseline out, or compare with `matchday duel`."
            )
        record, confidence, interrupted = _run_until_sure(
            run_names or ["smoke"], budget_s or _BUDGET_S, settings or [], runs, host, stack, processes or 1, noise
        )
        code = _say(gate_runs([record], noise, past, allow or [], confidence), outputs)
        raise typer.Exit(ExitCode.INTERRUPTED if interrupted else code)
    if host or stack or settings or budget_s or processes:
        raise UsageError(
            "--host, --stack, --set, --budget and --processes are for --until-sure: a record is what it is."
        )
    if baseline and not run_names:
        raise UsageError("Which runs are compared with the baseline? `matchday gate RUN... --baseline RUN...`")
    records = [_record(name, runs) for name in run_names or ["latest"]]
    if baseline:
        before = [record for name in baseline for record in newest_at(_resolved(name, runs))]
        raise typer.Exit(_say(gate_against(records, before, allow or [], noise, past), outputs))
    raise typer.Exit(_say(gate_runs(records, noise, past, allow or []), outputs))


@app.command()
@_interruptible()
def duel(
    scenario: ScenarioName = "sprint",
    baseline: Annotated[str | None, typer.Option(metavar="URL", help="URL or stack file; else a local stack.")] = None,
    candidate: Annotated[str | None, typer.Option(metavar="URL", help="URL or stack file; else a local stack.")] = None,
    same: Annotated[
        bool, typer.Option("--same", help="The baseline against itself: measures this machine's noise floor.")
    ] = False,
    pairs: Annotated[int, typer.Option(min=2, max=200, help="Pairs of runs at most.")] = 16,
    budget_s: Annotated[
        float, typer.Option("--budget", parser=_seconds, metavar="TIME", help="No longer than this.")
    ] = "10m",  # type: ignore[assignment]  # the parser makes seconds of it
    at_once: Annotated[bool, typer.Option("--at-once", help="Both sides at the same time, not in turn.")] = False,
    settings: Settings = None,
    baseline_settings: Annotated[
        list[str] | None, typer.Option("--baseline-set", metavar="KEY=VALUE", help="For the baseline's local stack.")
    ] = None,
    candidate_settings: Annotated[
        list[str] | None, typer.Option("--candidate-set", metavar="KEY=VALUE", help="For the candidate's local stack.")
    ] = None,
    noise: Noise = _NOISE,
    junit: JunitFile = None,
    markdown: MarkdownFile = None,
    comment: CommentFile = None,
    json: JsonFile = None,
    benchmark: BenchmarkFile = None,
    html: HtmlFile = None,
    runs: Runs = _RUNS,
) -> None:
    """Short runs of two backends in turn, until one verdict is sure."""
    from capacity.gate.noise import check_noise_file
    from capacity.gate.relative import Plan
    from capacity.gate.result import GATE_FILE
    from capacity.gate.verdicts import Referee
    from loadtests.record import REPORT_FILE, new_folder
    from loadtests.recording.writer import check_writable
    from reports.gate import Outputs

    if same and (candidate or candidate_settings):
        raise UsageError("--same compares the baseline with itself: leave --candidate and --candidate-set out.")
    if same and any((junit, markdown, comment, json, benchmark, html)):
        raise UsageError("--same gives no verdict to write: its noise floor goes to the file that --noise names.")
    for name, where, changes in (
        ("baseline", baseline, baseline_settings),
        ("candidate", candidate, candidate_settings),
    ):
        if where and changes:
            raise UsageError(f"--{name}-set is for a stack started here: that of {where} runs with its own settings.")
    check_noise_file(noise)
    started_s = time.monotonic()
    asked = load(scenario, settings or [])
    check_writable(runs)
    run_s = asked.load.duration_s + _BETWEEN_RUNS_S
    plan = Plan.within(pairs, budget_s, run_s / 2 if at_once else run_s, _STARTING_S, asked.targets.gate)
    referee = Referee(plan, noise, same)
    arguments = [*_scenario_arguments(scenario, settings or []), "--headless"]
    ours = [*(settings or []), *(baseline_settings or [])]
    theirs = ours if same else [*(settings or []), *(candidate_settings or [])]
    with ExitStack() as closing:
        first = _side("baseline", baseline, scenario, ours, closing)
        if baseline and (same or candidate == baseline):
            second = replace(first, name="candidate")
        else:
            second = _side("candidate", candidate, scenario, theirs, closing)
        sides = (first, second)
        folder = new_folder(runs, f"duel-{asked.name}")
        like = _fight(folder, arguments, sides, at_once, referee, started_s + budget_s, asked)
    outputs = Outputs(junit, markdown, comment, json or folder / GATE_FILE, benchmark, html or folder / REPORT_FILE)
    found = referee.result(like)
    if same:
        raise typer.Exit(_keep_noise(referee, found, noise))
    raise typer.Exit(_say(found, outputs))


baselines = typer.Typer(help="The folder of records that gates compare with.", no_args_is_help=True)
app.add_typer(baselines, name="baseline")


@baselines.command("update")
@_interruptible()
def baseline_update(
    run_names: Annotated[list[str], typer.Argument(metavar="RUN...", help="Run records to add.")],
    folder: Annotated[Path, typer.Option("--baseline", help="The folder.")] = Path("baselines"),
    keep: Annotated[int, typer.Option(min=1, help="How many records stay; the oldest go.")] = 100,
    allow: Allow = None,
    runs: Runs = _RUNS,
) -> None:
    """Add runs to the baseline. Refuses what must not be compared with: invalid, failed, or unlike the others."""
    from capacity.gate.baselines import update

    added, removed = update(folder, [_record(name, runs) for name in run_names], allow or [], keep)
    print(f"{folder}: {added} added, {removed} removed.")


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
    arguments = _scenario_arguments(name, settings)
    arguments += ["--web-host", "127.0.0.1", "--autostart"] if ui else ["--headless"]
    arguments += _distributed(processes) if processes > 1 else []
    if host or stack_file:
        arguments += ["--host", host] if host else []
        record, interrupted = _measure(scenario, arguments, runs, stack_file, ui)
    else:
        with _local_stack(scenario) as stack:
            record, interrupted = _measure(scenario, arguments, runs, _written(stack), ui)
    return _conclude(record, interrupted)


def _scenario_arguments(name: str, settings: Sequence[str]) -> list[str]:
    return ["--scenario", name, *(part for setting in settings for part in ("--set", setting))]


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

    interrupted = False
    launch = Launch(new_folder(runs, scenario.name), arguments, stack_file)
    if ui:
        console().print("Locust's web UI: http://127.0.0.1:8089, until Ctrl-C")
    try:
        with Steps(console(stderr=True), f"Load: {scenario.load.concurrent_users} people") as steps:
            for live in launch.follow():
                _show(steps, live, scenario.load.duration_s)
    except KeyboardInterrupt:
        interrupted = True
        console().print("Interrupted: ending the load ...")
        if not launch.stop():
            raise
    record = Record.read(launch.folder)
    return record, interrupted and not record.complete


def _show(steps: Steps, live: "Live", duration_s: float, where: str = "") -> None:
    if not live.users:
        return  # everybody has been sent home: the record is being closed
    p95 = f"p95 {live.p95_ms:.0f} ms" if live.p95_ms else "p95 -"
    text = f"{live.users} people, {live.requests_per_s:.0f} requests/s, {live.failures} failed, {p95}"
    steps.show(f"{where}{text}", min(live.elapsed_s, duration_s), duration_s)


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
    arguments = _scenario_arguments(names[0], settings)
    arguments += ["--headless", "--until-stopped", *(["--host", host] if host else [])]
    arguments += _distributed(processes) if processes > 1 else []
    patience = Patience(budget_s, scenario.targets.gate.confidence)
    with ExitStack() as closing:
        if not host and not stack_file:
            stack_file = _written(closing.enter_context(_local_stack(scenario)))
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
    from capacity.gate.patience import sure
    from capacity.gate.verdicts import gate_runs
    from loadtests.record import Record, RecordError

    with Steps(console(stderr=True), f"Load until sure: {scenario.load.concurrent_users} people") as steps:
        for live in launch.follow():
            _show(steps, live, scenario.load.duration_s)
            if not patience.due(live.elapsed_s - scenario.load.ramp_s - scenario.load.warm_up_s):
                continue
            with suppress(RecordError):  # nothing has succeeded so far
                found = gate_runs([Record.read(launch.folder)], noise, confidence=patience.confidence)
                if sure(found.runs[0]):
                    launch.stop()
                    return


def _side(name: str, where: str | None, scenario: str, settings: Sequence[str], closing: ExitStack) -> "Side":
    """One of a duel: a URL, the stack file of a running backend, or a local stack of its own."""
    from loadtests.duel import Side, by_signal

    if where and where.startswith(("http://", "https://")):
        return Side(name, ("--host", where))
    if where:
        return Side(name, (), Path(where), by_signal(Path(where)))
    stack = closing.enter_context(_local_stack(load(scenario, settings), f"{name}: "))

    def restart() -> Callable[[], None]:
        wait = stack.restart_apps()

        def ready() -> None:
            wait()
            _written(stack)

        return ready

    return Side(name, (), _written(stack), restart)


def _fight(
    folder: Path,
    arguments: Sequence[str],
    sides: tuple["Side", "Side"],
    at_once: bool,
    referee: "Referee",
    until_s: float,
    scenario: Scenario,
) -> "Record":
    """Pairs of runs until the referee has seen enough or the time is over. Returns one of the runs."""
    from loadtests.duel import Duel, forget

    with Steps(console(stderr=True), f"Duel: {scenario.load.concurrent_users} people") as steps:

        def said(where: str, live: "Live") -> None:
            _show(steps, live, scenario.load.duration_s, f"{where}: ")

        duel_ = Duel(folder, arguments, sides, at_once, said)
        if not duel_.restarts:
            steps.say("The backends run on from pair to pair: only local stacks and those of `matchday up` start anew.")
        longest_s, began_s, like = 0.0, time.monotonic(), None
        try:
            for pair in duel_.pairs():
                like = pair.candidate
                referee.add(pair.baseline, pair.candidate)
                longest_s = max(longest_s, time.monotonic() - began_s)
                began_s = time.monotonic()
                if referee.over or began_s + longest_s > until_s:
                    break
        except MatchdayError as error:
            # A side that fell over in the tenth pair must not take the other nine with it.
            if not referee.pairs or not like:
                raise
            referee.break_off(str(error))
        finally:
            forget(folder)
    assert like
    return like


def _keep_noise(referee: "Referee", found: "GateResult", file: Path) -> ExitCode:
    """Of a duel of one backend with itself: not who is slower is the question, but how much runs differ."""
    from capacity.gate.noise import store_noise
    from reports.gate_terminal import print_gate, print_noise

    if not referee.enough_for_noise:
        print_gate(console(), found)
        return found.verdict.exit_code
    floor = referee.noise()
    store_noise(file, floor)
    print_noise(console(), floor, found)
    console().print(f"Kept in {file}: gates on this machine want a change to be larger.", soft_wrap=True)
    return ExitCode.PASS


def _say(found: "GateResult", outputs: "Outputs") -> ExitCode:
    """Print a gate's answer and write what is wanted of it."""
    from reports.gate import write
    from reports.gate_terminal import print_gate

    if outputs.json == Path("-"):
        print(dumps(found))
        outputs = replace(outputs, json=None)
    else:
        print_gate(console(), found)
    for path in write(found, outputs):
        print(f"Written: {path}", file=sys.stderr)
    return found.verdict.exit_code


def _written(stack: "LocalStack", file: Path | None = None, restarts: int = 0) -> Path:
    """The stack's file, where it is wanted or in its own folder."""
    file = file or stack.folder / "stack.json"
    try:
        stack.info.model_copy(update={"controller": os.getpid(), "restarts": restarts}).write(file)
    except OSError as error:
        raise UsageError(f"The stack file {file} cannot be written: {error.strerror}.") from error
    return file


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
def _local_stack(scenario: Scenario, name: str = "") -> Iterator["LocalStack"]:
    """A running, populated stack; stopped at the end, whatever happens."""
    from reference_app.stack import LocalStack

    with ExitStack() as running:
        with Steps(console(stderr=True), f"{name}Stack of phase {scenario.phase}") as steps:
            stack = running.enter_context(LocalStack(scenario, steps.show))
        try:
            people = scenario.population.users
            with Steps(console(stderr=True), f"{name}Population: {people:,} people") as steps:
                stack.populate(scenario.population, lambda done, of: steps.show(f"{done:,} of {of:,}", done, of))
            yield stack
        finally:
            with Steps(console(stderr=True), f"{name}Stopping the stack"):
                running.close()


def _record(run: str, runs: Path) -> "Record":
    from loadtests.record import Record

    return Record.read(_resolved(run, runs))


def _resolved(run: str, runs: Path) -> Path:
    from loadtests.record import resolve

    return resolve(run, runs)


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
