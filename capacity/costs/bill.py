"""A phase's bill: plan, list and need side by side, what is unknown, and what it is for each user."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from capacity.costs.basis import Basis
from capacity.costs.cdn import CdnOffer, cdn_offers
from capacity.costs.items import listed_items, need_with, needed_items
from capacity.costs.lines import Item, Line, by_confidence, planned, unplanned
from capacity.costs.needed import needed, work_of
from capacity.costs.own import own_servers
from capacity.costs.person import Person
from capacity.costs.seed import UsdRange
from capacity.planning.judge import Servers
from capacity.planning.options import HOURS_A_MONTH
from capacity.planning.work import Work
from scenarios.prices.price_list import Confidence
from scenarios.schema import Scenario

TITLES = {
    "load_balancer": "Load balancer",
    "app_servers": "App servers",
    "database": "Database",
    "backup": "Backup storage",
    "cache": "Cache",
    "storage": "S3 storage",
    "cdn": "CDN",
    "network": "Data out, NAT, between zones",
    "queue": "Message queue",
    "monitoring": "Monitoring",
    "sms": "SMS verification",
    "push": "Push notifications",
    "image_processing": "Image processing",
    "other": "Other",
}
_UNKNOWN = {
    "database": "need: how much the data takes on disk is not known; only what the tier includes is in it",
    "backup": "need: how much is backed up is not known",
    "image_processing": "no public list price; what the worker does is part of the app servers",
}
Kind = Literal["plan", "list", "need"]
KINDS: tuple[Kind, ...] = ("plan", "list", "need")


@dataclass(frozen=True)
class Amounts:
    """Of plan, list and need: what is known of each."""

    plan: Decimal
    list: Decimal
    need: Decimal

    def of(self, kind: Kind) -> Decimal:
        return {"plan": self.plan, "list": self.list, "need": self.need}[kind]


@dataclass(frozen=True)
class Each:
    """A total divided: by registered user, by daily active user, by 1,000 swipes, by message; dollars."""

    per_user: Decimal
    per_daily_active_user: Decimal
    per_1000_swipes: Decimal | None
    per_message: Decimal | None


@dataclass(frozen=True)
class PhaseBill:
    """What a phase costs a month. Amounts named `list` and `need` add up what is known; `unknown` says what is not."""

    phase: int
    name: str
    title: str
    users: int
    weeks: tuple[int, int]
    stated_usd_per_month: UsdRange
    inside_stated: bool
    budget_usd_per_month: Decimal | None
    lines: tuple[Line, ...]
    total: Amounts
    service: Amounts
    network: Amounts
    each: dict[Kind, Each]
    fixed_need_usd: Decimal  # the same servers without anybody
    marginal_need_usd_per_user: Decimal  # what a user adds to that, on average
    confidence: dict[Kind, dict[Confidence, Decimal]]  # how much of the totals of list and need is known how well
    unknown: tuple[str, ...]
    servers: str  # that are needed
    cdn: tuple[CdnOffer, ...]
    valkey_usd: Decimal | None  # the listed cache nodes with Valkey on them; None where there are none
    used: str  # how people use the app
    daily_active_users: Decimal
    new_users_per_month: Decimal
    swipes_per_month: Decimal
    messages_per_month: Decimal
    people_mean: float
    people_peak: float


def phase_bill(scenario: Scenario, basis: Basis, seed: int = 1) -> PhaseBill:
    """Raises PriceError for a price that nobody knows, UsageError for a server."""
    work = work_of(basis, seed)
    servers = needed(basis, scenario, work)
    drivers = basis.drivers_of(scenario, servers)
    offers = cdn_offers(basis.market.prices, basis.market.offers, drivers)
    need = needed_items(basis, drivers, servers, offers)
    lines = tuple(_lines(scenario, listed_items(scenario, basis, work), need))
    total, users, fixed = _amounts(lines), scenario.population.users, _without_users(scenario, basis, servers)
    a_month = {name: _rounded(float(drivers.a_month(getattr(drivers.person, name)))) for name in ("swipes", "messages")}
    active = _rounded(users * basis.usage.active_share.value)
    low, high = scenario.costs.stated_usd_per_month
    return PhaseBill(
        phase=scenario.phase,
        name=scenario.name,
        title=scenario.title,
        users=users,
        weeks=scenario.weeks,
        stated_usd_per_month=(low, high),
        inside_stated=low <= total.plan <= high,
        budget_usd_per_month=scenario.costs.monthly_budget_usd,
        lines=lines,
        total=total,
        service=_amounts([line for line in lines if line.category == "service"]),
        network=_amounts([line for line in lines if line.category == "network"]),
        each={kind: _each(total.of(kind), users, active, **a_month) for kind in KINDS},
        fixed_need_usd=fixed,
        marginal_need_usd_per_user=(total.need - fixed) / users,
        confidence={
            "list": by_confidence(one for line in lines for one in line.list_items),
            "need": by_confidence(one for line in lines for one in line.need_items),
        },
        unknown=(
            *(f"{line.item}: {line.unknown}" for line in lines if line.unknown),
            *_unmeasured(drivers.person, work),
        ),
        servers=servers.title,
        cdn=offers,
        valkey_usd=_with_valkey(scenario, basis),
        used=basis.usage.title,
        daily_active_users=active,
        new_users_per_month=_rounded(float(drivers.new_users)),
        swipes_per_month=a_month["swipes"],
        messages_per_month=a_month["messages"],
        people_mean=float(drivers.people_mean),
        people_peak=float(drivers.people_mean) * basis.peak_factor,
    )


def _each(total: Decimal, users: int, active: Decimal, swipes: Decimal, messages: Decimal) -> Each:
    return Each(
        total / users,
        total / active,
        1000 * total / swipes if swipes else None,
        total / messages if messages else None,
    )


def _lines(scenario: Scenario, listed: Mapping[str, list[Item]], need: Mapping[str, list[Item]]) -> Iterator[Line]:
    """The plan's lines; then what is needed, or not known, and the plan does not have. A resource of two lines has its
    items once."""
    seen = set[str]()
    for line in scenario.costs.lines:
        first = line.resource not in seen
        seen.add(line.resource)
        unknown = _UNKNOWN.get(line.resource, "") if first else ""
        if first and not listed.get(line.resource) and line.resource not in _UNKNOWN:
            unknown = "no list price is given (list_price)"
        yield planned(
            line, listed.get(line.resource, ()) if first else (), need.get(line.resource, ()) if first else (), unknown
        )
    for resource in (*need, *_UNKNOWN):
        if resource not in seen:
            seen.add(resource)
            yield unplanned(resource, TITLES[resource], need.get(resource, ()), _UNKNOWN.get(resource, ""))


def _without_users(scenario: Scenario, basis: Basis, servers: Servers) -> Decimal:
    """A month of the same servers before anybody has come: no credits, no use."""
    unused = replace(servers, app=replace(servers.app, surplus_vcpu_hours=0.0))
    need = need_with(scenario, basis, unused, 0.0, 0.0)
    return _total(one.usd_per_month for items in need.values() for one in items)


def _with_valkey(scenario: Scenario, basis: Basis) -> Decimal | None:
    own, market = own_servers(scenario, basis.market), basis.market
    server = market.machines.types.get(own.cache.replace("redis.", "valkey."))
    if server is None or own.cache.startswith("valkey."):
        return None
    return market.prices.price(server.price).first_usd * server.price_times * own.nodes * HOURS_A_MONTH


def _unmeasured(person: Person, work: Work) -> Iterator[str]:
    if person.missing:
        yield f"never calibrated, and so counted without bytes and asks: {', '.join(person.missing)}"
    for role, each in work.a_person.items():
        if not each.any():
            yield f"the calibration has no {role}, so how much of it is needed is not known"


def _amounts(lines: Sequence[Line]) -> Amounts:
    return Amounts(
        _total(line.plan_usd for line in lines),
        _total(line.list_usd for line in lines),
        _total(line.need_usd for line in lines),
    )


def _total(amounts: Iterable[Decimal | None]) -> Decimal:
    return sum((one for one in amounts if one is not None), Decimal())


def _rounded(value: float) -> Decimal:
    return Decimal(round(value))
