"""What a backend would need: `matchday calibrate`, `predict`."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.crowds import crowd_of
from cli.options import RUNS, AsJson, Runs, Settings, interruptible, record_of
from reports.as_json import dumps
from reports.terminal import Steps, console
from scenarios.load import MEASURED, PHASES, hours_of_day, load, load_growth, load_machines
from scenarios.outcome import ExitCode, UsageError

if TYPE_CHECKING:
    from capacity.calibration.file import Calibration
    from capacity.prediction.result import Prediction


class On(StrEnum):
    HERE = "here"
    PLAN = "plan"


CALIBRATION = Path("calibration.json")
CalibrationFile = Annotated[
    Path | None,
    typer.Option(
        "--calibration", metavar="FILE", help="What `matchday calibrate` has written; else ./calibration.json or ours."
    ),
]


@interruptible()
def calibrate(
    named: Annotated[list[str], typer.Argument(metavar="RUN...", help="Run records: `latest`, names or paths.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write it.")] = CALIBRATION,
    as_json: AsJson = False,
    runs: Runs = RUNS,
) -> None:
    """What every request costs at every station, from runs with different mixes."""
    from capacity.calibration import file
    from capacity.calibration.calibrate import calibrated
    from reports.calibration_terminal import print_calibration

    records = [record_of(run, runs) for run in named]
    with Steps(console(stderr=True), "Calibration"):
        found = calibrated(records)
    file.write(found, out)
    if as_json:
        print(dumps(found))
    else:
        print_calibration(console(), found)
        console().print(f"Calibration: {out}", soft_wrap=True)


@interruptible()
def predict(
    scenario: Annotated[
        str | None, typer.Argument(metavar="SCENARIO", help="A name or the path of a .toml file; else phase-1.")
    ] = None,
    users: Annotated[int | None, typer.Option(min=1, help="Concurrent people; else the scenario's.")] = None,
    calibration: CalibrationFile = None,
    on: Annotated[
        On | None, typer.Option(help="The machine that was calibrated (here), or the servers of the scenario's plan.")
    ] = None,
    weeks: Annotated[
        int | None, typer.Option(min=1, max=520, help="Instead: growth, and which week breaks which phase's servers.")
    ] = None,
    usage: Annotated[
        str | None, typer.Option(help="With --weeks: how people use the app, a table of growth.toml; else plan.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the simulated runs.")] = 1,
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """What so many people would meet: throughput, utilisation, latencies, the knee; with intervals."""
    if weeks:
        if scenario or users or on or settings:
            raise UsageError(
                "--weeks is about the plans of all phases: leave out the scenario, --users, --on and --set."
            )
        _grow(file_of(calibration), weeks, usage or "plan", seed, as_json)
        return
    if usage:
        raise UsageError("--usage is how people use the app over the weeks: it goes with --weeks.")
    from capacity.prediction.crowd import measured_spread
    from capacity.prediction.knee import knee
    from capacity.prediction.predict import predicted
    from capacity.prediction.runs import Question
    from capacity.prediction.site import Here, Planned
    from reports.prediction_terminal import print_prediction

    asked, measured = load(scenario or PHASES[0], settings or []), file_of(calibration)
    site = Planned(measured, asked.infrastructure, load_machines()) if on is On.PLAN else Here(measured)
    with Steps(console(stderr=True), "Prediction") as steps:
        steps.show("how people behave")
        question = Question(measured, asked, crowd_of(asked), site, seed, measured_spread(measured, asked))
        steps.show("the knee")
        breaks = knee(question)
        steps.show("simulated runs")
        found = predicted(question, users or asked.load.concurrent_users, breaks)
    if as_json:
        print(dumps(found))
    else:
        print_prediction(console(), found)
    raise typer.Exit(_exit_code(found))


def file_of(named: Path | None) -> "Calibration":
    """The file that was named, or the one that is here; else the reference backend's, which ships with Matchday."""
    found = calibration_of(named)
    if _calibration_path(named).name == MEASURED.name:
        out = console(stderr=True)
        machine = f"{found.machine.cpus} cores, {found.created_at:%Y-%m-%d}"
        made = "Predicted from the reference backend's calibration, which comes with Matchday"
        out.print(f"{made} ({machine}); `matchday run calibration`, then `matchday calibrate latest` makes yours.")
    return found


def calibration_of(named: Path | None) -> "Calibration":
    """As `file_of`, but silent."""
    from capacity.calibration import file

    return file.read(_calibration_path(named))


def _calibration_path(named: Path | None) -> Path:
    return named or (CALIBRATION if CALIBRATION.exists() else Path(str(MEASURED)))


def _grow(measured: "Calibration", weeks: int, usage: str, seed: int, as_json: bool) -> None:
    """The three phases' servers, as the plan draws them, over so many weeks."""
    from capacity.prediction.bounds import bounds
    from capacity.prediction.growth import PhaseCapacity, grown
    from capacity.prediction.knee import DRAWS, knee
    from capacity.prediction.runs import Question
    from capacity.prediction.site import Planned
    from reports.growth_terminal import print_growth

    growth, machines, phases = load_growth(), load_machines(), []
    if usage not in growth.usage:
        raise UsageError(f"--usage {usage}: there are {', '.join(growth.usage)} in scenarios/growth.toml.")
    with Steps(console(stderr=True), "Growth") as steps:
        crowd = crowd_of(load(PHASES[0]))
        for name in PHASES:
            steps.show(name)
            scenario = load(name)
            site = Planned(measured, scenario.infrastructure, machines)
            question = Question(measured, scenario, crowd, site, seed)
            found = knee(question)
            drawn = [question.there(draw) for draw in range(DRAWS)]
            limits = tuple(bounds(question, drawn, round(found.people.value)))
            phases.append(PhaseCapacity(name, scenario.title, scenario.weeks, found, limits))
    plan = grown(growth, growth.usage[usage], hours_of_day(), weeks, phases, seed)
    if as_json:
        print(dumps(plan))
    else:
        print_growth(console(), plan)


def _exit_code(found: "Prediction") -> ExitCode:
    verdicts = {target.verdict for target in found.targets}
    if found.saturated or "breaks" in verdicts:
        return ExitCode.FAIL
    return ExitCode.INCONCLUSIVE if verdicts & {"open", "unknown"} else ExitCode.PASS
