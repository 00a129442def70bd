"""Lets a network's customers through it, one by one: what no formula gives, above all percentiles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from capacity.queueing import kernel
from capacity.queueing.model import (
    ACQUIRE,
    EXPONENTIAL,
    FIXED,
    FLOW,
    FORK,
    HOST,
    JOB,
    LAW,
    LOGNORMAL,
    MARK,
    MEASURED,
    NEVER,
    NOBODY,
    POOL,
    QUEUE,
    RELEASE,
    SERVE,
    SOURCE,
    STATE,
    STATION,
    STEP,
    TO_BE_DRAWN,
    TOGETHER,
    WAIT,
    Floats,
    Model,
    Records,
    records,
)
from capacity.queueing.network import Acquire, Flow, Fork, Law, Mark, Network, Release, Serve, Station, Step, Wait

# Jobs under way that are not people's: more of them than this, and the network is not steady.
_ROOM = 50_000
_QUANTILES = 201  # of a measured law
_KINDS = {"fixed": FIXED, "exponential": EXPONENTIAL, "lognormal": LOGNORMAL, "measured": MEASURED}


@dataclass(frozen=True)
class StationSeen:
    """A station over the measured time: cores busy on average, that as a share of its servers, and how many were there,
    served or waiting."""

    busy_cores: float
    utilisation: float
    number: float


@dataclass(frozen=True)
class Simulated:
    """What was seen after the warm-up.

    `samples_s` has each mark's times; `flows_per_s` each flow's throughput. `steady` is False when work piled up
    without end: then there is no latency to speak of.
    """

    steady: bool
    duration_s: float
    flows: int
    events: int
    samples_s: Mapping[str, NDArray[np.float64]]
    flows_per_s: Mapping[str, float]
    stations: Mapping[str, StationSeen]


def simulate(network: Network, flows: int, seed: int | np.random.SeedSequence, warm_up: int | None = None) -> Simulated:
    """Until `flows` of them have ended, after a warm-up of `warm_up` (a fifth of them). The same seed, the same answer.

    Service at a station is in the order of coming or shared (`Station.sharing`); whoever comes while people think comes
    after an exponential time. Source of the method: next-event simulation (Law, Simulation Modeling and Analysis, 2015,
    chapter 1); processor sharing by virtual time, see `kernel.py`.
    """
    marks = list(dict.fromkeys(step.name for flow in network.flows for step in flow.steps if isinstance(step, Mark)))
    m = _model(network, marks, flows)
    rng = np.random.Generator(np.random.PCG64(seed))
    steady = kernel.run(m, flows // 5 if warm_up is None else warm_up, flows, rng)
    return _read(network, m, marks, bool(steady))


def _read(network: Network, m: Model, marks: Sequence[str], steady: bool) -> Simulated:
    state = m.state[0]
    duration_s = float(state.now - state.since) if np.isfinite(state.since) else 0.0
    per_s = 1 / duration_s if duration_s else 0.0
    names, values = m.names[: state.samples], m.values[: state.samples]
    stations = {}
    for number, name in enumerate(_names(_placed(network))):
        own = m.queues[m.stations[number].first : m.stations[number].end]
        busy = float(own["work"].sum() * per_s)
        stations[name] = StationSeen(busy, busy / float(own["servers"].sum()), float(own["number"].sum() * per_s))
    return Simulated(
        steady,
        duration_s,
        int(state.flows),
        int(state.events),
        {mark: values[names == number] for number, mark in enumerate(marks)},
        {flow.name: float(m.flows[number].ended) * per_s for number, flow in enumerate(network.flows)},
        stations,
    )


def _model(network: Network, marks: Sequence[str], wanted: int) -> Model:
    placed, laws = _placed(network), list[Law]()
    names, flows, pools = _names(placed), [flow.name for flow in network.flows], list(network.pools)
    steps = [_step(step, names, flows, pools, marks, laws) for flow in network.flows for step in flow.steps]
    sources, mix = _sources(network, flows)
    jobs = _room(network)
    samples = (wanted + jobs) * max(_marks(network, flow) for flow in network.flows)
    return Model(
        hosts=_hosts(network, placed),
        speeds=_speeds(network),
        period_s=network.period_s,
        stations=_stations(placed),
        queues=_queues(network, placed),
        flows=_flows(network),
        steps=np.array(steps, STEP).view(np.recarray),
        laws=np.array([_law(law) for law in laws], LAW).view(np.recarray),
        tables=_tables(laws),
        sources=np.array(sources, SOURCE).view(np.recarray),
        mix=np.array(mix, np.float64).reshape(len(sources), len(flows)),
        pools=np.array([(tokens, NOBODY, NOBODY) for tokens in network.pools.values()], POOL).view(np.recarray),
        jobs=records(jobs, JOB, following=[*range(1, jobs), NOBODY][:jobs]),
        state=records(
            1,
            STATE,
            since=NEVER,
            arrival=TO_BE_DRAWN,
            turn=0.0 if network.speeds else NEVER,
            free=0 if jobs else NOBODY,
            ready=NOBODY,
            waits=NOBODY,
        ),
        names=np.zeros(samples, np.int64),
        values=np.zeros(samples, np.float64),
    )


def _placed(network: Network) -> list[Station]:
    """The stations, by host, those without one last."""
    hosts = [*network.hosts, None]
    return sorted(network.stations, key=lambda station: hosts.index(station.host))


def _names(stations: Sequence[Station]) -> list[str]:
    return [station.name for station in stations]


def _spans(dtype: np.dtype[np.void], lengths: Sequence[int]) -> Records:
    """Records that each own so many of something, one after the other."""
    ends = np.cumsum([0, *lengths])
    return records(len(lengths), dtype, first=ends[:-1], end=ends[1:])


def _flows(network: Network) -> Records:
    found = _spans(FLOW, [len(flow.steps) for flow in network.flows])
    found["together"] = [
        any(isinstance(step, Serve | Wait) and step.law.together for step in flow.steps) for flow in network.flows
    ]
    return found


def _hosts(network: Network, placed: Sequence[Station]) -> Records:
    found = _spans(HOST, [sum(s.queues for s in placed if s.host == name) for name in network.hosts])
    found["cores"] = list(network.hosts.values())
    found["speed"] = 1.0
    return found


def _speeds(network: Network) -> Floats:
    """(H, K): as many periods as the longest of them has."""
    given = [network.speeds.get(host, (1.0,)) for host in network.hosts]
    return np.array([np.resize(speeds, max(map(len, given), default=1)) for speeds in given], np.float64).reshape(
        len(given), -1 if given else 1
    )


def _stations(placed: Sequence[Station]) -> Records:
    found = _spans(STATION, [station.queues for station in placed])
    found["least"] = [station.balancing == "least" for station in placed]
    return found


def _queues(network: Network, placed: Sequence[Station]) -> Records:
    hosts, each = list(network.hosts), [station for station in placed for _ in range(station.queues)]
    found = records(len(each), QUEUE, speed=1.0, share=1.0, next=NEVER, heap=NOBODY, first=NOBODY, last=NOBODY)
    for queue, station in zip(found, each, strict=True):
        queue.host = hosts.index(station.host) if station.host else NOBODY
        queue.servers, queue.sharing, queue.weight = station.servers, station.sharing, station.weight
    return found


def _step(
    step: Step, stations: list[str], flows: list[str], pools: list[str], marks: Sequence[str], laws: list[Law]
) -> tuple[int, int, int, int]:
    """(kind, what, law, copies)."""
    match step:
        case Serve(station, law):
            laws.append(law)
            return SERVE, stations.index(station), len(laws) - 1, 0
        case Wait(law):
            laws.append(law)
            return WAIT, 0, len(laws) - 1, 0
        case Acquire(pool):
            return ACQUIRE, pools.index(pool), 0, 0
        case Release(pool):
            return RELEASE, pools.index(pool), 0, 0
        case Mark(name):
            return MARK, marks.index(name), 0, 0
        case Fork(flow, copies):
            return FORK, flows.index(flow), 0, copies


def _law(law: Law) -> tuple[int, float, float]:
    a, b = law.log_normal if law.kind == "lognormal" else (law.mean_s, 0.0)
    return TOGETHER if law.together else _KINDS[law.kind], a, b


def _sources(network: Network, flows: list[str]) -> tuple[list[tuple[float, int, int]], list[list[float]]]:
    """(rate, people, thinking) of each, a rate a second (of people: of each who thinks); cumulative shares of flows."""
    sources, mix = [], []
    given = [(1 / one.think_s, one.count, one.mix) for one in network.people if one.count]
    for rate, count, shares in [*given, (sum(network.arrivals_per_s.values()), 0, network.arrivals_per_s)]:
        total = sum(shares.values())
        if rate > 0 and total > 0:
            sources.append((rate, count, count))
            mix.append(list(np.cumsum([shares.get(name, 0.0) / total for name in flows])))
    return sources, mix


def _tables(laws: Sequence[Law]) -> Floats:
    """(L, T): quantiles of the measured laws."""
    table = np.zeros((len(laws), _QUANTILES if any(law.kind == "measured" for law in laws) else 2))
    for number, law in enumerate(laws):
        if law.kind == "measured":
            known = np.linspace(0, 1, len(law.quantiles_s))
            table[number] = np.interp(np.linspace(0, 1, _QUANTILES), known, law.quantiles_s)
    return table


def _room(network: Network) -> int:
    """Jobs that can be under way at once."""
    forks = max((step.copies for f in network.flows for step in f.steps if isinstance(step, Fork)), default=0)
    people = sum(one.count for one in network.people)
    return people * (1 + forks) + (_ROOM if network.arrivals_per_s else 0)


def _marks(network: Network, flow: Flow) -> int:
    """Samples that a flow leaves."""
    forked = (step.copies * _marks(network, network.flow(step.flow)) for step in flow.steps if isinstance(step, Fork))
    return sum(isinstance(step, Mark) for step in flow.steps) + sum(forked)
