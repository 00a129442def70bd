"""`matchday verify`: a prediction from small loads, then the larger ones measured, both side by side."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.crowds import crowd_of
from cli.load import measured, people_settings
from cli.options import RUNS, AsJson, Runs, ScenarioName, Settings, interruptible, record_of
from cli.stacks import local_stack, write_stack_file
from reports.as_json import dumps
from reports.load_terminal import LoadScreen
from reports.terminal import Steps, console
from scenarios.load import load
from scenarios.outcome import ExitCode, UsageError
from scenarios.schema import Scenario

if TYPE_CHECKING:
    from capacity.calibration.file import Calibration
    from capacity.prediction.result import Prediction
    from capacity.prediction.runs import Question
    from capacity.prediction.site import Here
    from capacity.prediction.verify import Step, Verification
    from loadtests.record import Record
    from reference_app.stack import LocalStack

# Shares of the knee as it is predicted from the calibration alone.
_LOWER, _HIGHER = (0.2, 0.35, 0.5), (0.6, 0.7, 0.8, 0.9, 1.0)
_HOLD_S = 70.0
_POPULATION_FACTOR = 1.5


@interruptible()
def verify(
    scenario: ScenarioName,
    calibration: Annotated[
        str | None,
        typer.Option("--calibration", metavar="RUN", help="A run of `calibration` on this machine: a name or a path."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the simulated runs.")] = 1,
    settings: Settings = None,
    as_json: AsJson = False,
    runs: Runs = RUNS,
) -> None:
    """Calibrates up to half the knee, stores its prediction, measures the higher steps, prints both with the error."""
    from loadtests.record import new_folder
    from loadtests.recording.writer import check_writable
    from reports.verification_page import write_pages
    from reports.verification_terminal import print_verification

    asked = load(scenario, settings or [])
    check_writable(runs)
    mixes = _mixes(record_of(calibration, runs), asked) if calibration else None
    folder = new_folder(runs, f"verify-{asked.name}")
    verifying = _Verifying(scenario, settings or [], asked, folder, seed)
    verification = verifying.run(mixes or verifying.measure_mixes())
    (folder / "verification.json").write_text(dumps(verification) + "\n")
    page = write_pages(verification, folder)
    if as_json:
        print(dumps(verification))
    else:
        print_verification(console(), verification)
        console().print(f"Prediction, runs and figures: {folder}", soft_wrap=True)
        console().print(f"Report: {page}", soft_wrap=True)
    compared = any(step.figures for step in verification.steps)
    raise typer.Exit(ExitCode.PASS if compared else ExitCode.INVALID)


@contextmanager
def _stack(scenario: Scenario) -> Iterator["LocalStack"]:
    """With pictures in its cache: it fills up, step by step, and the last would be measured on other terms."""
    with local_stack(scenario) as stack:
        if scenario.backend.cdn:
            with Steps(console(stderr=True), "Pictures into the CDN") as steps:
                stack.fill_cdn(lambda done, of: steps.show(f"{done:,} of {of:,}", done, of))
        yield stack


def _mixes(record: "Record", scenario: Scenario) -> "Record":
    """Raises UsageError when it cannot be calibrated together with runs that are still to be made."""
    from capacity.calibration.checks import MEASURE, check_run
    from loadtests.recording.new_run import this_machine

    check_run(record)
    name, run = record.folder.name, record.run
    if run.scenario.phase != scenario.phase:
        raise UsageError(
            f"{name} is of phase {run.scenario.phase}, {scenario.name} of phase {scenario.phase}, whose requests take "
            "other ways: leave out --calibration, and its mixes are measured first (eight minutes)."
        )
    if not run.machine.alike(this_machine()):
        raise UsageError(f"{name} was made on another machine than this one. {MEASURE}")
    return record


class _Verifying:
    def __init__(self, name: str, settings: Sequence[str], scenario: Scenario, folder: Path, seed: int) -> None:
        self._name, self._scenario, self._folder, self._seed = name, scenario, folder, seed
        self._settings = [*settings, f"load.hold_s={_HOLD_S}", "load.stages=[]"]

    def measure_mixes(self) -> "Record":
        """A run of the calibration scenario against this phase's stack."""
        settings = _as_calibration(self._scenario)
        with _stack(load("calibration", settings)) as stack:
            return self._measured("calibration", "calibration", settings, write_stack_file(stack))

    def run(self, mixes: "Record") -> "Verification":
        from capacity.calibration import file
        from capacity.calibration.calibrate import calibrated
        from capacity.prediction.verify import Verification, scaling

        knee = self._first_guess(calibrated([mixes]))
        users = max(self._scenario.population.users, round(knee * _POPULATION_FACTOR))
        self._settings.append(f"population.users={users}")
        with _stack(load(self._name, self._settings)) as stack:
            stack_file = write_stack_file(stack)

            def step(share: float) -> "Record":
                stack.start_over()
                return self._step(round(knee * share), stack_file)

            lower = [step(share) for share in _LOWER]
            calibration = calibrated([mixes, *lower])
            file.write(calibration, self._folder / "calibration.json")
            predictions = self._predictions(calibration, [round(knee * share) for share in _HIGHER])
            (self._folder / "prediction.json").write_text(dumps(predictions) + "\n")
            higher = [step(share) for share in _HIGHER]
        with Steps(console(stderr=True), "Comparison"):
            steps = [self._compared(calibration, *one) for one in zip(predictions, higher, strict=True)]
        return Verification(
            self._scenario.name,
            round(knee * _LOWER[-1]),
            predictions[0].knee_people,
            tuple(steps),
            scaling([*lower, *higher]),
        )

    def _first_guess(self, calibration: "Calibration") -> float:
        from capacity.prediction.knee import knee
        from capacity.prediction.runs import Question
        from capacity.prediction.site import Here

        with Steps(console(stderr=True), "The knee, from the calibration") as steps:
            crowd = crowd_of(self._scenario)
            found = knee(Question(calibration, self._scenario, crowd, Here(calibration), self._seed)).people
            steps.say(f"about {found.value:,.0f} people")
        return found.value

    def _compared(self, calibration: "Calibration", prediction: "Prediction", record: "Record") -> "Step":
        """With what was stored, and with what would have been if the machine's speed had been known."""
        from capacity.prediction.predict import predicted
        from capacity.prediction.site import Here
        from capacity.prediction.verify import compared, slowness

        if (slow := slowness(calibration, record)) is None:
            return compared(prediction, record)
        question = self._question(calibration, Here(calibration, slow))
        return compared(prediction, record, predicted(question, prediction.people))

    def _question(self, calibration: "Calibration", site: "Here") -> "Question":
        from capacity.prediction.crowd import measured_crowd, measured_spread
        from capacity.prediction.runs import Question

        scenario = load(self._name, self._settings)
        crowd, spread = measured_crowd(calibration, scenario), measured_spread(calibration, scenario)
        return Question(calibration, scenario, crowd, site, self._seed, spread)

    def _predictions(self, calibration: "Calibration", people: Sequence[int]) -> list["Prediction"]:
        from capacity.prediction.knee import knee
        from capacity.prediction.predict import predicted
        from capacity.prediction.site import Here

        with Steps(console(stderr=True), "Prediction") as steps:
            question = self._question(calibration, Here(calibration))
            breaks = knee(question)
            found = [predicted(question, number, breaks) for number in people]
            steps.say(f"stored in {self._folder}")
        return found

    def _step(self, people: int, stack_file: Path) -> "Record":
        settings = [*self._settings, *people_settings(people, self._scenario.load.ramp_s)]
        return self._measured(f"{self._scenario.name}-{people}", self._name, settings, stack_file)

    def _measured(self, folder: str, name: str, settings: Sequence[str], stack_file: Path) -> "Record":
        with LoadScreen(console(stderr=True), f"Load: {folder}") as screen:
            return measured(self._folder / folder, name, settings, ["--headless"], stack_file, screen)


def _as_calibration(scenario: Scenario) -> list[str]:
    """What makes the calibration scenario one of another phase, or of another way to start the backend."""
    infrastructure, backend = (
        _toml(part.model_dump(mode="json")) for part in (scenario.infrastructure, scenario.backend)
    )
    return [f"phase={scenario.phase}", f"infrastructure={infrastructure}", f"backend={backend}"]


def _toml(value: object) -> str:
    """JSON's words are TOML's for all but tables."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(each)}" for key, each in value.items()) + "}"
    return json.dumps(value)
