"""`matchday plan`: the cheapest servers and CDN for so many users, their bill, and what cheaper ones break."""

from dataclasses import dataclass
from decimal import Decimal

from capacity.costs.basis import Basis
from capacity.costs.bill import TITLES
from capacity.costs.cdn import CdnOffer, cdn_offers, cheapest
from capacity.costs.items import need_with
from capacity.costs.lines import Line, unplanned
from capacity.costs.needed import crowds, work_of
from capacity.costs.own import own_servers
from capacity.planning.judge import Servers
from capacity.planning.options import CONFIDENCE, Sizing
from capacity.planning.search import Rejected, Search
from scenarios.schema import Scenario

DRAWS = 1000


@dataclass(frozen=True)
class Choice:
    """Servers with what they cost a month on demand; `breaks` says what they do not hold, "" when all holds."""

    title: str
    app: str
    database: str
    cache: str
    usd_per_month: float
    breaks: str


@dataclass(frozen=True)
class LatencyAtFailover:
    """What a target's percentile stays below in `CONFIDENCE` of all ways with one app server lost; its limit."""

    target: str
    ms: float
    limit_ms: float


@dataclass(frozen=True)
class Plan:
    """The answer of `matchday plan`. `usd_per_month` is the whole bill with the cheapest servers, `lines` its parts."""

    scenario: str
    users: int
    people_peak: float
    people_mean: float
    used: str
    cheapest: Choice
    runner_up: Choice | None
    drawn: Choice  # the scenario's own servers
    cdn: CdnOffer
    rejected: tuple[Rejected, ...]
    rejected_cdn: tuple[CdnOffer, ...]
    latencies: tuple[LatencyAtFailover, ...]
    lines: tuple[Line, ...]
    usd_per_month: Decimal
    usd_per_user: Decimal
    ways: int
    confidence: float
    server_types: int
    combinations: int


def planned(scenario: Scenario, basis: Basis, users: int, seed: int = 1, draws: int = DRAWS) -> Plan:
    """The same question, the same answer. Raises NothingHolds where no servers hold so many."""
    work = work_of(basis, seed, draws)
    sizing = Sizing(basis.market, work, crowds(basis, float(users), draws))
    search = Search(sizing, scenario)
    found = search.found()
    drivers = basis.drivers_with(found.cheapest, float(users), 0.0)
    offers = cdn_offers(basis.market.prices, basis.market.offers, drivers)
    chosen = cheapest(offers)
    need = need_with(scenario, basis, found.cheapest, float(users))
    lines = tuple(unplanned(resource, TITLES[resource], items) for resource, items in need.items())
    total = sum((line.need_usd or Decimal() for line in lines), Decimal())
    drawn = own_servers(scenario, basis.market).options(sizing)
    return Plan(
        scenario.name,
        users,
        float(sizing.crowds.peak.mean()),
        float(sizing.crowds.mean.mean()),
        basis.usage.title,
        _choice("cheapest", found.cheapest, ""),
        _choice("runner-up", found.runner_up, "") if found.runner_up else None,
        _choice(f"{scenario.name}'s own", drawn, search.breaks(drawn)),
        chosen,
        found.rejected,
        tuple(offer for offer in offers if offer.usd_per_month < chosen.usd_per_month and offer.breaks),
        tuple(LatencyAtFailover(title, ms, limit) for title, (ms, limit) in found.latencies_ms.items()),
        lines,
        total,
        total / users,
        draws,
        CONFIDENCE,
        found.types,
        found.combinations,
    )


def _choice(title: str, servers: Servers, breaks: str) -> Choice:
    app, database, cache = (option.title for option in servers.parts)
    return Choice(title, app, database, cache, servers.usd_per_month, breaks)
