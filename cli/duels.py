"""`matchday duel`: two backends in turn."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.gates import say
from cli.load import scenario_arguments
from cli.options import (
    NOISE,
    RUNS,
    BenchmarkFile,
    CommentFile,
    HtmlFile,
    JsonFile,
    JunitFile,
    MarkdownFile,
    Noise,
    Runs,
    ScenarioName,
    Settings,
    interruptible,
    seconds,
)
from cli.stacks import local_stack, write_stack_file
from reports.terminal import Steps, console
from scenarios.load import load
from scenarios.outcome import ExitCode, MatchdayError, UsageError
from scenarios.schema import Scenario
from scenarios.stack_info import StackInfo

if TYPE_CHECKING:
    from capacity.gate.result import GateResult
    from capacity.gate.verdicts import Referee
    from loadtests.duel import Side
    from loadtests.launch import Live
    from loadtests.record import Record

# Measured: a generator's start and end; two stacks that come, are filled, and go, with a reserve.
_BETWEEN_RUNS_S, _STARTING_S = 2.6, 45.0
_BUDGET_S = 600.0
# Every pair says how it went; only longer ones need a sign of life in between.
_PLAIN_EVERY_S = 60.0


@interruptible()
def duel(
    scenario: ScenarioName = "sprint",
    baseline: Annotated[str | None, typer.Option(metavar="URL", help="URL or stack file; else a local stack.")] = None,
    candidate: Annotated[str | None, typer.Option(metavar="URL", help="URL or stack file; else a local stack.")] = None,
    same: Annotated[
        bool, typer.Option("--same", help="The baseline against itself: measures this machine's noise floor.")
    ] = False,
    pairs: Annotated[
        int | None, typer.Option(min=2, max=200, help="Pairs of runs at most; else as many as the budget has room for.")
    ] = None,
    budget_s: Annotated[
        float | None, typer.Option("--budget", parser=seconds, metavar="TIME", help="No longer than this; else 10m.")
    ] = None,
    at_once: Annotated[bool, typer.Option("--at-once", help="Both sides at the same time, not in turn.")] = False,
    settings: Settings = None,
    baseline_settings: Annotated[
        list[str] | None, typer.Option("--baseline-set", metavar="KEY=VALUE", help="For the baseline's local stack.")
    ] = None,
    candidate_settings: Annotated[
        list[str] | None, typer.Option("--candidate-set", metavar="KEY=VALUE", help="For the candidate's local stack.")
    ] = None,
    noise: Noise = NOISE,
    junit: JunitFile = None,
    markdown: MarkdownFile = None,
    comment: CommentFile = None,
    json: JsonFile = None,
    benchmark: BenchmarkFile = None,
    html: HtmlFile = None,
    runs: Runs = RUNS,
) -> None:
    """Short runs of two backends in turn, until one verdict is sure."""
    from capacity.gate.noise import check_noise_file
    from capacity.gate.plan import Plan
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
    if same:
        check_noise_file(noise)
    outputs = Outputs(junit, markdown, comment, json, benchmark, html)
    outputs.check()
    started_s, budget_s = time.monotonic(), budget_s or _BUDGET_S
    asked = load(scenario, settings or [])
    check_writable(runs)
    run_s = asked.load.duration_s + _BETWEEN_RUNS_S
    plan = Plan.within(pairs, budget_s, run_s / 2 if at_once else run_s, _STARTING_S, asked.targets.gate)
    referee = Referee(plan, noise, same)
    arguments = [*scenario_arguments(scenario, settings or []), "--headless"]
    ours = [*(settings or []), *(baseline_settings or [])]
    theirs = ours if same else [*(settings or []), *(candidate_settings or [])]
    with ExitStack() as closing:
        first = _side("baseline", baseline, scenario, ours, closing)
        if baseline and (same or candidate == baseline):
            second = replace(first, name="candidate")
        else:
            second = _side("candidate", candidate, scenario, theirs, closing)
        sides = (first, second)
        _check_same_people(sides)
        folder = new_folder(runs, f"duel-{asked.name}")
        like = _fight(folder, arguments, sides, at_once, referee, started_s + budget_s, asked)
    outputs = replace(outputs, json=json or folder / GATE_FILE, html=html or folder / REPORT_FILE)
    found = referee.result(like)
    if same:
        raise typer.Exit(_keep_noise(referee, found, noise))
    raise typer.Exit(say(found, outputs))


def _side(name: str, where: str | None, scenario: str, settings: Sequence[str], closing: ExitStack) -> "Side":
    """One of a duel: a URL, the stack file of a running backend, or a local stack of its own."""
    from loadtests.duel import Side, by_signal

    if where and where.startswith(("http://", "https://")):
        return Side(name, ("--host", where))
    if where:
        return Side(name, (), Path(where), by_signal(Path(where)))
    stack = closing.enter_context(local_stack(load(scenario, settings), f"{name}: "))

    def restart() -> Callable[[], None]:
        wait = stack.restart_apps()

        def ready() -> None:
            wait()
            write_stack_file(stack)

        return ready

    return Side(name, (), write_stack_file(stack), restart)


def _check_same_people(sides: tuple["Side", "Side"]) -> None:
    """A database of other people is faster or slower by itself. Raises UsageError.

    What only one of two versions knows of says nothing.
    """
    before, after = (StackInfo.read(side.stack_file).population or {} if side.stack_file else {} for side in sides)
    if differing := sorted(key for key in before.keys() & after.keys() if before[key] != after[key]):
        named = ", ".join(differing)
        raise UsageError(f"The two backends hold different people (population: {named}): fill both alike.")


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

    with Steps(console(stderr=True), f"Duel: {scenario.load.concurrent_users} people", _PLAIN_EVERY_S) as steps:
        longest_s, like, first_s = 0.0, None, time.monotonic()
        began_s = first_s

        def said(where: str, live: "Live") -> None:
            # Not its latency so far: in a short run that is how everybody signed in at once. The bar is the budget.
            if live.users:
                text = f"{where}: {live.users} people, {live.failures} failed"
                steps.show(text, time.monotonic() - first_s, until_s - first_s)

        duel_ = Duel(folder, arguments, sides, at_once, said)
        if not duel_.restarts:
            steps.say("The backends run on from pair to pair: only local stacks and those of `matchday up` start anew.")
        try:
            for pair in duel_.pairs():
                like = pair.candidate
                steps.say(referee.add(pair.baseline, pair.candidate))
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
