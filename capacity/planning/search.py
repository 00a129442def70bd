"""The cheapest servers that meet every target: types are sized apart, combined best first, and judged together."""

import heapq
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from capacity.calibration.file import CalibrationError
from capacity.planning.latency import Latencies, Load, worker_busy
from capacity.planning.options import CONNECTIONS_SHARE, DATABASE_MEMBERS, Option, Sizing, sure
from capacity.planning.work import ROLES
from scenarios.machines import Role
from scenarios.outcome import ExitCode, MatchdayError
from scenarios.schema import Scenario

LATENCY_DRAWS = 32
# A latency that is missed by a little may be had with some more servers of the same type.
_MORE = (0, 1, 2, 4)


Parts = tuple[Option, ...]


class NothingHolds(MatchdayError):
    """No servers that can be rented meet every target."""

    exit_code = ExitCode.FAIL


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


@dataclass(frozen=True)
class Rejected:
    """Something that would cost less, and the limit that it breaks."""

    role: Role
    title: str
    saves_usd_per_month: float
    breaks: str


@dataclass(frozen=True)
class Found:
    """The answer of a search. `latencies_ms`: what CONFIDENCE of all ways stay below with one app server lost; with
    their limits."""

    cheapest: Servers
    runner_up: Servers | None
    rejected: tuple[Rejected, ...]
    latencies_ms: dict[str, tuple[float, float]]
    combinations: int  # that were judged together
    types: int


class Search:
    """Over a market, for one number of people. Raises NothingHolds when that is so."""

    def __init__(self, sizing: Sizing, scenario: Scenario) -> None:
        self.sizing = sizing
        work = sizing.work
        if work.calibration.reference_work_cpu_ms is None:
            raise CalibrationError(
                "This calibration does not say how fast its machine was, so it says nothing of other servers: no run "
                "of it measured the reference work. `matchday run calibration` measures it."
            )
        self._draws = np.linspace(0, work.draws - 1, min(LATENCY_DRAWS, work.draws)).astype(np.int64)
        self._latencies = Latencies(work, scenario, [int(draw) for draw in self._draws])
        self.judged = 0
        self._hopeless, self._looked_at = set[Parts](), set[Parts]()

    def found(self) -> Found:
        """The same market and people, the same answer."""
        failed: list[tuple[Servers, str]] = []
        first, second = None, None
        for servers in self._cheapest_first():
            if (first and _same_types(first, servers)) or self._hopeless & _parts(servers):
                continue
            if reason := self.breaks(servers):
                self._give_up(servers)
                if not first:
                    failed.append((servers, reason))
            elif first:
                second = servers
                break
            else:
                first = servers
        if not first:
            raise NothingHolds(self._nothing(failed))
        return Found(
            first,
            second,
            tuple(sorted(self._rejected(first, failed), key=lambda one: -one.saves_usd_per_month)),
            self.latencies_ms(first),
            self.judged,
            sum(1 for role in ROLES for _ in self.sizing.market.servers(role)),
        )

    def breaks(self, servers: Servers) -> str:
        """What such servers break: alone, or together; "" when they hold."""
        self.judged += 1
        alone = next((option.breaks for option in servers.parts if option.breaks), "")
        return alone or self._connections(servers) or self._missed(servers)

    def _give_up(self, servers: Servers) -> None:
        """On what misses a target even if all else took no time: a part by itself, or app servers with a database.

        Without it, where nothing holds, every combination would be judged."""
        for parts in _parts(servers):
            roles = {option.role for option in parts}
            if parts not in self._looked_at:
                self._looked_at.add(parts)
                if self._missed(servers, roles):
                    self._hopeless.add(parts)

    def latencies_ms(self, servers: Servers, of: Collection[Role] = ROLES) -> dict[str, tuple[float, float]]:
        """By target: what CONFIDENCE of all ways stay below with one app server lost, and the limit. All but the roles
        `of` take no time."""
        limits = self._latencies.titles
        found = self._latencies.percentiles_ms(self._load(servers, of))
        return {title: (sure(found[title]), limit) for title, limit in limits.items()}

    def _missed(self, servers: Servers, of: Collection[Role] = ROLES) -> str:
        for title, (measured, limit) in self.latencies_ms(servers, of).items():
            if measured >= limit:
                return f"{title}: {measured:,.0f} ms with one app server lost, below {limit:,.0f} ms"
        return ""

    def _connections(self, servers: Servers) -> str:
        """Whether all pools fit; with shards each router has the limit of a member."""
        allowed, pool = servers.database.server.connections, self.sizing.work.calibration.pool_size
        if not allowed or not pool:
            return ""
        shards = servers.database.count
        most = CONNECTIONS_SHARE * allowed * (DATABASE_MEMBERS * shards if shards > 1 else 1)
        asked = pool * servers.app.count * servers.app.server.vcpus
        return f"{asked:,.0f} database connections in the pools, {most:,.0f} at most" if asked > most else ""

    def _load(self, servers: Servers, of: Collection[Role]) -> Load:
        """With one app server lost, at the peak."""
        sizing, work, at = self.sizing, self.sizing.work, self._draws
        peak = sizing.crowds.peak
        left = {servers.app.role: max(1, servers.app.count - 1)}
        slower = {one.role: work.slower(one.name, one.server)[at] * (one.role in of) for one in servers.parts}
        busy = {
            one.role: sizing.busy(one.role, one.name, left.get(one.role, one.count), peak)[at] for one in servers.parts
        }
        cores = {one.role: work.cores(one.name, one.server)[at] for one in servers.parts}
        cores["app"] = cores["app"] * left["app"]
        round_trip_s = work.drawn(sizing.market.machines.network.round_trip_ms, "network round trip")[at] / 1000
        jobs = worker_busy(work, at, peak[at], slower["app"], left["app"] * servers.app.server.workers)
        return Load(slower, busy, cores, jobs, round_trip_s)

    def _cheapest_first(self) -> Iterator[Servers]:
        """Combinations by price: k-best sums over sorted lists (a heap of the borders, as in Eppstein 1998)."""
        lists = [self._choices(role) for role in ROLES]
        if not all(lists):
            raise NothingHolds(self._nothing([]))
        start: tuple[int, ...] = (0, 0, 0)
        heap, seen = [(self._usd(lists, start), start)], {start}
        while heap:
            _, at = heapq.heappop(heap)
            yield Servers(*(options[place] for options, place in zip(lists, at, strict=True)))
            for number, options in enumerate(lists):
                following = tuple(place + (index == number) for index, place in enumerate(at))
                if following[number] < len(options) and following not in seen:
                    seen.add(following)
                    heapq.heappush(heap, (self._usd(lists, following), following))

    def _choices(self, role: Role) -> list[Option]:
        """What holds alone, the cheapest first; of app servers some more, too."""
        needed = self.sizing.needed[role]
        if role != "app":
            return needed
        more = [self.sizing.option(role, one.name, one.count + extra) for one in needed for extra in _MORE[1:]]
        return sorted([*needed, *more], key=Option.order)

    @staticmethod
    def _usd(lists: Sequence[Sequence[Option]], at: Sequence[int]) -> float:
        return sum(options[place].usd_per_month for options, place in zip(lists, at, strict=True))

    def _rejected(self, cheapest: Servers, failed: Sequence[tuple[Servers, str]]) -> Iterator[Rejected]:
        """Of every type the most that would still be cheaper; and what fell in the judgement together."""
        for chosen in cheapest.parts:
            for name, _ in self.sizing.market.servers(chosen.role):
                if option := self._most_below(chosen, name):
                    saves = chosen.usd_per_month - option.usd_per_month
                    breaks = option.breaks or self.breaks(replace(cheapest, **{chosen.role: option}))
                    if breaks:
                        yield Rejected(chosen.role, option.title, saves, breaks)
        known = {chosen.title for chosen in cheapest.parts}
        for servers, reason in failed:
            others = [one for one in servers.parts if one.title not in known]
            saves = cheapest.usd_per_month - servers.usd_per_month
            if len(others) > 1 and saves > 0:
                yield Rejected(others[0].role, " with ".join(one.title for one in others), saves, reason)

    def _most_below(self, chosen: Option, name: str) -> Option | None:
        """As many of a type as cost less than what was chosen; None when not even one does."""
        one = self.sizing.option(chosen.role, name, 1)
        each = one.usd_per_month if one.surplus_vcpu_hours == 0 else self._without_credits(one)
        count = int((chosen.usd_per_month - 1e-6) / each) if each else 0
        if chosen.role == "database" and not one.can_be_sharded:
            count = min(count, 1)
        while count > 0:
            option = self.sizing.option(chosen.role, name, count)
            if option.usd_per_month < chosen.usd_per_month - 1e-6:
                return option
            count -= 1
        return None

    def _without_credits(self, one: Option) -> float:
        price = self.sizing.market.prices.price(one.server.credit_price)
        return one.usd_per_month - one.surplus_vcpu_hours * float(price.first_usd)

    def _nothing(self, failed: Sequence[tuple[Servers, str]]) -> str:
        why = f": {failed[0][0].title}: {failed[0][1]}" if failed else ""
        return (
            f"No servers of machines.toml hold every target for so many people{why}. A larger tier, a target that "
            "allows more, or fewer people would."
        )


def _parts(servers: Servers) -> set[Parts]:
    """What may be hopeless whatever stands beside it."""
    return {(servers.app,), (servers.database,), (servers.cache,), (servers.app, servers.database)}


def _same_types(one: Servers, other: Servers) -> bool:
    return all(mine.name == theirs.name for mine, theirs in zip(one.parts, other.parts, strict=True))
