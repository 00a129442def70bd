"""Service demands as a network: what people ask for, at stations with threads, on hosts with cores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from capacity.calibration.observations import SOCKET
from capacity.calibration.paths import MANY, flow_of, stations_of
from capacity.queueing.network import Flow, Law, Network, People, Serve, Station

MACHINE, POOL = "machine", "connections to the database"
# What stations do by themselves comes in pieces of about a timer's work.
_PIECE_S = 0.001


@dataclass(frozen=True)
class ServiceDemands:
    """What each action costs: `cpu_s` by action and station, `cv` of that time, `waits` for what is no CPU.

    `shapes` are quantiles of the CPU time beside its mean, of one order with `waits`; lognormal without.
    `idle_cores` by station are used by nobody's request. `cores` are those that each station can use.
    """

    cpu_s: Mapping[str, Mapping[str, float]]
    idle_cores: Mapping[str, float]
    cores: Mapping[str, float]
    cv: Mapping[str, float]
    waits: Mapping[str, Law] = field(default_factory=dict)
    shapes: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def flow(self, action: str, pool: str | None = None) -> Flow:
        """What one request of an action does; see `flow_of`."""
        shape = self.shapes.get(action)
        laws = {
            station: Law.measured(np.array(shape) * mean_s, together=True)
            if shape
            else Law.lognormal(mean_s, self.cv.get(action, 1.0))
            for station, mean_s in self.cpu_s[action].items()
        }
        return flow_of(action, laws, self.waits.get(action), pool)

    def background_cores(self, rates: Mapping[str, float], people: float) -> dict[str, float]:
        """By station, what it is busy with apart from requests: its own work, and open sockets."""
        sockets = people * rates.get(SOCKET, 0.0)
        a_socket = self.cpu_s.get(SOCKET, {})
        return {name: cores + sockets * a_socket.get(name, 0.0) for name, cores in self.idle_cores.items()}

    def mix(self, rates: Mapping[str, float]) -> dict[str, float]:
        """What people do a second that costs something: an open socket is nothing that somebody does. In alphabetical
        order, so that the same rates are the same simulation."""
        return {a: rates[a] for a in sorted(rates) if rates[a] > 0 and a in self.cpu_s and a != SOCKET}


def network_of(
    demands: ServiceDemands,
    stations: Sequence[Station],
    cores: Mapping[str, float],
    background: Mapping[str, float],
    classes: Sequence[tuple[int, Mapping[str, float]]],
    connections: int | None = None,
    speeds: Mapping[str, tuple[float, ...]] | None = None,
    period_s: float = 5.0,
) -> Network:
    """Classes of people, so many of whom each do so much a second, by action; at stations on hosts with `cores`.

    `background`: cores of each host that are busy apart from requests. `connections` to the database, if they can run
    short. `speeds`: how fast a host is in each `period_s`, over and over.
    """
    pool, people = POOL if connections else None, []
    for count, rates in classes:
        if mix := demands.mix(rates):
            people.append(People(count, 1 / sum(mix.values()), mix))
    actions = dict.fromkeys(action for one in people for action in one.mix)
    flows = [demands.flow(action, pool) for action in actions]
    own = tuple(Station(f"{host}, itself", servers=MANY, host=host) for host in cores)
    pieces = [Flow(station.name, (Serve(station.name, Law.exponential(_PIECE_S)),)) for station in own]
    return Network(
        (*stations, *own),
        (*flows, *pieces),
        cores,
        {POOL: connections} if connections else {},
        tuple(people),
        {f"{host}, itself": busy / _PIECE_S for host, busy in background.items()},
        speeds or {},
        period_s,
    )


def on_one_machine(
    demands: ServiceDemands, rates: Mapping[str, float], people: float, cpus: float, speed: float = 1.0
) -> Network:
    """Everything on one machine, as it was measured, always equally fast."""
    busy = sum(demands.background_cores(rates, people).values())
    stations = stations_of(demands.cores, MACHINE)
    return network_of(
        demands, stations, {MACHINE: cpus}, {MACHINE: busy}, [(round(people), rates)], None, {MACHINE: (speed,)}
    )
