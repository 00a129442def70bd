"""A phase's bill: plan, list and need side by side, what is unknown, and what it is for each user."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

import numpy as np

from capacity.costs.basis import Basis
from capacity.costs.cdn import REQUESTS, TRAFFIC, CdnOffer, cdn_offers, cheapest
from capacity.costs.lines import Item, Line, by_confidence, item, planned, unplanned
from capacity.costs.needed import crowds, needed, work_of
from capacity.costs.own import own_servers
from capacity.costs.person import Person
from capacity.costs.seed import UsdRange
from capacity.costs.usage import HOURS_A_MONTH, Drivers, Origin, Use, uses
from capacity.planning.options import Option, Sizing
from capacity.planning.search import Servers
from capacity.planning.work import Work
from scenarios.costs import ListItem
from scenarios.machines import Role, ServerType
from scenarios.prices.price_list import Confidence
from scenarios.schema import Scenario

RESOURCE_OF: Mapping[Role, str] = {"app": "app_servers", "database": "database", "cache": "cache"}
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
# What the plan's own lines have beside what they name: its use is computed.
_LIST_USES = ("alb.lcu", "s3.put", "s3.get", "nat.gb", "dto.cross_az", "cloudwatch.logs.archive")
# On the list as in the need.
_TITLE_OF = {TRAFFIC: "CloudFront, data", "atlas.M30.storage": "Storage", "atlas.backup": "Snapshots"}
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
    need = _need(basis, drivers, servers, offers)
    lines = tuple(_lines(scenario, _listed(scenario, basis, work), need))
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


def servers_items(basis: Basis, servers: Servers) -> dict[str, list[Item]]:
    """By resource: servers by the hour, and the credits that they take beyond what they earn."""
    found: dict[str, list[Item]] = {}
    for option in servers.parts:
        items = [_rented(basis, option.server, Decimal(option.nodes), "predicted", option.title)]
        if option.surplus_vcpu_hours:
            items.append(_credits(basis, option))
        found[RESOURCE_OF[option.role]] = items
    return found


def _need(basis: Basis, drivers: Drivers, servers: Servers, offers: tuple[CdnOffer, ...]) -> dict[str, list[Item]]:
    found: defaultdict[str, list[Item]] = defaultdict(list)
    for resource, items in servers_items(basis, servers).items():
        found[resource] += items
    for use in uses(basis.market.offers):
        found[use.resource].append(_used(basis, drivers, use))
    found["cdn"] += cheapest(offers).items
    return dict(found)


def _used(basis: Basis, drivers: Drivers, use: Use) -> Item:
    origin = drivers.person.origin if use.behaves else use.origin
    return item(use.title, basis.market.prices.price(use.price), float(use.quantity(drivers)), origin, use.note)


def _listed(scenario: Scenario, basis: Basis, work: Work) -> dict[str, list[Item]]:
    """The plan's own resources: as many as it names, and what their use costs that it does not."""
    users, found = float(scenario.population.users), defaultdict[str, list[Item]](list)
    sizing = Sizing(basis.market, work, crowds(basis, users, work.draws), failover=False)
    drivers = basis.drivers_of(scenario, own_servers(scenario, basis.market).options(sizing))
    if not scenario.infrastructure.cdn:
        drivers = replace(drivers, assumed={**drivers.assumed, "cdn_hit_share": np.array(0.0)})
    for line in scenario.costs.lines:
        for one in line.list_price:
            if not one.server:
                found[line.resource].append(_priced(basis, one))
                continue
            server = basis.market.machines.types[one.server]
            found[line.resource].append(_rented(basis, server, one.quantity, one.basis, one.note))
            if server.credit_price:
                option = sizing.option(server.role, one.server, int(one.quantity))
                found[line.resource].append(_credits(basis, option))
    for use in uses(basis.market.offers):
        if use.price in _LIST_USES and use.resource in found:
            found[use.resource].append(_used(basis, drivers, use))
    if "cdn" in found:
        requests = float(drivers.a_month(drivers.person.images))
        price = basis.market.prices.price(REQUESTS)
        found["cdn"].append(item("CloudFront, requests", price, requests, drivers.person.origin))
    return dict(found)


def _priced(basis: Basis, one: ListItem) -> Item:
    price = basis.market.prices.price(one.price)
    titles = _TITLE_OF | {use.price: use.title for use in uses(basis.market.offers)}
    quantity = one.quantity * HOURS_A_MONTH if one.unit == "each" else one.quantity
    return item(titles.get(one.price, one.price), price, quantity, one.basis, one.note)


def _rented(basis: Basis, server: ServerType, count: Decimal, origin: Origin, note: str) -> Item:
    price = basis.market.prices.price(server.price).times(server.price_times)
    return item(server.title.partition(",")[0], price, count * HOURS_A_MONTH, origin, note)


def _credits(basis: Basis, option: Option) -> Item:
    price = basis.market.prices.price(option.server.credit_price)
    note = "busy beyond what it earns; on average over a day"
    return item(f"{option.name}, CPU credits", price, option.surplus_vcpu_hours, "predicted", note)


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


def need_with(
    scenario: Scenario, basis: Basis, servers: Servers, users: float, new_users: float | None = None
) -> dict[str, list[Item]]:
    """By resource what so many users need a month on such servers; as many are new as in the phase, unless given."""
    if new_users is None:
        new_users = basis.new_users_a_month(users, scenario.weeks)
    drivers = basis.drivers_with(servers, users, new_users)
    return _need(basis, drivers, servers, cdn_offers(basis.market.prices, basis.market.offers, drivers))


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
