"""What was predicted beside what was then measured: the error of each figure, and how often the intervals hold."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import mean

from capacity.calibration.demands import MACHINE
from capacity.calibration.file import Calibration
from capacity.prediction.result import Interval, Prediction
from capacity.queueing.usl import Usl, fitted
from loadtests.record import Record, Windows
from loadtests.record.histograms import samples_needed
from scenarios.schema import Scenario

# Nearer to saturation an error of the demand is many times that of the latency: dR / R = dD / D / (1 - U), from
# R = D / (1 - U) (Denning & Buzen 1978).
BELOW = 0.85


@dataclass(frozen=True)
class Compared:
    """One figure of one step. `key`: requests_per_s, utilisation_<station>, <target>_p95_ms and so on."""

    key: str
    title: str
    unit: str
    predicted: Interval
    measured: float
    at_speed: Interval | None = None  # predicted afterwards, for the machine as fast as it was in that run

    @property
    def error_at_speed(self) -> float | None:
        return self.at_speed.value / self.measured - 1 if self.at_speed and self.measured else None

    @property
    def error(self) -> float | None:
        """predicted / measured - 1; None where nothing was measured."""
        return self.predicted.value / self.measured - 1 if self.measured else None

    @property
    def covered(self) -> bool:
        return self.predicted.covers(self.measured)


@dataclass(frozen=True)
class Step:
    """One run with more people than any that was calibrated. `invalid` says why nothing can be compared."""

    run: str
    people: int
    utilisation: float | None  # measured, of the machine
    saturated: bool  # as predicted
    figures: tuple[Compared, ...]
    invalid: str = ""
    reference_work_cpu_ms: float | None = None


@dataclass(frozen=True)
class Summary:
    """Of one kind of figure over all steps below BELOW: mean absolute error, and the share of intervals that hold.

    `error_at_speed`: what is left of the error when the machine's speed in each run is known.
    """

    title: str
    steps: int
    error: float
    worst: float
    covered: float
    error_at_speed: float | None = None


@dataclass(frozen=True)
class Verification:
    """The answer of `matchday verify`."""

    scenario: str
    calibrated_up_to_people: int
    knee: Interval | None
    steps: tuple[Step, ...]
    scaling: Usl | None  # of all steps, those that were calibrated too

    @property
    def summaries(self) -> tuple[Summary, ...]:
        return tuple(_summaries(self.steps))


def scaling(records: Sequence[Record]) -> Usl | None:
    """The scalability law of these runs; None with too few numbers of people to contradict it."""
    valid = [record for record in records if record.complete and not record.run.problems]
    people = [mean(record.measured_values("users")) for record in valid]
    try:
        return fitted(people, [mean(record.measured_values("requests")) for record in valid])
    except (ValueError, RuntimeError):  # the latter: the fit did not converge
        return None


def slowness(calibration: Calibration, record: Record) -> float | None:
    """CPU of the reference work in a run beside that in the calibration; None where it was not measured."""
    work = record.measured_values("reference_work_cpu_ms")
    return mean(work) / calibration.reference_work_cpu_ms if work and calibration.reference_work_cpu_ms else None


def compared(prediction: Prediction, record: Record, at_speed: Prediction | None = None) -> Step:
    """One step's run against its prediction; and against another that knew how fast the machine would be."""
    run, work = record.run, record.measured_values("reference_work_cpu_ms")
    invalid = run.problems[0].problem if run.problems else "" if record.complete else record.state
    busy = {
        name: mean(values) / cores
        for name, cores in {MACHINE: float(run.machine.cpus), **run.stations}.items()
        if (values := record.measured_values(f"{name}_cpu_cores" if name == MACHINE else f"cpu_cores_{name}"))
    }
    figures = () if invalid else tuple(_figures(prediction, record, busy))
    if at_speed:
        knowing = {figure.key: figure.predicted for figure in _figures(at_speed, record, busy)} if figures else {}
        figures = tuple(replace(figure, at_speed=knowing.get(figure.key)) for figure in figures)
    return Step(
        record.folder.name,
        prediction.people,
        busy.get(MACHINE),
        prediction.saturated,
        figures,
        invalid,
        mean(work) if work else None,
    )


def _figures(prediction: Prediction, record: Record, busy: dict[str, float]) -> Iterator[Compared]:
    requests = mean(record.measured_values("requests"))
    yield Compared("requests_per_s", "Throughput", "requests/s", prediction.requests_per_s, requests)
    for station in prediction.stations:
        if station.name in busy:
            predicted = station.utilisation
            percent = Interval(100 * predicted.value, 100 * predicted.low, 100 * predicted.high)
            key, title = f"utilisation_{station.name}", f"{station.name} busy"
            yield Compared(key, title, "%", percent, 100 * busy[station.name])
    yield from _latencies(prediction, record, record.run.scenario)


def _latencies(prediction: Prediction, record: Record, scenario: Scenario) -> Iterator[Compared]:
    for target in prediction.targets:
        windows = record.windows(scenario.targets.targets[target.key].samples, *(record.measured or (0, 0)))
        for percentile, predicted in (target.percentiles or {}).items():
            if (measured := _percentile_ms(windows, percentile)) is not None:
                key, title = f"{target.key}_p{percentile:g}_ms", f"{target.title} p{percentile:g}"
                yield Compared(key, title, "ms", predicted, measured)


def _percentile_ms(windows: Windows, percentile: float) -> float | None:
    if int(windows.successes.sum()) < samples_needed(percentile):
        return None
    return windows.percentile_ms(percentile)


def _summaries(steps: Sequence[Step]) -> Iterator[Summary]:
    """By kind of figure, in the order in which a step has them: throughput, stations, percentiles."""
    below = [step for step in steps if step.utilisation is not None and step.utilisation < BELOW]
    keys = dict.fromkeys((figure.key, figure.title) for step in below for figure in step.figures)
    for key, title in keys:
        found = [f for step in below for f in step.figures if f.key == key and f.error is not None]
        if errors := [abs(figure.error or 0.0) for figure in found]:
            knowing = [abs(figure.error_at_speed) for figure in found if figure.error_at_speed is not None]
            left = mean(knowing) if len(knowing) == len(found) else None
            yield Summary(title, len(found), mean(errors), max(errors), mean(figure.covered for figure in found), left)
