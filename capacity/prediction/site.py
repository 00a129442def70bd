"""Where the stations stand: on the machine that was measured, or on the servers that a plan draws."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from statistics import mean
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from capacity.calibration.checks import reference_work_ms
from capacity.calibration.demands import MACHINE, ServiceDemands, network_of
from capacity.calibration.file import Calibration, Curve
from capacity.calibration.paths import MANY, sized, stations_of
from capacity.prediction.crowd import Crowd
from capacity.prediction.environment import speeds
from capacity.prediction.result import THREADS
from capacity.queueing import mva
from capacity.queueing.network import Law, Network, Station
from scenarios.machines import Between, Machines
from scenarios.outcome import UsageError
from scenarios.schema import Infrastructure


class Site(Protocol):
    """Hosts with cores, and the network of so many people on them. A draw is one way how it may be."""

    def hosts(self) -> Mapping[str, tuple[str, int]]:
        """Server type and number of each host."""

    def drawn(self, demands: ServiceDemands, rng: np.random.Generator, windows: int, place: float) -> "Drawn":
        """The site as it may be in one run of so many windows, dear or cheap by `place`, 0 to 1."""


@dataclass(frozen=True)
class Limit:
    """A host, or a station's threads: full with so many people, and busy by `idle_share` without anybody."""

    name: str
    people: float
    idle_share: float

    def busy_share(self, people: float) -> float:
        """With so many of them, in a straight line: the utilisation law (Denning & Buzen 1978)."""
        return self.idle_share + (1 - self.idle_share) * people / self.people if self.people else 1.0


@dataclass(frozen=True)
class Drawn:
    """`demands` there, `cores` by host, which `host` a station stands on, and how fast the hosts are."""

    demands: ServiceDemands
    cores: Mapping[str, float]
    host: Mapping[str, str]
    stations: tuple[Station, ...]
    speeds: Mapping[str, tuple[float, ...]]
    period_s: float
    connections: int | None = None  # to the database, of all processes of the app together
    curves: Mapping[str, Curve] = field(default_factory=dict)  # by station, of the demands, by how full the hosts are

    def at_load(self, crowd: Crowd, people: int) -> "Drawn":
        """With demands as they are when so many people are there."""
        if all(min(curve.factor) == max(curve.factor) == 1 for curve in self.curves.values()):
            return self
        busy = self.asked(crowd.rates(people), people)
        factor = {name: curve.at(busy[self.host[name]]) for name, curve in self.curves.items()}
        cpu_s = {
            action: {station: each * factor.get(station, 1.0) for station, each in by_station.items()}
            for action, by_station in self.demands.cpu_s.items()
        }
        return replace(self, demands=replace(self.demands, cpu_s=cpu_s), curves={})

    def network(self, crowd: Crowd, people: int, busier: float = 1.0) -> Network:
        """So many people of the crowd, who do all they do `busier` times as often."""
        background = self.background(crowd.rates(people), people)
        classes = [
            (count, {action: rate * busier for action, rate in rates.items()}) for count, rates in crowd.classes(people)
        ]
        return network_of(
            self.demands, self.stations, self.cores, background, classes, self.connections, self.speeds, self.period_s
        )

    def background(self, rates: Mapping[str, float], people: float) -> dict[str, float]:
        """Cores of each host that are busy apart from requests."""
        first, found = next(iter(self.cores)), dict.fromkeys(self.cores, 0.0)
        for station, cores in self.demands.background_cores(rates, people).items():
            found[self.host.get(station, first)] += cores
        return found

    def busy_cores(self, rates: Mapping[str, float]) -> dict[str, float]:
        """Of each host, a second of one person, their open socket included."""
        found = dict.fromkeys(self.cores, 0.0)
        for station, cores in self._station_cores(rates).items():
            found[self.host[station]] += cores
        return found

    def _station_cores(self, rates: Mapping[str, float]) -> dict[str, float]:
        found = dict.fromkeys(self.host, 0.0)
        for action, rate in rates.items():
            for station, cpu_s in self.demands.cpu_s.get(action, {}).items():
                if station in found:
                    found[station] += rate * cpu_s
        return found

    def title(self, station: Station) -> str:
        """What to call a station where its host may have the same name."""
        return f"{station.name}{THREADS}" if station.name in self.cores else station.name

    def fullest(self, crowd: Crowd) -> Limit:
        """What is full first, and with how many people: the asymptotic bound (Denning & Buzen 1978)."""
        first = self._fullest(crowd.daters)
        return self._fullest(crowd.rates(max(1, round(first.people)))) if crowd.halves else first

    def _fullest(self, rates: Mapping[str, float]) -> Limit:
        """Of hosts, and of stations whose threads may all be busy while their host has cores to spare."""
        by_station, idle_by_station = self._station_cores(rates), self.demands.background_cores(rates, 0)
        busy, idle, there = self.busy_cores(rates), self.background(rates, 0), dict(self.cores)
        for station in self.stations:
            if station.servers == 1:
                name = self.title(station)
                there[name] = float(station.queues)
                busy[name], idle[name] = by_station[station.name], idle_by_station[station.name]
        limits = [
            Limit(name, max(0.0, cores - idle[name]) / busy[name], min(1.0, idle[name] / cores))
            for name, cores in there.items()
            if busy[name] > 0
        ]
        return min(limits, key=lambda limit: limit.people)

    def asked(self, rates: Mapping[str, float], people: int) -> dict[str, float]:
        """Busy share of each host that so many people would need: the utilisation law (Denning & Buzen 1978), above 1
        where it is too much."""
        busy, idle = self.busy_cores(rates), self.background(rates, 0)
        return {host: (people * busy[host] + idle[host]) / cores for host, cores in self.cores.items()}

    def response_s(self, crowd: Crowd, people: int) -> float:
        """The mean of all requests, by mean value analysis (see `mva.solved`): classes of people, hosts as stations, as
        fast as they are on average."""
        classes = [(count, sum(self.demands.mix(rates).values()), rates) for count, rates in crowd.classes(people)]
        classes = [(count, a_second, rates) for count, a_second, rates in classes if a_second]
        background = self.background(crowd.rates(people), people)
        rows, servers = zip(*(self._centres(rates, background) for _, _, rates in classes), strict=True)
        think_s = np.array([1 / a_second for _, a_second, _ in classes])
        found = mva.solved(np.stack(rows), servers[0], think_s, [count for count, _, _ in classes])
        return float(np.average(found.response_s, weights=found.throughput_per_s))

    def _centres(
        self, rates: Mapping[str, float], background: Mapping[str, float]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """(hosts + 1,) seconds of a request at each host and in waiting, and the servers there.

        A host has whole servers there: as many as its cores, rounded, each slower by what was rounded, by what the
        stations use by themselves, and by the host's mean speed: a shadow server (Sevcik 1977).
        """
        asked = self.demands.mix(rates)
        total, busy = sum(asked.values()), self.busy_cores(asked)
        servers = [max(1, round(cores)) for cores in self.cores.values()]
        seconds = [
            busy[host] / total * count / max(1e-6, cores * self._mean_speed(host) - background[host])
            for (host, cores), count in zip(self.cores.items(), servers, strict=True)
        ]
        waits = self.demands.waits
        waiting = sum(rate * waits[action].mean_s for action, rate in asked.items() if action in waits) / total
        return np.array([*seconds, waiting]), np.array([*servers, 0], np.int64)

    def _mean_speed(self, host: str) -> float:
        return mean(self.speeds.get(host, (1.0,)))


@dataclass(frozen=True)
class Here:
    """Everything on the machine that was calibrated, generator and all; as fast as it was then, minute by minute.

    `slowness`: CPU of the reference work on it beside that in the calibration, where it is known.
    """

    calibration: Calibration
    slowness: float | None = None

    def hosts(self) -> dict[str, tuple[str, int]]:
        return {MACHINE: (self.calibration.machine.cpu_model, 1)}

    def drawn(self, demands: ServiceDemands, rng: np.random.Generator, windows: int, place: float) -> Drawn:
        found = self.calibration
        stations = stations_of(demands.cores, MACHINE)
        host = dict.fromkeys(demands.cores, MACHINE)
        path = {MACHINE: speeds(found, demands, windows, rng, place, self.slowness)}
        cores = {MACHINE: float(found.machine.cpus)}
        processes = max(1, round(demands.cores.get("app", 1.0)))
        curves = {name: station.curve for name, station in found.stations.items()}
        return Drawn(demands, cores, host, stations, path, found.window_s, _connections(found, processes), curves)


@dataclass(frozen=True)
class Planned:
    """The servers of a plan, each kind a host: how many cores they have, and how fast those are, lies between bounds.

    App servers share work, Redis nodes their keys; of MongoDB's members the primary does it all, for writes do not
    scale with replicas. Services share the app servers, as the plan prices no others. Balancer, object store and queue
    are the provider's. Nothing here generates load.

    Raises UsageError for a server that nothing is known of, CalibrationError where the calibration does not say how
    fast its own was.
    """

    calibration: Calibration
    infrastructure: Infrastructure
    machines: Machines

    def __post_init__(self) -> None:
        plan, machines = self.infrastructure, self.machines
        for key, named, known in (
            ("app_instance", plan.app_instance, [name for name, one in machines.types.items() if one.role == "app"]),
            ("mongodb", plan.mongodb, _tiers(machines)),
        ):
            if named not in known:
                raise UsageError(
                    f"infrastructure.{key}: nothing is known of {named!r}; there are {', '.join(known)}. Write what it "
                    "can do into scenarios/machines.toml."
                )
        reference_work_ms(self.calibration)

    def hosts(self) -> dict[str, tuple[str, int]]:
        plan = self.infrastructure
        return {
            "app": (plan.app_instance, plan.apps),
            "mongod": (self.machines.tier(plan.mongodb) or plan.mongodb, 1),
            "valkey": ("redis", plan.redis_nodes),
        }

    def drawn(self, demands: ServiceDemands, rng: np.random.Generator, windows: int, place: float) -> Drawn:
        hosts, types = self.hosts(), self.machines.types
        drawn = {kind: (_drawn(types[kind].work_ms, rng), _drawn(types[kind].cores, rng)) for kind, _ in hosts.values()}
        host = {station: station if station in hosts else "app" for station in demands.cores if sized(station)}
        # In proportion to the reference work: the elasticity is that of one machine from minute to minute.
        here_ms = reference_work_ms(self.calibration)
        slower = {station: drawn[hosts[on][0]][0] / here_ms for station, on in host.items()}
        cores = {name: count * drawn[kind][1] for name, (kind, count) in hosts.items()}
        there = replace(
            demands,
            cpu_s={
                action: {station: cpu_s[station] * slower[station] for station in host}
                for action, cpu_s in demands.cpu_s.items()
            },
            idle_cores={station: demands.idle_cores[station] * slower[station] for station in host},
            waits=self._waits(demands.waits, _drawn(self.machines.network.round_trip_ms, rng) / 1000),
        )
        stations = tuple(self._station(name, on) for name, on in host.items())
        plan = self.infrastructure
        return Drawn(
            there, cores, host, stations, {}, 5.0, _connections(self.calibration, plan.apps * plan.app_processes)
        )

    def _station(self, name: str, host: str) -> Station:
        plan = self.infrastructure
        if name == "app":
            return Station(name, queues=plan.apps * plan.app_processes, sharing=True, host=host)
        if name == "valkey":
            return Station(name, queues=plan.redis_nodes, host=host)
        return Station(name, servers=MANY if name == "mongod" else 1, host=host)

    def _waits(self, waits: Mapping[str, Law], round_trip_s: float) -> dict[str, Law]:
        """Between servers each question to the database, and one to Redis, takes a round trip more."""
        found = dict(waits)
        for action, measured in self.calibration.actions.items():
            queries = measured.counts["database_queries"].value if "database_queries" in measured.counts else 0.0
            more_s = (1 + queries) * round_trip_s
            law = waits.get(action, Law.fixed(0.0))
            quantiles = np.array(law.quantiles_s or (law.mean_s, law.mean_s)) + more_s
            found[action] = Law.measured(quantiles, together=True)
        return found


def _tiers(machines: Machines) -> list[str]:
    tiers = [name for name, one in machines.machines.items() if one.role == "database"]
    return [*machines.databases, *(name for name in tiers if name not in machines.databases)]


def _connections(calibration: Calibration, processes: int) -> int | None:
    return round(calibration.pool_size * processes) if calibration.pool_size else None


def _drawn(between: Between, rng: np.random.Generator) -> float:
    if between.low == between.high:
        return between.middle
    return float(rng.triangular(between.low, between.middle, between.high))
