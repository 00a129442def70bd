"""Whether everything that scenarios name is on the price list; and whether their weeks follow each other."""

from collections.abc import Iterator, Sequence
from itertools import combinations

from capacity.costs.cdn import REQUESTS, TRAFFIC
from capacity.costs.items import RESOURCE_OF
from capacity.costs.usage import uses
from capacity.planning.options import Market
from scenarios.costs import ListItem
from scenarios.load import ScenarioError
from scenarios.machines import SIZES
from scenarios.prices.price_list import PriceError
from scenarios.schema import Scenario

_CDN = {TRAFFIC: "gb", REQUESTS: "request"}


def check(scenarios: Sequence[Scenario], market: Market) -> None:
    """Raises ScenarioError with every problem at once, each with file and key."""
    found = list(_prices(market))
    found += [
        problem for scenario in scenarios for problem in (*_unknown(scenario, market), *_servers(scenario, market))
    ]
    found += _overlapping(scenarios)
    if found:
        raise ScenarioError("\n".join(found))


def _unknown(scenario: Scenario, market: Market) -> Iterator[str]:
    plan, machines = scenario.infrastructure, market.machines
    app = machines.types.get(plan.app_instance)
    if app is None or app.role != "app" or not app.price:
        yield f"{scenario.name}.toml: infrastructure.app_instance: {_no_server(plan.app_instance, 'app', market)}"
    if machines.tier(plan.mongodb) is None:
        known = ", ".join({**machines.databases, **dict.fromkeys(name for name, _ in market.servers("database"))})
        yield f"{scenario.name}.toml: infrastructure.mongodb: there is no tier {plan.mongodb!r}; there are {known}."
    for number, line in enumerate(scenario.costs.lines):
        for place, one in enumerate(line.list_price):
            if problem := _problem(one, market):
                yield f"{scenario.name}.toml: costs.lines.{number}.list_price.{place}: {problem}"


def _prices(market: Market) -> Iterator[str]:
    """Every key that some bill may ask for is there, for the unit that it is asked for."""
    offers, prices = market.offers, market.prices
    wanted = {use.price: use.unit for use in uses(offers)} | dict(_CDN)
    wanted |= {plan.price: "month" for plan in offers.cdn.values()}
    for server in market.machines.types.values():
        wanted |= {server.price: "hour"} if server.price else {}
        wanted |= {server.credit_price: "vcpu-hour"} if server.credit_price else {}
    for key, unit in wanted.items():
        if key not in prices.prices:
            yield f"{prices.name}: {key}: there is no row; one with unit {unit!r} is needed."
        elif prices.price(key).unit != unit:
            yield f"{prices.name}: {key}: its unit is {prices.price(key).unit!r}, and must be {unit!r}."
    for key, price in prices.prices.items():
        if (term := key.rpartition(".")[2]).startswith("ri") and price.unit not in ("hour", "year", "ratio"):
            yield f"{prices.name}: {key}: the unit of {term} is {price.unit!r}, and must be 'hour' or 'year'."


def _servers(scenario: Scenario, market: Market) -> Iterator[str]:
    """One kind of server for each role, in its own line, as the infrastructure has it."""
    plan, types = scenario.infrastructure, market.machines.types
    seen: dict[str, str] = {}
    for number, line in enumerate(scenario.costs.lines):
        for place, one in enumerate(line.list_price):
            if not one.server or one.server not in types:
                continue
            role, where = types[one.server].role, f"costs.lines.{number}.list_price.{place}"
            says = f"{scenario.name}.toml: {where}: {one.quantity:f} x {one.server}"
            if RESOURCE_OF[role] != line.resource:
                yield f"{says} stands in a line of {line.resource}; its own is {RESOURCE_OF[role]}."
            if role in seen:
                yield f"{says}, but {seen[role]} has a kind of {role} already; one kind of each is counted."
            seen[role] = where
            if role == "app" and (one.server, int(one.quantity)) != (plan.app_instance, plan.apps):
                yield f"{says}, but infrastructure has {plan.apps} x {plan.app_instance}: change one of the two."
            if role == "database" and (one.server, int(one.quantity)) != (market.machines.tier(plan.mongodb), 1):
                yield f"{says}, but infrastructure.mongodb is {plan.mongodb!r}, once: change one of the two."


def _problem(one: ListItem, market: Market) -> str:
    if one.server:
        server = market.machines.types.get(one.server)
        if server is None or not server.price:
            return _no_server(one.server, "", market)
        return ""
    try:
        price = market.prices.price(one.price)
    except PriceError as error:
        return str(error)
    unit = "each" if price.unit == "hour" else price.unit
    return "" if one.unit == unit else f"unit of {one.price} is {unit!r}; got {one.unit!r}."


def _no_server(named: str, role: str, market: Market) -> str:
    machines = market.machines
    alone = [name for name, one in machines.machines.items() if one.price and role in ("", one.role)]
    sizes = f"{', '.join(machines.families)} in {', '.join(SIZES)}"
    return f"there is no server {named!r} with a price; there are {', '.join(alone)}, and {sizes}."


def _overlapping(scenarios: Sequence[Scenario]) -> Iterator[str]:
    for one, other in combinations(scenarios, 2):
        if one.weeks[0] <= other.weeks[1] and other.weeks[0] <= one.weeks[1]:
            yield (
                f"{one.name}.toml and {other.name}.toml: weeks: {one.weeks[0]} to {one.weeks[1]} and "
                f"{other.weeks[0]} to {other.weeks[1]} overlap; one phase follows the other."
            )
