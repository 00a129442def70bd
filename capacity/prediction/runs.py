"""Simulated runs: what is asked, and what one run of it says."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from capacity.calibration.calibrate import demands_of
from capacity.calibration.checks import MEASURE
from capacity.calibration.file import HIGH, LOW, Calibration, CalibrationError
from capacity.calibration.observations import OFFLINE_MESSAGE, SOCKET
from capacity.prediction.crowd import Crowd
from capacity.prediction.flows import samples_of
from capacity.prediction.result import Interval
from capacity.prediction.site import Drawn, Site
from capacity.queueing.simulate import Simulated, simulate
from scenarios.schema import Scenario

RUN_S, WARM_UP_S = 60.0, 10.0
# Shorter runs say as much where more people come: percentiles of so many are steady.
FLOWS_MAX = 60_000
FULL = 0.9  # busier than this on average, and a small error of the demand is a large one of the latency
# So that percentiles of few people's requests say something, too.
REQUESTS_MIN = 2_000
_GOLDEN = (5**0.5 - 1) / 2  # the additive recurrence of lowest discrepancy (Niederreiter 1992, section 3.1)
MANY_PEOPLE = 10_000  # hardly any of them is half of a couple


@dataclass(frozen=True)
class Run:
    """One simulated run: how many were where, what was seen, latencies in ms by target, the busy share of each host,
    and the busy cores of each station, with requests and apart from them."""

    people: int
    there: Drawn
    seen: Simulated
    latencies_ms: Mapping[str, NDArray[np.float64]]
    hosts: Mapping[str, float]
    stations: Mapping[str, float]

    @property
    def full(self) -> str | None:
        """The host, or else the station with few threads, that is busier than FULL: what to say of it."""
        threads = {
            self.there.title(station): self.stations[station.name] / station.queues
            for station in self.there.stations
            if station.servers == 1
        }
        full = [name for name, busy in {**self.hosts, **threads}.items() if busy > FULL]
        return f"{full[0]} ({FULL:.0%} busy)" if full else None

    @property
    def requests_per_s(self) -> float:
        return sum(len(samples) for samples in self.seen.samples_s.values()) / self.seen.duration_s


@dataclass(frozen=True)
class Question:
    """A scenario's people on a site: what the `crowd` does differs from run to run by `rates_spread`, a share (standard
    deviation).

    Every draw is one way how it may be; the same seed and draw are the same run. Raises CalibrationError when nothing
    of what they do was calibrated.
    """

    calibration: Calibration
    scenario: Scenario
    crowd: Crowd
    site: Site
    seed: int
    rates_spread: float = 0.0

    def __post_init__(self) -> None:
        if not self.requests_a_person_s(MANY_PEOPLE):
            raise CalibrationError(f"Nothing that the people of {self.scenario.name} do was calibrated. {MEASURE}")

    def requests_a_person_s(self, people: int) -> float:
        """Of one of so many; of those actions whose cost is known."""
        return sum(rate for action, rate in self.crowd.rates(people).items() if self._is_request(action))

    def _is_request(self, action: str) -> bool:
        return action in self.calibration.actions and action not in (SOCKET, OFFLINE_MESSAGE)

    def there(self, draw: int) -> Drawn:
        """Demands and site of a draw."""
        return self._there(draw, np.random.default_rng([self.seed, draw]))

    def run(self, people: int, draw: int) -> Run:
        """One run of RUN_S after a warm-up; longer with few people, and shorter where many say as much."""
        rng = np.random.default_rng([self.seed, draw])
        there = self._there(draw, rng).at_load(self.crowd, people)
        busier = max(0.5, float(rng.normal(1.0, self.rates_spread)))
        network = there.network(self.crowd, people, busier)
        requests_per_s = sum(one.count / one.think_s for one in network.people)
        a_second = requests_per_s + sum(network.arrivals_per_s.values())
        lasts_s = max(RUN_S, REQUESTS_MIN / requests_per_s)
        flows, warm_up = (min(FLOWS_MAX, round(a_second * seconds)) for seconds in (lasts_s, WARM_UP_S))
        seen = simulate(network, flows, int(rng.integers(2**62)), warm_up)
        busy = dict.fromkeys(there.cores, 0.0)
        for station in network.stations:
            if station.host:
                busy[station.host] += seen.stations[station.name].busy_cores
        hosts = {host: cores / there.cores[host] for host, cores in busy.items()}
        apart = there.demands.background_cores(self.crowd.rates(people), people)
        stations = {s.name: seen.stations[s.name].busy_cores + apart.get(s.name, 0.0) for s in there.stations}
        return Run(people, there, seen, samples_of(self.scenario, seen), hosts, stations)

    def _there(self, draw: int, rng: np.random.Generator) -> Drawn:
        demands = demands_of(self.calibration, draw % self.calibration.draws)
        # Spread evenly, however many are drawn: else a median of forty is off by a fifth of their spread.
        place = (0.5 + draw * _GOLDEN) % 1
        return self.site.drawn(demands, rng, ceil((RUN_S + WARM_UP_S) / self.calibration.window_s), place)


def interval(values: list[float]) -> Interval:
    """The median, and where 90 % lie."""
    low, middle, high = np.percentile(values, [LOW, 50.0, HIGH])
    return Interval(float(middle), float(low), float(high))
