"""What helps a prediction: the same verification, predicted in other ways. Reads what `matchday verify` has left.

`python -m tests.bench.prediction runs/<verify folder> [...]` prints for each way the mean absolute error of throughput,
the machine's utilisation and p50, p95 and p99 of all targets, and how many of the 90 % intervals held, over all steps
whose machine was less than 85 % busy.
"""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean

import numpy as np

from capacity.calibration.calibrate import calibrated
from capacity.calibration.demands import MACHINE, ServiceDemands
from capacity.calibration.file import Calibration
from capacity.prediction.crowd import Crowd, measured_crowd, measured_spread
from capacity.prediction.predict import predicted
from capacity.prediction.runs import Question
from capacity.prediction.site import Drawn, Here, Site
from capacity.prediction.verify import BELOW, Compared, Step, compared, slowness
from capacity.queueing.network import Network, Serve, Station, Wait
from cli.crowds import crowd_of
from loadtests.record import Record
from scenarios.schema import Scenario

_WRITES = ("POST", "PUT", "PATCH", "DELETE", "WS message")


@dataclass(frozen=True)
class Changed:
    """A site of which something is otherwise."""

    here: Here
    change: Callable[[Drawn], Drawn]

    def hosts(self) -> Mapping[str, tuple[str, int]]:
        return self.here.hosts()

    def drawn(self, demands: ServiceDemands, rng: np.random.Generator, windows: int, place: float) -> Drawn:
        return self.change(self.here.drawn(demands, rng, windows, place))


def steady(there: Drawn) -> Drawn:
    """The machine is always as fast as it was on average."""
    return replace(there, speeds={})


def without_waiting(there: Drawn) -> Drawn:
    return replace(there, demands=replace(there.demands, waits={}))


def in_turns(there: Drawn) -> Drawn:
    """A request keeps its app's loop until its work there is done."""
    stations = tuple(replace(s, sharing=False) if s.name == "app" else s for s in there.stations)
    return replace(there, stations=stations)


def anyhow(there: Drawn) -> Drawn:
    """A request goes to either process of the app, however much it has to do."""
    stations = tuple(replace(s, balancing="any") if s.name == "app" else s for s in there.stations)
    return replace(there, stations=stations)


def one_queue(there: Drawn) -> Drawn:
    """The app's processes take work from one queue."""
    stations = tuple(replace(s, queues=1, servers=s.queues) if s.name == "app" else s for s in there.stations)
    return replace(there, stations=stations)


def fair(there: Drawn) -> Drawn:
    """The generator has no more right to a core than the servers."""
    return replace(there, stations=tuple(replace(s, weight=1.0) for s in there.stations))


def apart(there: Drawn) -> Drawn:
    """Whether a request works long has nothing to do with whether it waits long."""
    demands = there.demands
    waits = {action: replace(law, together=False) for action, law in demands.waits.items()}
    return replace(there, demands=replace(demands, waits=waits, shapes={}))


def exponential(there: Drawn) -> Drawn:
    """CPU times with a coefficient of variation of 1 instead of the measured one."""
    return replace(there, demands=replace(there.demands, shapes={}, cv=dict.fromkeys(there.demands.cv, 1.0)))


class WithDisk(Drawn):
    """Whatever is written waits for one disk, one after the other, instead of for a time that depends on nobody."""

    def network(self, crowd: Crowd, people: int, busier: float = 1.0) -> Network:
        bare = super().network(crowd, people, busier)
        flows = tuple(
            replace(flow, steps=tuple(Serve("disk", s.law) if isinstance(s, Wait) else s for s in flow.steps))
            if flow.name.startswith(_WRITES)
            else flow
            for flow in bare.flows
        )
        return replace(bare, flows=flows, stations=(*bare.stations, Station("disk")))


def with_disk(there: Drawn) -> Drawn:
    return WithDisk(**vars(there))


def level(there: Drawn) -> Drawn:
    """A request costs the same however full the machine is."""
    return replace(there, curves={})


Way = Callable[[Scenario, Record], Question]


def ways(stored: Calibration, only_mixes: Calibration) -> dict[str, Way]:
    """By name, what is asked of the model about a step's scenario and run."""

    def from_(calibration: Calibration, site: Site, scenario: Scenario) -> Question:
        crowd, spread = measured_crowd(stored, scenario), measured_spread(stored, scenario)
        return Question(calibration, scenario, crowd, site, 1, spread)

    def with_(change: Callable[[Drawn], Drawn]) -> Way:
        return lambda scenario, _: from_(stored, Changed(Here(stored), change), scenario)

    return {
        "as shipped": lambda scenario, _: from_(stored, Here(stored), scenario),
        "always equally fast": with_(steady),
        "as fast as it was then": lambda scenario, run: from_(stored, Here(stored, slowness(stored, run)), scenario),
        "people as imagined": lambda scenario, _: Question(
            stored, scenario, crowd_of(scenario), Here(stored), 1, measured_spread(stored, scenario)
        ),
        "no waiting": with_(without_waiting),
        "no lower steps": lambda scenario, _: from_(only_mixes, Here(only_mixes), scenario),
        "no demand curves": with_(level),
        "a disk for what is written": with_(with_disk),
        "app does one by one": with_(in_turns),
        "app has one queue": with_(one_queue),
        "any process of the app": with_(anyhow),
        "generator of equal weight": with_(fair),
        "CPU times exponential": with_(exponential),
        "work and waiting apart": with_(apart),
    }


def main(folders: Iterable[str]) -> None:
    rows: dict[str, list[Compared]] = {}
    for folder in map(Path, folders):
        mixes = Record.read(folder / "calibration")
        found = [Record.read(path) for path in folder.iterdir() if path.is_dir() and path.name != "calibration"]
        steps = sorted(found, key=lambda record: record.run.users_asked)
        calibrated_from = json.loads((folder / "calibration.json").read_text())["runs"]
        lower = [record for record in steps if record.folder.name in calibrated_from]
        # Calibrated anew: by the code as it is now.
        stored, only_mixes = calibrated([mixes, *lower]), calibrated([mixes])
        for way, question in ways(stored, only_mixes).items():
            for record in steps:
                if record not in lower:
                    prediction = predicted(question(record.run.scenario, record), record.run.users_asked)
                    rows.setdefault(way, []).extend(_below(compared(prediction, record)))
    report(rows)


def _below(step: Step) -> Sequence[Compared]:
    return step.figures if step.utilisation is not None and step.utilisation < BELOW else ()


def report(rows: Mapping[str, Sequence[Compared]]) -> None:
    kinds = {"X": "requests_per_s", "U": f"utilisation_{MACHINE}", "p50": "_p50_ms", "p95": "_p95_ms", "p99": "_p99_ms"}
    print(f"{'':<28}" + "".join(f"{kind:>7}" for kind in kinds) + f"{'API p95':>9}{'inside':>8}{'p95 in':>8}")
    for way, figures in rows.items():
        errors = [_mean_error([f for f in figures if f.key.endswith(end)]) for end in kinds.values()]
        api = _mean_error([f for f in figures if f.key == "api_response_time_p95_ms"])
        p95 = mean(f.covered for f in figures if f.key.endswith("_p95_ms"))
        inside = mean(f.covered for f in figures)
        print(f"{way:<28}" + "".join(f"{error:>7.1%}" for error in errors) + f"{api:>9.1%}{inside:>8.0%}{p95:>8.0%}")


def _mean_error(figures: Sequence[Compared]) -> float:
    return mean(abs(figure.error) for figure in figures if figure.error is not None)


if __name__ == "__main__":
    main(sys.argv[1:])
