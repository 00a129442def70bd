"""Every amount of the growth plan, to the dollar."""

from decimal import Decimal

import pytest

from capacity.costs import phase_bill, ten_thousand
from scenarios.load import PHASES, load, load_plan

PLAN = ten_thousand(load_plan())
BILLS = [phase_bill(load(name)) for name in PHASES]


def usd(low: int, high: int) -> tuple[Decimal, Decimal]:
    return Decimal(low), Decimal(high)


def test_the_two_tables_and_what_comes_on_top() -> None:
    assert PLAN.line_items_usd_per_month == 1755
    assert PLAN.contingency_stated_usd_per_month == usd(2000, 2500)
    assert PLAN.breakdown_usd_per_month == usd(1880, 2000)
    assert PLAN.buffered_usd_per_month == usd(2256, 2400)
    assert PLAN.team_usd_per_month == 31_000
    assert PLAN.grand_total_usd_per_month == usd(33_256, 33_400)


def test_the_differences_explain_the_second_table_item_by_item() -> None:
    *common, self_hosted = (difference.usd_per_month for difference in PLAN.differences)
    assert PLAN.line_items_usd_per_month + sum(common) == PLAN.breakdown_usd_per_month[0]
    assert PLAN.breakdown_usd_per_month[0] + self_hosted == PLAN.breakdown_usd_per_month[1]


@pytest.mark.parametrize(
    ("item", "amounts"),
    [
        ("App servers (3x)", (450, 450)),
        ("MongoDB: Atlas M30 or self-hosted", (280, 400)),
        ("Redis cache", (150, 150)),
        ("S3 storage + CDN", (425, 425)),
        ("Load balancer", (50, 50)),
        ("Message queue", (50, 50)),
        ("Monitoring", (100, 100)),
        ("SMS verification (Twilio)", (200, 200)),
        ("Push notifications", (0, 0)),
        ("Image processing", (100, 100)),
        ("Backup storage", (75, 75)),
    ],
)
def test_each_line_of_the_breakdown(item: str, amounts: tuple[int, int]) -> None:
    assert {i.item: i.usd_per_month for i in PLAN.breakdown}[item] == usd(*amounts)


@pytest.mark.parametrize(
    ("role", "people", "amount"),
    [
        ("Backend developer", 2, 10_000),
        ("Mobile developer", 2, 10_000),
        ("DevOps engineer", 1, 6_000),
        ("QA tester", 1, 3_000),
        ("Content moderator", 1, 2_000),
    ],
)
def test_each_line_of_the_team(role: str, people: int, amount: int) -> None:
    line = next(line for line in PLAN.team if line.role == role)
    assert (line.people, line.usd_per_month) == (people, Decimal(amount))


def test_each_phase_lies_inside_its_stated_range() -> None:
    assert [bill.stated_usd_per_month for bill in BILLS] == [usd(300, 500), usd(800, 1200), usd(1500, 3000)]
    assert all(bill.inside_stated for bill in BILLS)


def test_phase_3_is_the_breakdown() -> None:
    assert BILLS[2].total_usd_per_month == PLAN.breakdown_usd_per_month[0]


def test_a_bill_is_the_sum_of_quantity_times_price() -> None:
    for bill in BILLS:
        assert all(line.usd_per_month == line.quantity * line.unit_usd for line in bill.lines)
        assert bill.total_usd_per_month == sum(line.usd_per_month for line in bill.lines)


def test_more_users_cost_less_each() -> None:
    each = [bill.usd_per_user for bill in BILLS]
    assert each == sorted(each, reverse=True)
    assert each[2] == Decimal("0.188")
