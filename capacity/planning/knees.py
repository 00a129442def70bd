"""How many people a phase's servers hold, as the plan draws them: `prediction.knee` in closed form."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from capacity.planning.latency import Latencies, Load, worker_busy
from capacity.planning.work import Floats, Work
from scenarios.machines import Machines, Role, ServerType
from scenarios.schema import Infrastructure, Scenario

Places = NDArray[np.int64]
FULL = 0.9  # as in prediction.runs
LATENCY_DRAWS, _STEPS = 16, 9


@dataclass(frozen=True)
class Drawn:
    """A phase's servers: by role a type and how many; `threads` of each app server answer requests."""

    name: str
    servers: dict[Role, tuple[str, ServerType, int]]
    threads: int


@dataclass(frozen=True)
class Holds:
    """So many people, in each draw (D,), before something is full or a latency target is missed; `first` says what
    breaks first in most of those draws whose latencies were looked at, `share` by how much earlier a latency does."""

    people: Floats
    first: str
    latency_share: float

    @property
    def middle(self) -> float:
        return float(np.median(self.people))


def drawn_servers(name: str, infrastructure: Infrastructure, machines: Machines) -> Drawn:
    database = machines.tier(infrastructure.mongodb) or infrastructure.mongodb
    kinds: dict[Role, tuple[str, int]] = {
        "app": (infrastructure.app_instance, infrastructure.apps),
        "database": (database, 1),
        "cache": ("redis", infrastructure.redis_nodes),
    }
    servers = {role: (kind, machines.types[kind], count) for role, (kind, count) in kinds.items()}
    return Drawn(name, servers, infrastructure.app_processes)


def holds(drawn: Drawn, work: Work, scenario: Scenario, machines: Machines, day_share: float | None) -> Holds:
    """By the utilisation law, then by latencies in some of the draws: those miss their targets at a share of the people
    that fill the servers, which the other draws take over.

    `day_share`: people on average over the busiest day, of those at its busiest moment. A burstable server for which no
    more credits can be had must earn what it uses in a day; None leaves that out, as the simulation does.
    """
    room = {role: _people(drawn, work, role) for role in drawn.servers} | {"app, threads": _threads(drawn, work)}
    if day_share:
        room |= {f"CPU credits of {role}": _earned(drawn, work, role) / day_share for role in throttled(drawn)}
    full = np.minimum.reduce(list(room.values()))
    at = np.linspace(0, work.draws - 1, min(LATENCY_DRAWS, work.draws)).astype(np.int64)
    latencies = Latencies(work, scenario, [int(draw) for draw in at])
    low, high = np.zeros(len(at)), full[at]
    missed = _missed(drawn, work, machines, latencies, high, at)
    for _ in range(_STEPS):
        if not any(missed):
            break
        middle = (low + high) / 2
        now = _missed(drawn, work, machines, latencies, middle, at)
        bad = np.array([bool(one) for one in now])
        low, high = np.where(bad, low, middle), np.where(bad, middle, high)
        missed = [new or old for new, old in zip(now, missed, strict=True)]
    share = float(np.median(np.where([bool(one) for one in missed], low, full[at]) / np.maximum(full[at], 1e-9)))
    names = [one or _fullest(room, draw) for one, draw in zip(missed, at, strict=True)]
    return Holds(full * share, max(sorted(set(names)), key=names.count), share)


def _people(drawn: Drawn, work: Work, role: Role) -> Floats:
    name, server, count = drawn.servers[role]
    slower = work.slower(name, server)
    return _room(count, work.cores(name, server), work.a_person[role] * slower, work.idle[role] * slower)


def throttled(drawn: Drawn) -> list[Role]:
    """Burstable, and no credits for sale."""
    servers = drawn.servers.items()
    return [role for role, (_, server, _) in servers if server.baseline_share < 1 and not server.credit_price]


def _earned(drawn: Drawn, work: Work, role: Role) -> Floats:
    """People on average whose work is all that it earns."""
    name, server, count = drawn.servers[role]
    slower, earned = work.slower(name, server), server.baseline_share * work.cores(name, server)
    return _room(count, earned / FULL, work.a_person[role] * slower, work.idle[role] * slower)


def _threads(drawn: Drawn, work: Work) -> Floats:
    name, server, count = drawn.servers["app"]
    slower = work.slower(name, server)
    return _room(count, np.full(work.draws, drawn.threads), work.in_loop * slower, work.idle_in_loop * slower)


def _room(count: int, cores: Floats, each: Floats, idle: Floats) -> Floats:
    return np.asarray(count * np.maximum(0.0, FULL * cores - idle) / np.maximum(each, 1e-12), np.float64)


def _fullest(room: Mapping[str, Floats], draw: int) -> str:
    name = min(room, key=lambda one: room[one][draw])
    return name if name.startswith("CPU credits") else f"{name} ({FULL:.0%} busy)"


def _missed(
    drawn: Drawn, work: Work, machines: Machines, latencies: Latencies, people: Floats, at: Places
) -> list[str]:
    """Of each draw the target that is missed by most, "" when all hold."""
    found = latencies.percentiles_ms(load_of(drawn, work, machines, people, at))
    limits = latencies.titles
    titles = list(found)
    if not titles:
        return [""] * len(people)
    excess = np.array([found[title] / limits[title] for title in titles])
    worst = excess.argmax(axis=0)
    return [titles[row] if excess[row, draw] >= 1 else "" for draw, row in enumerate(worst)]


def load_of(drawn: Drawn, work: Work, machines: Machines, people: Floats, at: Places) -> Load:
    """How full a phase's servers are with so many people, one number a draw of `at`."""
    slower, busy, cores = {}, {}, {}
    for role, (name, server, count) in drawn.servers.items():
        slower[role] = work.slower(name, server)[at]
        each = work.cores(name, server)[at]
        busy[role] = (people * work.a_person[role][at] / count + work.idle[role][at]) * slower[role] / each
        cores[role] = each * (count if role == "app" else 1)
    count = drawn.servers["app"][2]
    loops = (people * work.in_loop[at] / count + work.idle_in_loop[at]) * slower["app"] / drawn.threads
    busy["app"], cores["app"] = np.maximum(busy["app"], loops), np.minimum(cores["app"], count * drawn.threads)
    worker = worker_busy(work, at, people, slower["app"], 1)  # the plan draws one
    round_trip_s = work.drawn(machines.network.round_trip_ms, "network round trip")[at] / 1000
    return Load(slower, busy, cores, worker, round_trip_s)
