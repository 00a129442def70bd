"""`matchday search`: how many people a backend holds."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.load import backend_arguments, distributed_arguments, measured, people_settings, ramp_s
from cli.options import (
    RUNS,
    AsJson,
    ClientFile,
    Host,
    PeopleFile,
    Processes,
    Runs,
    ScenarioName,
    Settings,
    StackFile,
    interruptible,
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
    from capacity.fits import Step
    from loadtests.search import Limits, Tried

_BUDGET_S, _HOLD_S = 2700.0, 40.0
_MOST = 2000
# A person rests between two sessions; and nobody must be met by everybody.
_POPULATION_FACTOR = 1.5


@interruptible()
def search(
    scenario: ScenarioName,
    host: Host = None,
    stack: StackFile = None,
    client: ClientFile = None,
    people: PeopleFile = None,
    budget_s: Annotated[
        float | None, typer.Option("--budget", parser=seconds, metavar="TIME", help="No longer than this; else 45m.")
    ] = None,
    start: Annotated[int | None, typer.Option(min=1, help="People in the first run; else the scenario's.")] = None,
    most: Annotated[
        int | None, typer.Option(min=1, help="No more people than this; else 2,000, or what the population allows.")
    ] = None,
    hold_s: Annotated[
        float | None,
        typer.Option("--hold", parser=seconds, metavar="TIME", help="Each run's time at full load; else 40s."),
    ] = None,
    processes: Processes = 1,
    settings: Settings = None,
    as_json: AsJson = False,
    runs: Runs = RUNS,
) -> None:
    """How many people hold every target, with an interval: doubles until one breaks, then narrows."""
    from loadtests.record import new_folder
    from loadtests.recording.writer import check_writable
    from loadtests.search import Limits
    from loadtests.users.pool import from_file

    asked = load(scenario, settings or [])
    own_stack = not (host or stack)
    there = len(from_file(people)) if people else asked.population.users
    most = most or (_MOST if own_stack else _play(there))
    if start and start > most:
        raise UsageError(f"--start {start}: the search tries no more than {most:,} people. Raise --most.")
    changes = [*(settings or []), f"load.hold_s={hold_s or _HOLD_S}", "load.stages=[]"]
    if own_stack:
        changes += [f"population.users={max(asked.population.users, round(most * _POPULATION_FACTOR))}"]
    elif most > _play(there):
        whose, more = f"the population of {scenario}", "Fill the backend with more: --set population.users=N."
        if people:
            whose, more = str(people), "Name more there."
        raise UsageError(f"--most {most}: {whose} has {there:,} people, enough for {_play(there):,} at a time. {more}")
    resolved = load(scenario, changes)
    check_writable(runs)
    folder = new_folder(runs, f"search-{resolved.name}")
    arguments = ["--headless", *backend_arguments(host, client, people)]
    with ExitStack() as closing:
        local = closing.enter_context(local_stack(resolved)) if own_stack else None
        file = write_stack_file(local) if local else stack
        searching = _Searching(scenario, changes, resolved, folder, arguments, file, processes)
        limits = Limits(start or min(asked.load.concurrent_users, most), most)
        interrupted = searching.run(limits, budget_s or _BUDGET_S, local.start_over if local else _as_it_is)
    raise typer.Exit(searching.conclude(limits, asked, as_json, interrupted))


def _as_it_is() -> None:
    """A backend of somebody else's is not tidied up between runs."""


def _play(users: int) -> int:
    """How many of so many people can be online at a time."""
    return max(1, round(users / _POPULATION_FACTOR))


class _Searching:
    def __init__(
        self,
        name: str,
        settings: Sequence[str],
        scenario: Scenario,
        folder: Path,
        arguments: Sequence[str],
        stack_file: Path | None,
        processes: int,
    ) -> None:
        self._name, self._settings, self._scenario = name, settings, scenario
        self._folder, self._arguments = folder, arguments
        self._stack_file, self._processes = stack_file, processes
        self.steps: list[Step] = []
        self._out_of_time = False

    def run(self, limits: "Limits", budget_s: float, begin: Callable[[], None]) -> bool:
        """Try what the search asks for until it is settled or the time is over. Returns whether it was interrupted."""
        from loadtests.search import next_people

        until = time.monotonic() + budget_s
        with LoadScreen(console(stderr=True), f"Search: {self._scenario.name}") as steps:
            while (people := next_people(self.tried, limits)) is not None:
                if time.monotonic() + self._takes_s(people) > until:
                    self._out_of_time = True
                    return False
                begin()
                try:
                    step = self._try(people, steps)
                except KeyboardInterrupt:
                    return True
                self.steps.append(step)
                steps.say(_said(step))
        return False

    @property
    def tried(self) -> list["Tried"]:
        from loadtests.search import Tried

        return [Tried(step.people, step.held, step.few) for step in self.steps]

    def _takes_s(self, people: int) -> float:
        return ramp_s(people, self._scenario.load.ramp_s) + self._scenario.load.hold_s

    def _try(self, people: int, steps: LoadScreen) -> "Step":
        from capacity.fits import step_of

        settings = [*self._settings, *people_settings(people, self._scenario.load.ramp_s)]
        folder = self._folder / f"{len(self.steps) + 1:02}-{people}"
        more = distributed_arguments(self._processes) if self._processes > 1 else []
        record = measured(folder, self._name, settings, [*self._arguments, *more], self._stack_file, steps)
        return step_of(record, people)

    def conclude(self, limits: "Limits", asked: Scenario, as_json: bool, interrupted: bool) -> ExitCode:
        from capacity.fits import Fits, broke_first, nearest_held
        from loadtests.search import given_up, knee, stopped_by
        from reports.search_terminal import print_fits

        found = knee(self.tried, limits)
        near = nearest_held(self.steps, found.middle)
        why = "no target broke; try more with --most"
        if interrupted:
            why = "it was interrupted"
        elif self._out_of_time:
            why = "its time was over (--budget)"
        elif stopped_by(self.tried):
            why = "give the generator more processes, or a machine of its own"
        elif self.steps and self.steps[-1].held is None:
            why = self.steps[-1].why
        need = asked.targets.targets["concurrent_users"].limit_at(asked.population.users)
        answer = Fits(
            asked.name,
            found.low,
            found.middle,
            found.high,
            stopped_by(self.tried),
            found.settled,
            why,
            limits.confidence,
            near.requests_per_s if near else None,
            broke_first(self.steps),
            near.busiest if near else None,
            near.busiest_share if near else None,
            round(need),
            tuple(self.steps),
        )
        (self._folder / "search.json").write_text(dumps(answer) + "\n")
        if as_json:
            print(dumps(answer))
        else:
            print_fits(console(), answer)
            console().print(f"Runs: {self._folder}", soft_wrap=True)
        if interrupted:
            return ExitCode.INTERRUPTED
        if found.low >= need:
            return ExitCode.PASS
        if found.high is not None and found.high < need:
            return ExitCode.FAIL
        machine_is_the_limit = given_up(self.tried) or stopped_by(self.tried)
        return ExitCode.INVALID if machine_is_the_limit else ExitCode.INCONCLUSIVE


def _said(step: "Step") -> str:
    result = {True: "holds", False: "breaks", None: "unclear" if step.few else "invalid"}[step.held]
    return f"{step.people:,} people: {result}{f' ({step.why})' if step.why else ''}"
