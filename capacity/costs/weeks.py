"""Week by week, in many ways at once: who registers, which phase's servers that takes, and what it costs.

Servers change when the model says that a phase's would miss a target or be full, not at a number of users; no week goes
back to smaller ones. Amounts here are floats, of estimates; bills are exact (lines.py), and a test holds the two
together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from capacity.costs.basis import WEEKS_A_MONTH, Basis
from capacity.costs.cdn import REQUESTS, TRAFFIC
from capacity.costs.own import own_servers
from capacity.costs.usage import Drivers, uses
from capacity.costs.ways import SPEED, WORK, Floats, Ways, at
from capacity.planning.knees import FULL, Drawn, Holds, drawn_servers, holds, throttled
from capacity.planning.options import HOURS_A_MONTH, beyond_earned
from capacity.planning.work import Work
from scenarios.machines import Between
from scenarios.prices.price_list import Price
from scenarios.schema import Scenario

MONTHS_A_WEEK = 1 / WEEKS_A_MONTH
_WORK_QUANTILES = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class Weeks:
    """R ways, W weeks. `usd` (R, W) a week by resource; `phase` (R, W) counts from 0, and is as many as there are
    phases where even the last one's servers would break: then what they cost is too little."""

    weeks: tuple[int, ...]
    users: Floats
    people_peak: Floats
    phase: NDArray[np.int64]
    usd: Mapping[str, Floats]

    @property
    def total(self) -> Floats:
        """(R, W)"""
        return np.asarray(sum(self.usd.values()), np.float64)


class Timeline:
    """The phases' servers at list prices, over the weeks of growth.toml."""

    def __init__(self, basis: Basis, scenarios: Sequence[Scenario], work: Work) -> None:
        self._basis, self._scenarios = basis, scenarios
        machines = basis.market.machines
        self.drawn = [drawn_servers(one.name, one.infrastructure, machines) for one in scenarios]
        self.holds = [
            holds(drawn, work, one, machines, basis.day_share) for drawn, one in zip(self.drawn, scenarios, strict=True)
        ]
        # What requests cost differs between repetitions of the calibration by a factor for all: its three points.
        total = work.a_person["app"] / max(float(np.median(work.a_person["app"])), 1e-12)
        low, middle, high = np.quantile(total, _WORK_QUANTILES)
        self._work_factor = Between(low=float(low), middle=float(middle), high=float(high), source="calibration")
        self._a_person = {role: float(np.median(found)) for role, found in work.a_person.items()}
        self._idle = {role: float(np.median(found)) for role, found in work.idle.items()}
        self._in_loop = float(np.median(work.in_loop))
        self._idle_in_loop = float(np.median(work.idle_in_loop))
        self._reference_ms = work.reference_ms

    def weeks(self, ways: Ways, weeks: int, schedule: Sequence[int] | None = None) -> Weeks:
        """`schedule`: the phase of each week, where it is not the model that says when to change."""
        basis, numbers = self._basis, tuple(range(1, weeks + 1))
        registered = np.array([basis.growth.registered.at(week) for week in range(weeks + 1)])
        users = ways.growth(basis.growth.low.value, basis.growth.high.value) * registered[None, :]
        new_users = np.diff(users, axis=1) / MONTHS_A_WEEK
        users = users[:, 1:]
        mean = users * basis.usage.online_share
        activity = ways.value("activity", basis.market.offers.assumptions["activity"]) * np.ones_like(users)
        phase = self._phases(ways, mean * basis.peak_factor * activity)
        if schedule is not None:
            phase = np.broadcast_to(np.array(schedule), users.shape)
        servers, workers, usd = self._servers(ways, phase, mean * activity)
        assumed = {
            name: ways.value(name, one) * np.ones_like(users) for name, one in basis.market.offers.assumptions.items()
        }
        drivers = Drivers(users, new_users, mean, servers, workers, activity, assumed, basis.person)
        for use in uses(basis.market.offers):
            usd[use.resource] = usd.get(use.resource, 0.0) + self._usd(ways, use.price, use.quantity(drivers))
        usd["cdn"] = self._cdn(ways, drivers)
        a_week = {resource: amount * MONTHS_A_WEEK for resource, amount in usd.items()}
        return Weeks(numbers, users, mean * basis.peak_factor, phase, a_week)

    def _phases(self, ways: Ways, people: Floats) -> NDArray[np.int64]:
        """(R, W): the first phase that holds so many, and never one before that of the week before."""
        room = [self._room(ways, drawn, found) for drawn, found in zip(self.drawn, self.holds, strict=True)]
        needed = np.full(people.shape, len(room))
        for number in reversed(range(len(room))):
            needed = np.where(people <= room[number], number, needed)
        return np.maximum.accumulate(needed, axis=1)

    def _room(self, ways: Ways, drawn: Drawn, found: Holds) -> Floats:
        """(R, 1): people who fill the servers, less what their latencies ask for."""
        rooms = []
        factor = ways.value(WORK, self._work_factor)
        for role, (_, server, count) in drawn.servers.items():
            slower = ways.slower(server, self._reference_ms)
            # Fast cores and many go together: both are the processor's generation.
            cores = at(server.cores, -ways.place(SPEED))
            each, idle = self._a_person[role] * factor * slower, self._idle[role] * slower
            rooms.append(count * np.maximum(0.0, FULL * cores - idle) / np.maximum(each, 1e-12))
            if role in throttled(drawn):
                earned = np.maximum(0.0, server.baseline_share * cores - idle) / np.maximum(each, 1e-12)
                rooms.append(count * earned / self._basis.day_share)
            if role == "app":
                loop, idle = self._in_loop * factor * slower, self._idle_in_loop * slower
                rooms.append(count * np.maximum(0.0, FULL * drawn.threads - idle) / np.maximum(loop, 1e-12))
        return np.asarray(found.latency_share * np.minimum.reduce(rooms), np.float64)

    def _servers(
        self, ways: Ways, phase: NDArray[np.int64], people: Floats
    ) -> tuple[Floats, Floats, dict[str, Floats]]:
        """App servers and workers (R, W), and what servers cost a month by resource."""
        last = len(self.drawn) - 1
        apps = [drawn.servers["app"] for drawn in self.drawn]
        counts = np.array([float(count) for _, _, count in apps])[np.minimum(phase, last)]
        workers = np.array([float(count * server.workers) for _, server, count in apps])[np.minimum(phase, last)]
        found: dict[str, Floats] = {}
        for number in range(len(self.drawn)):
            here = np.minimum(phase, last) == number
            for resource, usd in self._rented(ways, number).items():
                found[resource] = found.get(resource, np.zeros(phase.shape)) + np.where(here, usd, 0.0)
            found["app_servers"] += np.where(here, self._credits(ways, self.drawn[number], people), 0.0)
        return counts, workers, found

    def _rented(self, ways: Ways, number: int) -> dict[str, Floats]:
        """A month of a phase's own servers, (R, 1) by resource."""
        market, found = self._basis.market, dict[str, Floats]()
        for resource, name, count in own_servers(self._scenarios[number], market).rented:
            server = market.machines.types[name]
            price = market.prices.price(server.price)
            usd = float(price.first_usd * server.price_times * count) * HOURS_A_MONTH
            found[resource] = usd * self._factor(ways, price)
        return found

    def _credits(self, ways: Ways, drawn: Drawn, people: Floats) -> Floats:
        """(R, W) a month: app servers beyond what they earn."""
        _, server, count = drawn.servers["app"]
        if not server.credit_price:
            return np.zeros_like(people)
        price = self._basis.market.prices.price(server.credit_price)
        slower = ways.slower(server, self._reference_ms)
        cores = at(server.cores, -ways.place(SPEED))
        factor = ways.value(WORK, self._work_factor)
        busy = (people * self._a_person["app"] * factor / count + self._idle["app"]) * slower / cores
        hours = beyond_earned(busy, server, count)
        return np.asarray(hours * float(price.first_usd) * self._factor(ways, price), np.float64)

    def _usd(self, ways: Ways, key: str, quantity: Floats) -> Floats:
        price = self._basis.market.prices.price(key)
        return tiered(price, quantity) * self._factor(ways, price)

    def _factor(self, ways: Ways, price: Price) -> Floats:
        return ways.price_factor(price, self._basis.market.offers.price_error.of(price.confidence))

    def _cdn(self, ways: Ways, drivers: Drivers) -> Floats:
        """The cheapest offer that allows it, week by week."""
        market = self._basis.market
        requests, gb = drivers.images, drivers.image_gb
        best = self._usd(ways, TRAFFIC, gb) + self._usd(ways, REQUESTS, requests)
        for plan in market.offers.cdn.values():
            flat = float(market.prices.price(plan.price).first_usd) * self._factor(
                ways, market.prices.price(plan.price)
            )
            best = np.where((requests <= plan.requests) & (gb <= plan.gb), np.minimum(best, flat), best)
        return np.asarray(best, np.float64)


def tiered(price: Price, quantity: Floats) -> Floats:
    """`Price.usd` for many quantities: straight between the tiers."""
    starts = [float(tier.starts_at) for tier in price.tiers]
    usd = [float(tier.usd) for tier in price.tiers]
    total = np.zeros_like(quantity)
    for start, end, each in zip(starts, [*starts[1:], np.inf], usd, strict=True):
        total += np.clip(quantity - start, 0.0, end - start) * each
    return total
