"""What can be rented: of every server type how many are needed, and what that costs a month, on demand."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import ceil

import numpy as np

from capacity.planning.work import Floats, Work
from scenarios.machines import Machines, Role, ServerType
from scenarios.prices.offers import Offers
from scenarios.prices.price_list import PriceList

HOURS_A_MONTH = 730
CPU_SHARE = 0.7  # the plan's alert, at the peak
FAILOVER_CPU_SHARE = 0.9  # with one server lost; fuller, and a latency grows without bound (knee.py)
MEMORY_SHARE = 0.7  # the plan's alert
CACHE_MEMORY_SHARE = 0.75  # ElastiCache keeps a quarter for copies (reserved-memory-percent)
CONNECTIONS_SHARE = 0.8  # the plan's alert
CONFIDENCE = 0.9  # of the ways in which it may be, a plan holds in so many
DATABASE_MEMBERS = 3
_SHARDS_FROM = 8.0  # GB of memory: Atlas shards M30 and larger
_BUSY_WHAT = {"app": "CPU", "database": "CPU of the primary", "cache": "CPU of a node"}
_CACHE_COPIES = 2  # a node and its replica in another zone


def sure(values: Floats) -> float:
    """What CONFIDENCE of the ways stay at or below: the order statistic, for a catalogue asks thousands of times."""
    place = min(len(values) - 1, ceil(CONFIDENCE * len(values)) - 1)
    return float(np.partition(values, place)[place])


def beyond_earned(busy: Floats, server: ServerType, count: int) -> Floats:
    """vCPU-hours a month of so many servers, by how busy each is on average: no more than all of it can be used."""
    beyond = np.maximum(0.0, np.clip(busy, 0.0, 1.0) - server.baseline_share)
    return np.asarray(beyond * server.vcpus * count * HOURS_A_MONTH, np.float64)


@dataclass(frozen=True)
class Option:
    """So many of one server; `breaks` says what it does not hold, "" when it holds.

    `count` app servers are equals; of a cache it is shards, each on `copies` nodes, and of a database shards, whose
    three members are in the price.
    """

    role: Role
    name: str
    server: ServerType
    count: int
    copies: int
    usd_per_month: float
    surplus_vcpu_hours: float = 0.0  # beyond what it earns: credits are paid for
    breaks: str = ""

    @property
    def nodes(self) -> int:
        return self.count * self.copies

    @property
    def can_be_sharded(self) -> bool:
        return self.server.memory_gb >= _SHARDS_FROM

    def order(self) -> tuple[float, int]:
        """The cheapest first; of equally cheap ones the fewest."""
        return self.usd_per_month, self.nodes

    @property
    def title(self) -> str:
        if self.role == "database":
            return self.name if self.count == 1 else f"{self.count} shards of {self.name}"
        return f"{self.nodes} x {self.name}"


@dataclass(frozen=True)
class Crowds:
    """How many are registered, and how many of them are online: (D,) at the busiest moment, on average, and on average
    over the busiest day of a week."""

    users: Floats
    peak: Floats
    mean: Floats
    busiest_day: Floats


@dataclass(frozen=True)
class Market:
    """Everything that could be rented, with its prices."""

    machines: Machines
    prices: PriceList
    offers: Offers

    def servers(self, role: Role) -> Iterator[tuple[str, ServerType]]:
        """Those with a price."""
        return ((name, one) for name, one in self.machines.types.items() if one.role == role and one.price)

    def usd_an_hour(self, server: ServerType) -> float:
        return float(self.prices.price(server.price).first_usd * server.price_times)


class Sizing:
    """How full servers are with so many people, in the work's D draws; and how many of each are needed.

    With `failover` one app server may be lost, and each cache node has a replica.
    """

    def __init__(self, market: Market, work: Work, crowds: Crowds, failover: bool = True) -> None:
        self.market, self.work, self.crowds, self.failover = market, work, crowds, failover

    @cached_property
    def needed(self) -> dict[Role, list[Option]]:
        """Of every type that can do it at all the fewest that hold, by role; the cheapest first."""
        found: dict[Role, list[Option]] = {}
        for role in ("app", "database", "cache"):
            options = [self.option(role, name, self.fewest(role, name)) for name, _ in self.market.servers(role)]
            found[role] = sorted((one for one in options if not one.breaks), key=Option.order)
        return found

    def asked(self, role: Role, name: str, people: Floats) -> Floats:
        """(D,): cores of that type that so many people keep busy."""
        return people * self.work.a_person[role] * self.work.slower(name, self._type(name))

    def busy(self, role: Role, name: str, count: int, people: Floats) -> Floats:
        """(D,): the busy share of each of so many servers."""
        server = self._type(name)
        idle = self.work.idle[role] * self.work.slower(name, server)
        return (self.asked(role, name, people) / max(count, 1e-9) + idle) / self.work.cores(name, server)

    def fewest(self, role: Role, name: str) -> int:
        """The fewest that hold, by the utilisation law (Denning & Buzen 1978); what no number mends is left aside."""
        server = self._type(name)
        asked, cores = self.asked(role, name, self.crowds.peak), self.work.cores(name, server)
        idle = self.work.idle[role] * self.work.slower(name, server)

        def enough(share: float) -> int:
            room = np.maximum(share * cores - idle, 1e-3)
            return max(1, ceil(sure(asked / room) - 1e-9))

        if role == "app" and self.failover:
            return max(enough(CPU_SHARE), enough(FAILOVER_CPU_SHARE) + 1)
        if role == "cache":
            usable_mb = 1024 * CACHE_MEMORY_SHARE * server.memory_gb
            return max(enough(CPU_SHARE), ceil(self._cache_mb / usable_mb))
        return enough(CPU_SHARE)

    @cached_property
    def _cache_mb(self) -> float:
        a_user = self.market.offers.assumptions["cache_mb_a_user"]
        return sure(self.crowds.users * self.work.drawn(a_user, "cache_mb_a_user"))

    def option(self, role: Role, name: str, count: int, copies: int | None = None) -> Option:
        """So many of that type: what they cost, and what breaks with them. `copies` of a cache's nodes, else two where
        one may fail."""
        server, usd = self._type(name), self.market.usd_an_hour(self._type(name)) * HOURS_A_MONTH
        surplus = 0.0
        if role == "app":
            usd += self._disk_usd
            surplus = self._surplus_vcpu_hours(name, count)
        if copies is None:
            copies = _CACHE_COPIES if role == "cache" and self.failover else 1
        credits = surplus * float(self.market.prices.price(server.credit_price).first_usd) if surplus else 0.0
        breaks = next(self._breaks(role, name, count, copies), "")
        return Option(role, name, server, count, copies, count * copies * usd + credits, surplus, breaks)

    @cached_property
    def _disk_usd(self) -> float:
        """EBS, of one server a month."""
        gb = self.market.offers.assumed("disk_gb_a_server")
        return gb * float(self.market.prices.price("ebs.gp3.storage").first_usd)

    def _surplus_vcpu_hours(self, name: str, count: int) -> float:
        """A month, of all together: a day's credits make up for its busy hours (AWS: unlimited mode)."""
        server = self._type(name)
        if not server.credit_price:
            return 0.0
        return float(beyond_earned(self.busy("app", name, count, self.crowds.mean), server, count).mean())

    def _breaks(self, role: Role, name: str, count: int, copies: int) -> Iterator[str]:
        server, what = self._type(name), _BUSY_WHAT[role]
        busy = sure(self.busy(role, name, count, self.crowds.peak))
        if role == "app":
            if self.failover and count < 2:
                yield "nothing is left when one fails"
            elif self.failover:
                left = sure(self.busy(role, name, count - 1, self.crowds.peak))
                if left > FAILOVER_CPU_SHARE:
                    yield f"CPU {left:.0%} at the peak with one lost, {FAILOVER_CPU_SHARE:.0%} at most"
            if (share := self._app_memory_share(server)) > MEMORY_SHARE:
                yield f"memory {share:.0%}, {MEMORY_SHARE:.0%} at most"
        if role == "cache" and self.failover and copies < _CACHE_COPIES:
            yield "no replica takes over when a node fails"
        if busy > CPU_SHARE:
            yield f"{what} {busy:.0%} at the peak, {CPU_SHARE:.0%} at most"
        if role == "cache" and (usable := CACHE_MEMORY_SHARE * server.memory_gb * count) < self._cache_mb / 1024:
            yield f"memory for {self._cache_mb / 1024:,.1f} GB, {usable:,.1f} GB usable"
        if role == "database" and count > 1 and server.memory_gb < _SHARDS_FROM:
            yield f"{busy * count:.0%} of its cores asked for, and a tier below M30 has no shards"
        if not server.credit_price and server.baseline_share < 1:
            a_day = sure(self.busy(role, name, count, self.crowds.busiest_day))
            earned = server.baseline_share * (server.vcpus / self._threads(role, server))
            if a_day > earned:
                yield f"CPU credits: {a_day:.0%} busy over a day, {earned:.0%} is what it earns"

    @staticmethod
    def _threads(role: Role, server: ServerType) -> int:
        """A cache has one thread: what it earns is that of all its vCPUs."""
        return 1 if role == "cache" else server.vcpus

    def _app_memory_share(self, server: ServerType) -> float:
        """Of its processes. What a socket takes is not known (Calibration: memory_mb_a_socket)."""
        stations = self.work.calibration.stations
        if "app" not in stations:
            return 0.0
        process_mb = stations["app"].idle_memory_mb / max(1.0, stations["app"].cores)
        worker_mb = stations["worker"].idle_memory_mb if "worker" in stations else 0.0
        return (server.vcpus * process_mb + server.workers * worker_mb) / (1024 * server.memory_gb)

    def _type(self, name: str) -> ServerType:
        return self.market.machines.types[name]
