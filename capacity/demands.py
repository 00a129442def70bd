"""Service demands of a run, by the utilisation law: D = U / X (Denning & Buzen 1978, operational analysis).

One mix gives one demand a station, not one an endpoint. What follows says where a station would be busy all the time at
the cost a request has in this run: latency breaks before that, and a request costs less when many come.
"""

from dataclasses import dataclass
from statistics import mean

from loadtests.record import Record

# The machine as a whole: on one machine all stations share its cores.
MACHINE = "machine"


@dataclass(frozen=True)
class Demand:
    """What a request costs at a station, over the whole mix of the run."""

    station: str
    cores: float
    utilisation: float  # busy share of those cores, 0..1
    cpu_ms_per_request: float


@dataclass(frozen=True)
class Demands:
    """All stations, busiest first, and the asymptotic bound on people that the busiest one sets."""

    requests_per_s: float
    people: int
    stations: tuple[Demand, ...]
    people_bound: int

    @property
    def bottleneck(self) -> Demand:
        return self.stations[0]


def demands(record: Record) -> Demands | None:
    """Demands of a run; None when no station was watched or nothing was measured."""
    requests = record.measured_values("requests")
    cores = {**record.run.stations, MACHINE: float(record.run.machine.cpus)}
    used = {name: record.measured_values(f"cpu_cores_{name}") for name in record.run.stations}
    # What nobody of ours used is left out: it is not what the load costs.
    busy, foreign = record.measured_values("machine_cpu_cores"), record.measured_values("foreign_cpu_cores")
    used[MACHINE] = [total - others for total, others in zip(busy, foreign, strict=True)]
    if not sum(requests) or not any(used[name] for name in record.run.stations):
        return None
    rate = mean(requests)
    stations = [
        Demand(name, cores[name], mean(values) / cores[name], 1000 * mean(values) / rate)
        for name, values in used.items()
        if values
    ]
    stations.sort(key=lambda station: station.utilisation, reverse=True)
    people = round(mean(record.measured_values("users") or [record.run.users_asked]))
    bound = int(people / stations[0].utilisation) if stations[0].utilisation else people
    return Demands(rate, people, tuple(stations), bound)
