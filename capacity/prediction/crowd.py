"""Who is online: daters, of whom there are more or fewer, and the halves of couples, who are always as many."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import mean, stdev

from capacity.calibration.file import Calibration, CalibrationError, Stretch
from capacity.calibration.observations import SOCKET
from scenarios.couples import rates_of_half
from scenarios.schema import Scenario
from scenarios.traffic import Traffic

Rates = Mapping[str, float]


@dataclass(frozen=True)
class Crowd:
    """Two classes of people; each of them does so much a second, by action. `halves` of couples are online whenever
    there are twice as many people, half of all otherwise."""

    daters: Rates
    couples: Rates = field(default_factory=dict)
    halves: int = 0

    def classes(self, people: int) -> tuple[tuple[int, Rates], ...]:
        """So many people by class; none is empty."""
        halves = min(self.halves, people // 2)
        return tuple(
            (count, rates) for count, rates in ((people - halves, self.daters), (halves, self.couples)) if count
        )

    def rates(self, people: int) -> dict[str, float]:
        """What one of so many does a second on average."""
        found: dict[str, float] = {}
        for count, rates in self.classes(people):
            for action, rate in rates.items():
                found[action] = found.get(action, 0.0) + rate * count / people
        return found


def half_of_couple(traffic: Traffic) -> dict[str, float]:
    """What half of a couple does a second, their open socket included."""
    return rates_of_half(traffic) | {SOCKET: 1.0}


def measured_crowd(calibration: Calibration, scenario: Scenario) -> Crowd:
    """What the scenario's people did in its own runs in the calibration: what couples do is known, the rest is the
    daters'. Raises CalibrationError without such a run."""
    own = _own(calibration, scenario)
    if not own:
        raise CalibrationError(
            f"No run of {scenario.name} was calibrated, so nothing tells what its people do: `matchday run "
            f"{scenario.name}`, then `matchday calibrate latest RUN ...` with the runs of the calibration."
        )
    couples = half_of_couple(scenario.traffic)
    daters = [_daters(stretch, couples) for stretch in own]
    people = [stretch.people - stretch.halves for stretch in own]
    actions = sorted({action for rates in daters for action in rates})
    averaged = {
        action: sum(count * rates.get(action, 0.0) for count, rates in zip(people, daters, strict=True)) / sum(people)
        for action in actions
    }
    return Crowd(averaged, couples, max(stretch.halves for stretch in own))


def measured_spread(calibration: Calibration, scenario: Scenario) -> float:
    """By how much the requests of a dater differ between the scenario's runs: a share (standard deviation)."""
    couples = half_of_couple(scenario.traffic)
    own = [_daters(stretch, couples) for stretch in _own(calibration, scenario)]
    totals = [sum(rate for action, rate in rates.items() if action != SOCKET) for rates in own]
    return stdev(totals) / mean(totals) if len(totals) > 1 else 0.0


def _own(calibration: Calibration, scenario: Scenario) -> list[Stretch]:
    return [stretch for stretch in calibration.stretches if stretch.scenario == scenario.name and not stretch.mix]


def _daters(stretch: Stretch, couples: Rates) -> dict[str, float]:
    """What one of those who are no half of a couple does a second."""
    count = max(1.0, stretch.people - stretch.halves)
    return {
        action: max(0.0, stretch.people * rate - stretch.halves * couples.get(action, 0.0)) / count
        for action, rate in stretch.rates.items()
    }
