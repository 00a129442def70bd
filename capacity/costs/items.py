"""What a bill's list and need consist of: servers by the hour, and all that is paid for by quantity."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import numpy as np

from capacity.costs.basis import Basis
from capacity.costs.cdn import REQUESTS, TRAFFIC, CdnOffer, cdn_offers, cheapest
from capacity.costs.lines import Item, item
from capacity.costs.needed import crowds
from capacity.costs.own import own_servers
from capacity.costs.usage import Drivers, Origin, Use, uses
from capacity.planning.judge import Servers
from capacity.planning.options import HOURS_A_MONTH, Option, Sizing
from capacity.planning.work import Work
from scenarios.costs import ListItem
from scenarios.machines import Role, ServerType
from scenarios.schema import Scenario

RESOURCE_OF: Mapping[Role, str] = {"app": "app_servers", "database": "database", "cache": "cache"}
# What the plan's own lines have beside what they name: its use is computed.
_LIST_USES = ("alb.lcu", "s3.put", "s3.get", "nat.gb", "dto.cross_az", "cloudwatch.logs.archive")
# On the list as in the need.
_TITLE_OF = {TRAFFIC: "CloudFront, data", "atlas.M30.storage": "Storage", "atlas.backup": "Snapshots"}


def need_with(
    scenario: Scenario, basis: Basis, servers: Servers, users: float, new_users: float | None = None
) -> dict[str, list[Item]]:
    """By resource what so many users need a month on such servers; as many are new as in the phase, unless given."""
    if new_users is None:
        new_users = basis.new_users_a_month(users, scenario.weeks)
    drivers = basis.drivers_with(servers, users, new_users)
    return needed_items(basis, drivers, servers, cdn_offers(basis.market.prices, basis.market.offers, drivers))


def needed_items(
    basis: Basis, drivers: Drivers, servers: Servers, offers: tuple[CdnOffer, ...]
) -> dict[str, list[Item]]:
    """By resource what such servers and so much use cost."""
    found: defaultdict[str, list[Item]] = defaultdict(list)
    for resource, items in _servers_items(basis, servers).items():
        found[resource] += items
    for use in uses(basis.market.offers):
        found[use.resource].append(_used(basis, drivers, use))
    found["cdn"] += cheapest(offers).items
    return dict(found)


def listed_items(scenario: Scenario, basis: Basis, work: Work) -> dict[str, list[Item]]:
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
        requests = float(drivers.images)
        price = basis.market.prices.price(REQUESTS)
        found["cdn"].append(item("CloudFront, requests", price, requests, drivers.person.origin))
    return dict(found)


def _servers_items(basis: Basis, servers: Servers) -> dict[str, list[Item]]:
    """By resource: servers by the hour, and the credits that they take beyond what they earn."""
    found: dict[str, list[Item]] = {}
    for option in servers.parts:
        items = [_rented(basis, option.server, Decimal(option.nodes), "predicted", option.title)]
        if option.surplus_vcpu_hours:
            items.append(_credits(basis, option))
        found[RESOURCE_OF[option.role]] = items
    return found


def _used(basis: Basis, drivers: Drivers, use: Use) -> Item:
    origin = drivers.person.origin if use.behaves else use.origin
    return item(use.title, basis.market.prices.price(use.price), float(use.quantity(drivers)), origin, use.note)


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
