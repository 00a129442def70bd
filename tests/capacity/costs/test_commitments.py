"""Commitments: amortised, never nothing, and honest about what is not known."""

from dataclasses import replace
from decimal import Decimal

from capacity.costs.commitments import ON_DEMAND, Commitment, commitments
from capacity.costs.own import Own
from scenarios.prices.price_list import PriceList
from tests.capacity.costs.made import basis


def of(server: str, count: int = 1) -> dict[str, Commitment]:
    """Of so many of that server, and of nothing else."""
    role = basis().market.machines.types[server].role
    own = Own("t3.medium", 1, "M10", "redis.t3.small", 1)
    app = replace(own, app=server, apps=count) if role == "app" else replace(own, cache=server, nodes=count)
    found = commitments(basis().market, app if role != "database" else replace(own, database=server))
    return {one.term: one for one in found if one.servers == f"{count} x {server}"}


def test_a_year_of_a_burstable_server() -> None:
    """.0416 an hour on demand, .0261 bound for a year: pays off after 7.5 months."""
    found = of("t3.medium", 3)
    year = found["1 year, no upfront"]
    assert found[ON_DEMAND].usd_per_month == 3 * 730 * Decimal("0.0416")
    assert year.usd_per_month == 3 * 730 * Decimal("0.0261")
    assert year.bound_usd == 12 * year.usd_per_month
    assert year.upfront_usd == 0
    assert year.breaks_even_months is not None
    assert round(year.breaks_even_months, 1) == Decimal("7.5")


def test_what_is_paid_ahead_is_spread_over_the_term() -> None:
    """$332 a year for three years, all of it on the first day: $27.67 a month, not $0."""
    found = of("m6i.large")["3 years, all upfront"]
    assert found.usd_per_month == Decimal(332) / 12
    assert found.upfront_usd == found.bound_usd
    assert found.bound_usd is not None
    assert round(found.bound_usd, 6) == 3 * 332


def test_a_term_is_never_nothing_and_an_unknown_price_stays_unknown() -> None:
    for name, server in basis().market.machines.types.items():
        if server.price:
            for one in of(name).values():
                assert one.usd_per_month is None or one.usd_per_month > 0
    assert of("t3.medium")["3 years, all upfront"].usd_per_month is None
    assert of("t3.medium")["3 years, all upfront"].confidence is None


def test_a_price_of_nothing_saves_nothing() -> None:
    market = basis().market
    free = PriceList("free", tuple(row.model_copy(update={"usd": Decimal()}) for row in market.prices.rows))
    own = Own("t3.medium", 1, "M10", "redis.t3.small", 1)
    found = commitments(replace(market, prices=free), own)
    assert all(one.saves_share in (None, 0) and one.breaks_even_months in (None, 0) for one in found)


def test_longer_terms_save_more() -> None:
    found = of("t3.medium")
    savings = [found[term].saves_share for term in (ON_DEMAND, "1 year, no upfront", "3 years, no upfront")]
    assert savings == sorted(savings, key=lambda share: share or 0)
    assert savings[-1] is not None
    assert savings[-1] > Decimal("0.5")


def test_cache_nodes_have_a_ratio_and_databases_no_terms() -> None:
    assert of("redis.m6g.large")["1 year, no upfront"].usd_per_month == 730 * Decimal("0.149") * Decimal("0.683")
    assert of("M30") == {}
