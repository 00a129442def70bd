"""Figures read the same in every report."""

from decimal import Decimal

import pytest

from reports.figures import limit, number, usd, usd_range


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.0, "0"),
        (0.12345, "0.123"),
        (9.999, "10"),
        (12.34, "12.3"),
        (100.4, "100"),
        (1234567.0, "1,234,567"),
    ],
)
def test_numbers_have_three_digits_where_they_are_small(value: float | None, text: str) -> None:
    assert number(value) == text


def test_units_and_limits() -> None:
    assert number(3.0, "ms") == "3 ms"
    assert limit(200, "lower", "ms") == "< 200 ms"
    assert limit(99.5, "higher", "%") == "≥ 99.5 %"
    assert limit(None, "lower") == "–"


def test_money_shows_cents_only_where_there_are_some() -> None:
    assert usd(Decimal(1755)) == "$1,755"
    assert usd(Decimal("318.19")) == "$318.19"
    assert usd_range((Decimal(1880), Decimal(2000))) == "$1,880–2,000"
    assert usd_range((Decimal(50), Decimal(50))) == "$50"
