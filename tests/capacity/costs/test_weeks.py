"""Twelve weeks in many ways: held together with the exact bills, switches, seeds, what matters."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.costs.basis import WEEKS_A_MONTH
from capacity.costs.items import need_with
from capacity.costs.needed import crowds, work_of
from capacity.costs.sensitivity import tornado
from capacity.costs.ways import GROWTH, Ways, at, drawn, names_of, one_at_a_time, three
from capacity.costs.weeks import MONTHS_A_WEEK, Timeline, tiered
from capacity.planning.judge import Servers
from capacity.planning.knees import holds
from capacity.planning.options import Sizing
from capacity.planning.work import worked
from scenarios.load import PHASES, load
from scenarios.machines import Between
from tests.capacity.costs.made import basis, report

BASIS = basis("phase-3")
SCENARIOS = [load(name) for name in PHASES]
TIMELINE = Timeline(BASIS, SCENARIOS, worked(BASIS.calibration, BASIS.rates, 200, 1))


@given(st.sampled_from(sorted(BASIS.market.prices.prices)), st.decimals(0, 10**8, places=3))
def test_the_simulations_tiers_are_the_bills(key: str, quantity: Decimal) -> None:
    price = BASIS.market.prices.price(key)
    assert float(tiered(price, np.array([float(quantity)]))[0]) == pytest.approx(float(price.usd(quantity)), rel=1e-9)


def test_the_middle_of_all_ways_is_what_an_exact_bill_says() -> None:
    """Week 12 on phase 3's servers, from both sides: floats and decimals."""
    week = TIMELINE.weeks(three(BASIS), 12, schedule=[2] * 12)
    users = float(week.users[1, -1])
    sizing = Sizing(BASIS.market, work_of(BASIS, 1), crowds(BASIS, 0.0, 200), failover=False)
    servers = Servers(
        sizing.option("app", "t3.medium", 3),
        sizing.option("database", "M30", 1),
        sizing.option("cache", "redis.m6g.large", 2),
    )
    new_users = (users - float(week.users[1, -2])) / MONTHS_A_WEEK
    exact = need_with(SCENARIOS[-1], BASIS, servers, users, new_users)
    for resource, items in exact.items():
        if resource != "app_servers":  # credits: there the mean of many ways, here one in the middle
            usd = float(sum(one.usd_per_month for one in items))
            assert float(week.usd[resource][1, -1]) == pytest.approx(usd * MONTHS_A_WEEK, rel=1e-3, abs=0.01)


def test_servers_never_become_smaller_and_more_growth_needs_them_earlier() -> None:
    found = TIMELINE.weeks(drawn(BASIS, 300, 1), 26)
    assert (np.diff(found.phase, axis=1) >= 0).all()
    low, middle, high = TIMELINE.weeks(three(BASIS), 52).phase
    assert (low <= middle).all()
    assert (middle <= high).all()
    assert high[-1] > 0


def test_a_phase_is_left_in_the_week_in_which_more_are_there_than_it_holds() -> None:
    weeks = TIMELINE.weeks(three(BASIS), 52)
    most = [held.middle for held in TIMELINE.holds]
    for row in range(3):
        for week in range(52):
            people, phase = weeks.people_peak[row, week], int(weeks.phase[row, week])
            if phase:  # about: the median of what is first to be full is below each of the middles
                assert people > 0.85 * most[phase - 1]
            if phase < len(most):
                assert people < 1.2 * most[phase]


def test_where_no_phase_holds_it_is_said() -> None:
    found = TIMELINE.weeks(three(BASIS), 200)
    assert found.phase[2, -1] == len(SCENARIOS)


def test_the_same_seed_is_the_same_answer() -> None:
    one, other, third = (TIMELINE.weeks(drawn(BASIS, 50, seed), 12).total for seed in (1, 1, 2))
    assert (one == other).all()
    assert (one != third).any()


def test_places_of_ways() -> None:
    between = Between(low=1.0, middle=2.0, high=5.0, source="s")
    assert at(between, np.array([-1.0, -0.5, 0.0, 0.5, 1.0])).tolist() == [1.0, 1.5, 2.0, 3.5, 5.0]
    ways = Ways((GROWTH,), np.array([[-1.0], [0.0], [1.0]]))
    assert ways.growth(0.5, 2.0)[:, 0].tolist() == [0.5, 1.0, 2.0]
    found = drawn(BASIS, 4000, 1)
    assert np.abs(found.places).max() <= 1
    assert np.median(found.places) == pytest.approx(0, abs=0.01)


def test_one_at_a_time_changes_one_figure() -> None:
    ways = one_at_a_time(BASIS)
    assert len(ways.places) == 2 * len(names_of(BASIS)) + 1
    assert (np.abs(ways.places).sum(axis=1) == [0, *([1] * (len(ways.places) - 1))]).all()


def test_the_tornado_begins_with_growth() -> None:
    bars = tornado(TIMELINE, BASIS, 12)
    assert bars[0].title == "growth, 0.5 to 2 times the users"
    swings = [bar.swing_usd for bar in bars]
    assert swings == sorted(swings, reverse=True)
    assert all(bar.middle_usd == bars[0].middle_usd for bar in bars)


def test_the_interval_holds_the_middle_and_growth_is_most_of_it() -> None:
    need = report().over.need_usd
    assert need.low < need.p5 < need.p50 < need.p95 < need.high
    for week in report().weeks:
        assert week.need_usd.p5 <= week.need_usd.middle <= week.need_usd.p95
        assert sum(week.phase_share.values()) == pytest.approx(1)


def test_the_plan_changes_its_servers_by_weeks_and_the_model_when_a_target_would_break() -> None:
    found = report()
    assert [week.phase_by_plan for week in found.weeks] == [name for name in PHASES for _ in range(4)]
    assert [switch.by_plan for switch in found.switches] == [1, 5, 9]
    a_week = [week.plan_usd * Decimal(str(WEEKS_A_MONTH)) for week in found.weeks]
    assert [round(usd, 2) for usd in a_week[::4]] == [Decimal("318.19"), Decimal("1011.66"), Decimal("1880.00")]
    for number, switch in enumerate(found.switches[1:], 1):
        low, middle, high = (week or 10**9 for week in switch.by_model)
        assert low >= middle >= high
        reached = [week.week for week in found.weeks if week.phase_by_model >= PHASES[number]]
        assert (min(reached) if reached else None) == switch.by_model[1]


def test_money_goes_to_people_first() -> None:
    over = report().over
    assert float(over.people_usd) == pytest.approx(31_000 * 12 / WEEKS_A_MONTH)
    assert over.service_usd + over.network_usd == pytest.approx(over.need_usd.middle)
    assert float(over.people_usd) > 10 * over.need_usd.high


def test_closed_form_knees_are_the_simulators() -> None:
    """`matchday predict --weeks 12` simulates 1,153 (931 to 1,480), 2,121 (1,720 to 2,556) and 2,771 (2,442 to 3,136)
    people; here the same servers in closed form."""
    work = worked(BASIS.calibration, BASIS.rates, 200, 1)
    simulated = ((1153, 931, 1480), (2121, 1720, 2556), (2771, 2442, 3136))
    for drawn_servers, scenario, (middle, low, high) in zip(TIMELINE.drawn, SCENARIOS, simulated, strict=True):
        found = holds(drawn_servers, work, scenario, BASIS.market.machines, None)
        assert found.middle == pytest.approx(middle, rel=0.1)
        assert np.quantile(found.people, [0.05, 0.95]) == pytest.approx([low, high], rel=0.2)
