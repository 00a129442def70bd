"""Whether everything that scenarios name is on the price list; and whether their weeks follow each other."""

from collections.abc import Iterator, Sequence
from itertools import combinations

from capacity.planning.options import Market
from scenarios.costs import ListItem
from scenarios.load import ScenarioError
from scenarios.machines import SIZES
from scenarios.prices.price_list import PriceError
from scenarios.schema import Scenario


def check(scenarios: Sequence[Scenario], market: Market) -> None:
    """Raises ScenarioError with every problem at once, each with file and key."""
    found = [problem for scenario in scenarios for problem in _unknown(scenario, market)]
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
