"""Bills: known answers at list prices, where quantities come from, and what is unknown."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.costs.bill import KINDS, PhaseBill, phase_bill
from capacity.costs.cdn import PAY_AS_YOU_GO, cdn_offers, cheapest
from capacity.costs.lines import Item
from capacity.costs.usage import lcus
from scenarios.load import load
from tests.capacity.costs.made import basis, bills

PHASE_1, PHASE_2, PHASE_3 = bills()


def items(bill: PhaseBill, resource: str, kind: str) -> dict[str, Item]:
    return {
        one.price: one
        for line in bill.lines
        if line.resource == resource
        for one in (line.list_items if kind == "list" else line.need_items)
    }


@pytest.mark.parametrize(
    ("resource", "price", "usd"),
    [
        ("app_servers", "ec2.t3.medium.od", "91.1040"),  # 3 x 730 h x .0416
        ("app_servers", "ebs.gp3.storage", "4.80"),  # 60 GB x .08
        ("database", "atlas.M30", "394.20"),  # 730 h x .54
        ("database", "atlas.M30.storage", "230"),  # 460 GB x .50
        ("backup", "atlas.backup", "70"),  # 500 GB x .14
        ("cache", "elasticache.redis.cache.m6g.large", "217.540"),  # 2 x 730 h x .149
        ("load_balancer", "alb.hour", "16.4250"),  # 730 h x .0225
        ("load_balancer", "ec2.public_ipv4", "10.95"),  # 3 x 730 h x .005
        ("storage", "s3.standard.storage", "11.5"),  # 500 GB x .023
        ("cdn", "cloudfront.us.dto", "348.16"),  # (5,120 - 1,024) GB x .085
        ("network", "dto.internet", "175.32"),  # (2,048 - 100) GB x .09
        ("network", "nat.hour", "32.850"),
        ("queue", "sqs.standard.requests", "3.6"),  # 9 million x .40
        ("sms", "twilio.sms.us", "116.2"),  # 14,000 x .0083
        ("sms", "twilio.sms.carrier_fee", "49"),  # 14,000 x .0035
        ("monitoring", "sentry.team", "26"),
    ],
)
def test_the_plans_resources_at_list_prices(resource: str, price: str, usd: str) -> None:
    assert items(PHASE_3, resource, "list")[price].usd_per_month == Decimal(usd)


def test_the_plan_is_far_from_the_list_in_both_directions() -> None:
    """What a planner can learn: servers and the queue are dear in the plan, the database is cheap."""
    lines = {line.resource: line for line in PHASE_3.lines}
    assert lines["app_servers"].plan_usd == 450
    assert Decimal(90) < (lines["app_servers"].list_usd or 0) < Decimal(100)
    assert (lines["queue"].plan_usd or 0) > 10 * (lines["queue"].list_usd or 0)
    assert (lines["database"].list_usd or 0) > 2 * (lines["database"].plan_usd or 0)


@pytest.mark.parametrize("bill", bills(), ids=lambda bill: bill.name)
def test_totals_are_the_sums_of_lines_and_lines_those_of_items(bill: PhaseBill) -> None:
    for line in bill.lines:
        if line.plan_quantity is not None and line.plan_unit_usd is not None:
            assert line.plan_usd == line.plan_quantity * line.plan_unit_usd
        for usd, found in ((line.list_usd, line.list_items), (line.need_usd, line.need_items)):
            assert usd == (sum((one.usd_per_month for one in found), Decimal()) if found else None)
    for kind in KINDS:
        usd = sum((getattr(line, f"{kind}_usd") or Decimal() for line in bill.lines), Decimal())
        assert bill.total.of(kind) == usd == bill.service.of(kind) + bill.network.of(kind)


@pytest.mark.parametrize("bill", bills(), ids=lambda bill: bill.name)
def test_every_quantity_says_where_it_comes_from_and_every_price_how_well_it_is_known(bill: PhaseBill) -> None:
    found = [one for line in bill.lines for one in (*line.list_items, *line.need_items)]
    assert {one.origin for one in found} <= {"seed", "predicted", "assumed"}
    assert all(one.source and one.confidence and one.unit for one in found)
    for kind in ("list", "need"):
        assert sum(bill.confidence[kind].values()) == bill.total.of(kind)


def test_unknown_stays_unknown_and_is_listed() -> None:
    image = next(line for line in PHASE_3.lines if line.resource == "image_processing")
    assert (image.list_usd, image.need_usd) == (None, None)
    backup = next(line for line in PHASE_3.lines if line.resource == "backup")
    assert backup.need_usd is None
    said = " ".join(PHASE_3.unknown)
    assert "Image processing: no public list price" in said
    assert "how much is backed up is not known" in said
    assert "how much the data takes on disk is not known" in said


def test_a_line_without_list_price_is_unknown_not_nothing() -> None:
    scenario = load(
        "phase-1", ["costs.lines=[{resource='queue',item='Q',quantity=1,unit='month',unit_usd=5,basis='seed',note=''}]"]
    )
    line = phase_bill(scenario, basis()).lines[0]
    assert line.plan_usd == 5
    assert line.list_usd is None
    assert line.unknown == "no list price is given (list_price)"


def test_a_loaded_burstable_server_costs_more_than_one_that_is_not() -> None:
    """AWS: .0416 + 2 x .8 x .05 = .1216 an hour for a t3.medium that is always full; an m6i.large is .096."""
    full = load("phase-1", ["population.users=1000000"])
    found = items(phase_bill(full, basis()), "app_servers", "list")
    credits = found["ec2.t3.cpu_credit"]
    assert credits.quantity == 730 * 2 * Decimal("0.8")
    hourly = (found["ec2.t3.medium.od"].usd_per_month + credits.usd_per_month) / 730
    assert hourly == Decimal("0.1216")
    assert hourly > basis().market.prices.price("ec2.m6i.large.od").first_usd


def test_a_server_that_earns_what_it_uses_pays_no_credits() -> None:
    assert items(PHASE_1, "app_servers", "list")["ec2.t3.cpu_credit"].usd_per_month == 0


@given(
    users=st.floats(1, 1e8),
    connections=st.floats(0.1, 50),
)
def test_lcus_are_the_largest_of_four_dimensions(users: float, connections: float) -> None:
    drivers = basis().drivers(users, 0.0, 1, 1)
    drivers = replace(drivers, assumed={**drivers.assumed, "connections_a_session": np.array(connections)})
    people, person, unit = float(drivers.people_mean), drivers.person, basis().market.offers.lcu
    dimensions = [
        people * person.sessions * connections / unit.new_connections_per_s,
        2 * people / unit.active_connections,
        people * person.api_bytes * 3600 / 1024**3 / unit.gb_per_h,
    ]
    assert float(lcus(drivers, basis().market.offers)) == pytest.approx(max(dimensions))


def test_the_cdn_is_whichever_offer_allows_it_and_costs_least() -> None:
    market = basis().market
    for users, name in ((500, PAY_AS_YOU_GO), (4000, "business"), (10_000, "premium"), (100_000, PAY_AS_YOU_GO)):
        offers = cdn_offers(market.prices, market.offers, basis().drivers(float(users), 0.0, 1, 1))
        chosen = cheapest(offers)
        assert chosen.name == name
        assert all(one.breaks for one in offers if one.usd_per_month < chosen.usd_per_month)


def test_users_add_to_what_is_there_without_anybody() -> None:
    for bill in bills():
        assert 0 < bill.marginal_need_usd_per_user < bill.each["need"].per_user
        together = bill.fixed_need_usd + bill.users * bill.marginal_need_usd_per_user
        assert round(together, 6) == round(bill.total.need, 6)
        servers = sum(
            one.usd_per_month
            for line in bill.lines
            for one in line.need_items
            if one.price.startswith(("ec2.t3.medium", "atlas", "elasticache", "alb.hour", "nat.hour"))
        )
        assert bill.fixed_need_usd > servers


def test_a_step_of_the_cdn_is_no_users_own() -> None:
    """At 6,000 users the next flat plan is taken: nobody is told that a user costs four dollars."""
    bill = phase_bill(load("phase-2", ["population.users=6000"]), basis("phase-2"))
    assert bill.fixed_need_usd > 0
    assert bill.marginal_need_usd_per_user < Decimal("0.2")


def test_what_no_calibration_has_measured_is_said() -> None:
    calibration = basis().calibration
    some = {name: found for name, found in calibration.actions.items() if name != "IMAGE photo"}
    draws = {name: found for name, found in calibration.draws_cpu_ms.items() if name != "IMAGE photo"}
    without = replace(basis(), calibration=calibration.model_copy(update={"actions": some, "draws_cpu_ms": draws}))
    unknown = phase_bill(load("phase-1"), without).unknown
    assert "never calibrated, and so counted without bytes and asks: IMAGE photo" in unknown


def test_the_list_is_of_the_plans_own_servers() -> None:
    """NAT data by three servers, where two are needed; S3 without a CDN answers for every picture."""
    assert items(PHASE_3, "network", "list")["nat.gb"].quantity == 15
    assert items(PHASE_3, "network", "need")["nat.gb"].quantity == 10
    reads = [items(PHASE_1, "storage", kind)["s3.get"].quantity for kind in ("list", "need")]
    assert reads[0] == pytest.approx(20 * reads[1])


def test_what_one_of_each_costs() -> None:
    need = PHASE_3.each["need"]
    assert need.per_user == PHASE_3.total.need / 10_000
    assert need.per_daily_active_user == PHASE_3.total.need / 9_700
    assert need.per_1000_swipes == 1000 * PHASE_3.total.need / PHASE_3.swipes_per_month
    assert need.per_message == PHASE_3.total.need / PHASE_3.messages_per_month


def test_lighter_use_needs_less() -> None:
    light = phase_bill(load("phase-3"), basis("phase-3", "light"))
    assert light.total.need < PHASE_3.total.need / 2
    assert light.total.plan == PHASE_3.total.plan


def test_the_same_seed_is_the_same_bill() -> None:
    assert phase_bill(load("phase-2"), basis("phase-2")) == PHASE_2
