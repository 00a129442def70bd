"""The cheapest servers: against every combination tried in turn, and by hand."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from capacity.calibration.file import CalibrationError
from capacity.plan import planned
from capacity.planning.judge import Servers
from capacity.planning.options import CPU_SHARE, FAILOVER_CPU_SHARE, Crowds, Market, Sizing
from capacity.planning.search import NothingHolds, Search
from capacity.planning.work import ROLES, worked
from scenarios.load import load
from tests.capacity.costs.made import basis

SCENARIO, BASIS = load("phase-3"), basis("phase-3")
WORK = worked(BASIS.calibration, BASIS.rates, 200, 1)


def sizing(users: float, market: Market = BASIS.market) -> Sizing:
    mean = np.full(WORK.draws, users * BASIS.usage.online_share)
    crowds = Crowds(np.full(WORK.draws, users), mean * BASIS.peak_factor, mean, mean * BASIS.busiest_day_factor)
    return Sizing(market, WORK, crowds)


def only(*names: str) -> Market:
    machines = BASIS.market.machines
    chosen = {name: machines.types[name] for name in names}
    some = machines.model_copy(update={"machines": chosen, "families": {}})
    some.__dict__.pop("types", None)  # computed once
    return Market(some, BASIS.market.prices, BASIS.market.offers)


SMALL = only(
    "t3.small", "t3.medium", "t4g.large", "c7g.large", "M10", "M30", "M40", "redis.t3.small", "valkey.m6g.large"
)


@pytest.mark.parametrize("users", [1_000, 20_000, 100_000])
def test_nothing_cheaper_holds(users: int) -> None:
    """All counts of all types up to what was found, tried one by one."""
    of = sizing(users, SMALL)
    search = Search(of, SCENARIO)
    found = search.found().cheapest
    apps = [
        of.option("app", name, count)
        for name, _ in SMALL.servers("app")
        for count in range(1, of.fewest("app", name) + 2)
    ]
    others = [[of.option(role, name, of.fewest(role, name)) for name, _ in SMALL.servers(role)] for role in ROLES[1:]]
    tried = [Servers(*parts) for parts in product(apps, *others)]
    cheaper = [one for one in tried if one.usd_per_month < found.usd_per_month - 0.01]
    assert cheaper
    assert all(search.breaks(one) for one in cheaper)


def test_what_is_chosen_keeps_every_limit() -> None:
    of = sizing(100_000)
    search = Search(of, SCENARIO)
    found = search.found()
    assert search.breaks(found.cheapest) == ""
    app = found.cheapest.app
    peak = of.crowds.peak
    assert np.quantile(of.busy("app", app.name, app.count, peak), 0.9) <= CPU_SHARE
    assert np.quantile(of.busy("app", app.name, app.count - 1, peak), 0.9) <= FAILOVER_CPU_SHARE
    assert all(measured < limit for measured, limit in found.latencies_ms.values())


def test_one_server_fewer_breaks_something() -> None:
    of = sizing(100_000)
    search = Search(of, SCENARIO)
    best = search.found().cheapest
    for role in ROLES:
        option = getattr(best, role)
        if option.count > 1:
            assert search.breaks(replace(best, **{role: of.option(role, option.name, option.count - 1)}))


def test_the_runner_up_is_the_next_of_other_types() -> None:
    found = Search(sizing(50_000), SCENARIO).found()
    assert found.runner_up is not None
    assert found.runner_up.usd_per_month >= found.cheapest.usd_per_month
    assert [one.name for one in found.runner_up.parts] != [one.name for one in found.cheapest.parts]


def test_everything_cheaper_says_what_it_breaks() -> None:
    found = Search(sizing(100_000), SCENARIO).found()
    assert found.rejected
    for one in found.rejected:
        assert one.saves_usd_per_month > 0
        assert one.breaks


@pytest.mark.parametrize("limit", [66, 68, 80])
def test_nothing_that_costs_less_is_left_out_for_it_holds(limit: int) -> None:
    """Where a latency decides, more servers of another type may be cheaper."""
    scenario = load("phase-3", [f"targets.targets.match_detection.limit={limit}"])
    of = sizing(100_000)
    search = Search(of, scenario)
    best = search.found().cheapest
    for chosen in best.parts:
        for name, _ in of.market.servers(chosen.role):
            if option := search.most_below(chosen, name):
                assert option.breaks or search.breaks(replace(best, **{chosen.role: option}))


@pytest.mark.parametrize("users", [1, 1_000, 10_000, 100_000, 1_000_000, 10_000_000])
def test_answers_from_one_user_to_ten_million(users: int) -> None:
    found = planned(SCENARIO, BASIS, users, draws=200)
    assert found.cheapest.breaks == ""
    assert found.usd_per_month > 0
    assert found.usd_per_month == sum(line.need_usd for line in found.lines if line.need_usd)
    if users >= 100_000:
        assert found.drawn.breaks  # three t3.medium
    else:
        assert found.drawn.usd_per_month > found.cheapest.usd_per_month


def test_more_users_never_cost_less() -> None:
    totals = [planned(SCENARIO, BASIS, users, draws=100).usd_per_month for users in (100, 1_000, 10_000, 100_000)]
    assert totals == sorted(totals)


def test_a_target_that_nothing_holds_says_which() -> None:
    strict = load("phase-3", ["targets.targets.api_response_time.limit=1.0"])
    with pytest.raises(NothingHolds, match=r"No servers .* hold every target .*API response time: .* below 1 ms"):
        Search(sizing(1_000), strict).found()


def test_a_latency_that_is_missed_by_a_little_takes_more_or_faster_servers() -> None:
    """The fewest that hold the CPU's limits, and one that makes them faster."""
    of = sizing(10_000)
    usual = Search(of, SCENARIO).found()
    worst = usual.latencies_ms["API response time"][0]
    tight = load("phase-3", [f"targets.targets.api_response_time.limit={0.9 * worst}"])
    found = Search(sizing(10_000), tight).found()
    assert found.cheapest.usd_per_month > usual.cheapest.usd_per_month
    assert found.latencies_ms["API response time"][0] < 0.9 * worst


def test_pools_must_fit_into_the_databases_connections() -> None:
    of = sizing(1_000)
    search = Search(of, SCENARIO)
    many = Servers(
        of.option("app", "c7g.16xlarge", 2), of.option("database", "M10", 1), of.option("cache", "redis.t3.small", 1)
    )
    assert search.breaks(many) == "6,400 database connections in the pools, 1,200 at most"


def test_credits_are_paid_where_more_is_used_than_earned() -> None:
    of = sizing(100_000)
    option = of.option("app", "t3.medium", 10)
    mean = float(np.mean(of.busy("app", "t3.medium", 10, of.crowds.mean)))
    assert mean > 0.2
    assert option.surplus_vcpu_hours == pytest.approx((mean - 0.2) * 2 * 10 * 730, rel=0.02)
    base = 10 * (730 * 0.0416 + 20 * 0.08)
    assert option.usd_per_month == pytest.approx(base + 0.05 * option.surplus_vcpu_hours)


def test_a_burstable_database_must_earn_what_a_day_uses() -> None:
    assert "CPU credits" in sizing(15_000).option("database", "M10", 1).breaks
    assert sizing(5_000).option("database", "M10", 1).breaks == ""


def test_small_tiers_have_no_shards() -> None:
    assert "has no shards" in sizing(30_000).option("database", "M10", 40).breaks


def test_a_calibration_of_unknown_speed_plans_nothing() -> None:
    unknown = BASIS.calibration.model_copy(update={"reference_work_cpu_ms": None})
    with pytest.raises(CalibrationError, match="does not say how fast its machine was"):
        worked(unknown, BASIS.rates, 20, 1)
