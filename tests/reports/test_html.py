"""The page of a run: complete, self-contained, and safe with names from a stranger."""

from dataclasses import replace
from pathlib import Path

import pytest

from capacity.targets import check
from loadtests.record import Record
from reports.html import write_report
from tests.capacity.costs.made import bills
from tests.loadtests.making import Second, healthy, write

BILLS = bills()


def page(record: Record) -> str:
    return write_report(record, check(record), BILLS).read_text()


def test_everything_is_on_the_page(tmp_path: Path) -> None:
    text = page(write(tmp_path / "run", 30, healthy))
    assert text.count("<svg") == 5
    assert text.count('class="tag pass"') == 9 + 1 + 5  # targets, failures, what makes the numbers trusted
    for heading in (
        "Targets",
        "Alerts",
        "Can the numbers be trusted?",
        "Latency of the API over time",
        "Percentiles",
        "Resources",
        "Costs",
    ):
        assert f"<h2>{heading}" in text
    assert "$318.19" in text


def test_the_same_record_makes_the_same_page(tmp_path: Path) -> None:
    record = write(tmp_path / "run", 30, healthy)
    assert page(record) == page(record)


def test_names_from_a_record_are_escaped(tmp_path: Path) -> None:
    evil = "GET /<script>alert(1)</script>"

    def happened(number: int) -> Second:
        second = healthy(number)
        return replace(second, ok={**second.ok, evil: [1.0] * 10})

    assert "<script>" not in page(write(tmp_path / "run", 30, happened))


@pytest.mark.parametrize("seconds", [0, 1, 2])
def test_a_run_of_a_moment_has_a_page_too(tmp_path: Path, seconds: int) -> None:
    assert "Nothing was measured" in page(write(tmp_path / "run", seconds, healthy))


def test_a_run_against_a_backend_that_is_not_watched_has_a_page_too(tmp_path: Path) -> None:
    text = page(write(tmp_path / "run", 30, lambda _: Second({"GET /me": [1.0] * 5})))
    assert "nothing measured it in this run" in text
