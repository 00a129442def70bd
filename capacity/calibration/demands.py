"""Service demands as a network: what people ask for, at stations with threads, on hosts with cores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from capacity.calibration.observations import SOCKET
from capacity.calibration.paths import flow_of, stations_of
from capacity.queueing.network import Flow, Law, Network, People, Serve, Station

BACKGROUND = "background"
# What stations do by themselves comes in pieces of about a timer's work.
_PIECE_S = 0.001
_MANY = 64


@dataclass(frozen=True)
class ServiceDemands:
    """What each action costs: `cpu_s` by action and station, `cv` of that time, `waits` for what is no CPU.

    `idle_cores` by station are used by nobody's request. `cores` are those that each station can use.
    """

    cpu_s: Mapping[str, Mapping[str, float]]
    idle_cores: Mapping[str, float]
    cores: Mapping[str, float]
    cv: Mapping[str, float]
    waits: Mapping[str, Law] = field(default_factory=dict)

    def background_cores(self, rates: Mapping[str, float], people: float) -> dict[str, float]:
        """By station, what it is busy with apart from requests: its own work, and open sockets."""
        sockets = people * rates.get(SOCKET, 0.0)
        a_socket = self.cpu_s.get(SOCKET, {})
        return {name: cores + sockets * a_socket.get(name, 0.0) for name, cores in self.idle_cores.items()}

    def mix(self, rates: Mapping[str, float]) -> dict[str, float]:
        """What people do a second that costs something: an open socket is nothing that somebody does."""
        return {a: rate for a, rate in rates.items() if rate > 0 and a in self.cpu_s and a != SOCKET}


def on_one_machine(
    demands: ServiceDemands,
    rates: Mapping[str, float],
    people: float,
    cpus: float,
    speeds: Sequence[float] = (),
    period_s: float = 5.0,
) -> Network:
    """Everything on one machine, as it was measured: so many people, each of whom does `rates` a second.

    `speeds`: how fast the machine is in each `period_s`, over and over; 1 is as fast as it was on average.
    """
    mix = demands.mix(rates)
    flows = [flow_of(a, demands.cpu_s[a], demands.cv.get(a, 1.0), demands.waits.get(a)) for a in mix]
    idle = Flow(BACKGROUND, (Serve(BACKGROUND, Law.exponential(_PIECE_S)),))
    return Network(
        (*stations_of(demands.cores, "machine"), Station(BACKGROUND, servers=_MANY, host="machine")),
        (*flows, idle),
        {"machine": cpus},
        people=(People(round(people), 1 / sum(mix.values()), mix),),
        arrivals_per_s={BACKGROUND: sum(demands.background_cores(rates, people).values()) / _PIECE_S},
        speeds={"machine": tuple(speeds)} if speeds else {},
        period_s=period_s,
    )
