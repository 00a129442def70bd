"""Whether servers hold together: latencies with one app server lost, and connections to the database."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from capacity.planning.latency import Latencies, Load, worker_busy
from capacity.planning.options import CONNECTIONS_SHARE, DATABASE_MEMBERS, Option, Sizing, sure
from capacity.planning.work import ROLES
from scenarios.machines import Role
from scenarios.schema import Scenario

LATENCY_DRAWS = 32


@dataclass(frozen=True)
class Servers:
    """What stands for a service: app servers, a database, a cache."""

    app: Option
    database: Option
    cache: Option

    @property
    def usd_per_month(self) -> float:
        return self.app.usd_per_month + self.database.usd_per_month + self.cache.usd_per_month

    @property
    def parts(self) -> tuple[Option, ...]:
        return (self.app, self.database, self.cache)

    @property
    def title(self) -> str:
        return ", ".join(option.title for option in self.parts)


class Judge:
    """Of servers for one number of people; `judged` counts."""

    def __init__(self, sizing: Sizing, scenario: Scenario) -> None:
        self.sizing = sizing
        draws = sizing.work.draws
        self._draws = np.linspace(0, draws - 1, min(LATENCY_DRAWS, draws)).astype(np.int64)
        self._latencies = Latencies(sizing.work, scenario, [int(draw) for draw in self._draws])
        self.judged = 0

    def breaks(self, servers: Servers) -> str:
        """What such servers break: alone, or together; "" when they hold."""
        self.judged += 1
        alone = next((option.breaks for option in servers.parts if option.breaks), "")
        return alone or self.connections(servers) or self.missed(servers)

    def latencies_ms(self, servers: Servers) -> dict[str, tuple[float, float]]:
        """By target: what CONFIDENCE of all ways stay below with one app server lost, and the limit."""
        return self._latencies_ms(servers, ROLES, ())

    def missed(self, servers: Servers, of: Collection[Role] = ROLES, idle: Collection[Role] = ()) -> str:
        """The first target that is missed, "" when all hold. See `_latencies_ms`."""
        for title, (measured, limit) in self._latencies_ms(servers, of, idle).items():
            if measured >= limit:
                return f"{title}: {measured:,.0f} ms with one app server lost, below {limit:,.0f} ms"
        return ""

    def connections(self, servers: Servers) -> str:
        """Whether all pools fit; with shards each router has the limit of a member."""
        allowed, pool = servers.database.server.connections, self.sizing.work.calibration.pool_size
        if not allowed or not pool:
            return ""
        shards = servers.database.count
        most = CONNECTIONS_SHARE * allowed * (DATABASE_MEMBERS * shards if shards > 1 else 1)
        asked = pool * servers.app.count * servers.app.server.vcpus
        return f"{asked:,.0f} database connections in the pools, {most:,.0f} at most" if asked > most else ""

    def _latencies_ms(
        self, servers: Servers, of: Collection[Role], idle: Collection[Role]
    ) -> dict[str, tuple[float, float]]:
        """All but the roles `of` take no time; nobody waits at those that are `idle`."""
        limits = self._latencies.titles
        found = self._latencies.percentiles_ms(self._load(servers, of, idle))
        return {title: (sure(found[title]), limit) for title, limit in limits.items()}

    def _load(self, servers: Servers, of: Collection[Role], idle: Collection[Role]) -> Load:
        """With one app server lost, at the peak."""
        sizing, work, at = self.sizing, self.sizing.work, self._draws
        peak = sizing.crowds.peak
        left = {servers.app.role: max(1, servers.app.count - 1)}
        slower = {one.role: work.slower(one.name, one.server)[at] * (one.role in of) for one in servers.parts}
        busy = {
            one.role: sizing.busy(one.role, one.name, left.get(one.role, one.count), peak)[at] * (one.role not in idle)
            for one in servers.parts
        }
        cores = {one.role: work.cores(one.name, one.server)[at] for one in servers.parts}
        cores["app"] = cores["app"] * left["app"]
        round_trip_s = work.drawn(sizing.market.machines.network.round_trip_ms, "network round trip")[at] / 1000
        workers = left["app"] * servers.app.server.workers
        jobs = worker_busy(work, at, peak[at], slower["app"], workers) * ("app" not in idle)
        return Load(slower, busy, cores, jobs, round_trip_s)
