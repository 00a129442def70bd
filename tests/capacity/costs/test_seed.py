"""Every amount of the growth plan, to the dollar, in the plan's own order."""

from decimal import Decimal

from capacity.costs.seed import ten_thousand
from scenarios.load import load_plan
from tests.capacity.costs.made import bills

PLAN = ten_thousand(load_plan())


def usd(low: int, high: int) -> tuple[Decimal, Decimal]:
    return Decimal(low), Decimal(high)


def test_every_amount_of_the_plan() -> None:
    phase_1, phase_2, phase_3 = bills()
    assert phase_1.stated_usd_per_month == usd(300, 500)
    assert phase_2.stated_usd_per_month == usd(800, 1200)
    assert phase_3.stated_usd_per_month == usd(1500, 3000)
    assert all(phase.inside_stated for phase in (phase_1, phase_2, phase_3))

    line_items = {one.item: one.usd_per_month for one in PLAN.line_items}
    assert line_items == {
        "App servers: 3 x t3.medium": usd(450, 450),  # $150 a server
        "MongoDB: Atlas M30": usd(280, 280),
        "Redis: 2 nodes of 4 GB": usd(150, 150),
        "S3 + CDN": usd(425, 425),  # S3 $25 + CDN $400
        "SQS: 10 million requests": usd(50, 50),
        "Monitoring and logging": usd(100, 100),
        "Third parties": usd(300, 300),  # SMS 10,000 x $0.02 = $200, push $0, image processing $100
    }
    assert PLAN.line_items_usd_per_month == 1755
    assert PLAN.contingency_stated_usd_per_month == usd(2000, 2500)

    breakdown = {one.item: one.usd_per_month for one in PLAN.breakdown}
    assert breakdown == {
        "App servers (3x)": usd(450, 450),
        "MongoDB: Atlas M30 or self-hosted": usd(280, 400),
        "Redis cache": usd(150, 150),
        "S3 storage + CDN": usd(425, 425),
        "Load balancer": usd(50, 50),
        "Message queue": usd(50, 50),
        "Monitoring": usd(100, 100),
        "SMS verification (Twilio)": usd(200, 200),
        "Push notifications": usd(0, 0),
        "Image processing": usd(100, 100),
        "Backup storage": usd(75, 75),
    }
    assert PLAN.breakdown_usd_per_month == usd(1880, 2000)
    assert PLAN.buffer_share == Decimal("0.2")
    assert PLAN.buffered_usd_per_month == usd(2256, 2400)

    assert {(one.people, one.role): one.usd_per_month for one in PLAN.team} == {
        (2, "Backend developer"): 10_000,
        (2, "Mobile developer"): 10_000,
        (1, "DevOps engineer"): 6_000,
        (1, "QA tester"): 3_000,
        (1, "Content moderator"): 2_000,
    }
    assert PLAN.team_usd_per_month == 31_000
    assert PLAN.grand_total_usd_per_month == usd(33_256, 33_400)


def test_the_plans_own_unit_prices_stand_in_the_phases() -> None:
    """$150 a server, $0.02 a verification, $25 for 500 GB, $400 for the CDN, $50 for the queue and the balancer."""
    lines = {line.resource: line for line in bills()[2].lines}
    assert lines["app_servers"].plan_unit_usd == 150
    assert lines["sms"].plan_unit_usd == Decimal("0.02")
    assert (lines["sms"].plan_quantity, lines["sms"].plan_usd) == usd(10_000, 200)
    assert (lines["storage"].plan_usd, lines["cdn"].plan_usd) == usd(25, 400)
    assert (lines["queue"].plan_usd, lines["load_balancer"].plan_usd) == usd(50, 50)
    assert "self-hosted: $400" in lines["database"].plan_note


def test_the_differences_explain_the_second_table_item_by_item() -> None:
    *common, self_hosted = (difference.usd_per_month for difference in PLAN.differences)
    assert PLAN.line_items_usd_per_month + sum(common) == PLAN.breakdown_usd_per_month[0]
    assert PLAN.breakdown_usd_per_month[0] + self_hosted == PLAN.breakdown_usd_per_month[1]


def test_phase_3_is_the_breakdown() -> None:
    assert bills()[2].total.plan == PLAN.breakdown_usd_per_month[0]


def test_more_users_cost_less_each() -> None:
    each = [bill.each["plan"].per_user for bill in bills()]
    assert each == sorted(each, reverse=True)
    assert each[2] == Decimal("0.188")
