"""On demand, or bound for a year or three: what a month comes to when what is paid ahead is spread over the term."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from capacity.costs.own import Own
from capacity.planning.options import HOURS_A_MONTH, Market
from scenarios.machines import ServerType
from scenarios.prices.price_list import Confidence, Price

MONTHS_A_YEAR = 12
ON_DEMAND = "on demand"
# Suffixes of price keys; AWS sells Savings Plans of the same terms for its newest families.
_TERMS = (
    ("1 year, no upfront", "ri1y_no_upfront", 1),
    ("3 years, no upfront", "ri3y_no_upfront", 3),
    ("3 years, all upfront", "ri3y_all_upfront", 3),
)
_CACHE_RATIO = "elasticache.ri1y_no_upfront_ratio"


@dataclass(frozen=True)
class Commitment:
    """`usd_per_month` with what is paid ahead spread over the term; None where no price is known.

    `bound_usd` is owed whatever happens; after `breaks_even_months` of use it is less than on demand would be.
    """

    servers: str
    term: str
    usd_per_month: Decimal | None
    upfront_usd: Decimal | None
    bound_usd: Decimal | None
    saves_share: Decimal | None
    breaks_even_months: Decimal | None
    confidence: Confidence | None


def commitments(market: Market, own: Own) -> tuple[Commitment, ...]:
    """Of app servers and cache nodes, every term; a database in Atlas has none."""
    return tuple(one for _, name, count in own.rented for one in _of(market, name, Decimal(count)))


def _of(market: Market, name: str, count: Decimal) -> Iterator[Commitment]:
    server = market.machines.types[name]
    if server.role == "database":
        return
    on_demand = market.prices.price(server.price)
    monthly = on_demand.first_usd * server.price_times * count * HOURS_A_MONTH
    title = f"{count:f} x {name}"
    nothing = Decimal()
    yield Commitment(title, ON_DEMAND, monthly, nothing, nothing, nothing, nothing, on_demand.confidence)
    for term, suffix, years in _TERMS:
        price = _bound(market, server, suffix)
        if price is None:
            yield Commitment(title, term, None, None, None, None, None, None)
            continue
        ahead = price.unit == "year"
        each = price.first_usd / MONTHS_A_YEAR if ahead else price.first_usd * HOURS_A_MONTH
        month = each * count
        bound = month * MONTHS_A_YEAR * years
        upfront = bound if ahead else nothing
        yield Commitment(title, term, month, upfront, bound, *_beside(month, bound, monthly), price.confidence)


def _beside(month: Decimal, bound: Decimal, on_demand: Decimal) -> tuple[Decimal | None, Decimal | None]:
    """What share is saved, and after how many months it pays off; None beside a price of nothing."""
    return (1 - month / on_demand, bound / on_demand) if on_demand else (None, None)


def _bound(market: Market, server: ServerType, suffix: str) -> Price | None:
    """The price of one such server under a term; None where the list has none."""
    prices = market.prices.prices
    if server.role == "cache":
        if suffix != "ri1y_no_upfront" or _CACHE_RATIO not in prices:
            return None
        return prices[server.price].times(server.price_times).times(prices[_CACHE_RATIO].first_usd)
    key = server.price.removesuffix("od") + suffix
    return prices[key].times(server.price_times) if key in prices else None
