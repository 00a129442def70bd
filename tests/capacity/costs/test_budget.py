"""Budgets as a gate; two plans line by line."""

from decimal import Decimal

from capacity.costs.bill import phase_bill
from capacity.costs.budget import budgets, difference
from scenarios.load import load
from tests.capacity.costs.made import basis, bills


def test_a_budget_is_kept_or_says_by_how_much_and_which_lines() -> None:
    bill = phase_bill(load("phase-3", ["costs.monthly_budget_usd=1900"]), basis("phase-3"))
    plan, listed, need = (budgets([bill], kind)[0] for kind in ("plan", "list", "need"))
    assert plan.kept
    assert plan.over_usd == 0
    assert need.kept
    assert not listed.kept
    assert listed.over_usd == round(bill.total.list, 2) - 1900
    assert [amount for _, amount in listed.largest] == sorted((amount for _, amount in listed.largest), reverse=True)
    assert listed.largest[0][0] == "MongoDB (Atlas M30, primary + 2 replicas)"


def test_exactly_the_budget_is_kept() -> None:
    bill = phase_bill(load("phase-3", ["costs.monthly_budget_usd=1880"]), basis("phase-3"))
    assert budgets([bill], "plan")[0].kept


def test_what_is_shown_is_what_is_judged() -> None:
    shown = round(bills()[1].total.need, 2)
    bill = phase_bill(load("phase-2", [f"costs.monthly_budget_usd={shown}"]), basis("phase-2"))
    assert bill.total.need != shown
    assert budgets([bill], "need")[0].kept


def test_phases_without_a_budget_are_not_judged() -> None:
    assert budgets(bills(), "need") == ()


def test_two_plans_differ_by_the_sum_of_their_lines() -> None:
    before, _, after = bills()
    found = difference(before, after)
    assert found.total.plan.change == after.total.plan - before.total.plan
    for kind in ("plan", "list", "need"):
        changes = (getattr(line, kind).change or Decimal() for line in found.lines)
        assert sum(changes, Decimal()) == getattr(found.total, kind).change
    backup = next(line for line in found.lines if line.resource == "backup")
    assert backup.plan.before is None
    assert backup.plan.after == 75
    image = next(line for line in found.lines if line.resource == "image_processing")
    assert image.list.change is None


def test_a_plan_differs_from_itself_by_nothing() -> None:
    found = difference(bills()[1], bills()[1])
    assert all(not getattr(line, kind).change for line in found.lines for kind in ("plan", "list", "need"))
