"""Cost reports: the golden ones, numbers as numbers, complete pages, nothing from a stranger that acts."""

import csv
import io
import json
import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from markupsafe import escape

from capacity.costs.bill import KINDS
from reports.costs_csv import ITEM_COLUMNS, items_csv
from reports.costs_files import FORMATS, schema, texts, write
from reports.costs_page import all_page, phase_page
from scenarios.load import PHASES
from scenarios.outcome import UsageError
from tests.capacity.costs.made import report

GOLDEN = Path("docs/costs")
REPORT = report()
TEXTS = texts(REPORT, ("md", "csv", "json"))


def close(one: Any, other: Any) -> bool:
    """Equal, but for the last digits of estimates: vector units of processors differ there."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(close(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(close, one, other))
    if isinstance(one, float | int) and isinstance(other, float | int):
        return one == pytest.approx(other, rel=1e-6)
    return bool(one == other)


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_golden_reports(name: str) -> None:
    """`make golden` writes them anew; look at what changed before you commit it."""
    golden = (GOLDEN / name).read_bytes().decode()
    if name.endswith(".json"):
        assert close(json.loads(TEXTS[name]), json.loads(golden))
    else:
        assert TEXTS[name] == golden


def test_golden_reports_are_all_that_is_there() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == set(TEXTS)


def test_the_json_keeps_its_schema_and_the_schema_is_checked_in() -> None:
    assert Path("docs/costs.schema.json").read_text() == schema()
    jsonschema.validate(json.loads(TEXTS["costs.json"]), json.loads(schema()))


def test_json_has_the_totals_as_numbers() -> None:
    found = json.loads(TEXTS["phase-3.json"])
    assert found["total"]["plan"] == 1880
    assert found["each"]["plan"]["per_user"] == 0.188
    assert found["lines"][0]["need_items"][0]["origin"] == "assumed"


def test_a_spreadsheet_reads_numbers_as_numbers_and_adds_up_to_the_totals() -> None:
    rows = list(csv.DictReader(io.StringIO(TEXTS["costs.csv"])))
    assert tuple(rows[0]) == ITEM_COLUMNS
    for row in rows:
        for column in ("quantity", "unit_usd", "usd_per_month"):
            assert re.fullmatch(r"(\d+(\.\d+)?)?", row[column]), row
    for bill in REPORT.phases:
        for kind in KINDS:
            amounts = [
                Decimal(row["usd_per_month"])
                for row in rows
                if row["phase"] == bill.name and row["amount"] == kind and row["usd_per_month"]
            ]
            assert sum(amounts) == pytest.approx(bill.total.of(kind), abs=Decimal("0.01"))


def test_what_is_unknown_has_no_amount() -> None:
    rows = list(csv.DictReader(io.StringIO(TEXTS["phase-3.csv"])))
    image = [row for row in rows if row["resource"] == "image_processing" and row["amount"] != "plan"]
    assert [row["usd_per_month"] for row in image] == ["", ""]
    assert [row["origin"] for row in image] == ["unknown", "unknown"]


def test_a_strangers_names_do_nothing() -> None:
    bill = REPORT.phases[0]
    evil = replace(bill.lines[0], item="=HYPERLINK(evil)|<script>alert(1)</script>")
    stranger = replace(REPORT, phases=(replace(bill, title="<img src=x>", lines=(evil, *bill.lines[1:])),))
    text = items_csv(stranger.phases)
    assert "\r\n" in text
    assert not re.search(r'(^|,)"?=', text)
    page = all_page(stranger)
    assert "<script>" not in page
    assert "<img" not in page
    assert "<script>" not in texts(stranger, ("md",))["costs.md"]


def test_the_page_over_all_phases_is_complete_and_offline() -> None:
    page = all_page(REPORT)
    assert page.count("<svg") == 5
    for expected in (
        "$318.19",
        "$1,011.66",
        "$1,880.00",
        "$1,755",
        "$2,000–2,500",
        "$1,880–2,000",
        "$2,256–2,400",
        "$31,000",
        "$33,256–33,400",
        "Plan, list and need",
        "What it is for",
        "12 weeks",
        "A user, the more there are",
        "What matters most",
        "Where it goes",
        "Bound for longer",
        REPORT.prices.oldest,
        REPORT.prices.newest,
    ):
        assert expected in page
    assert not re.search(r'(src|href)="http', page)
    assert "@media print" in page


def test_the_same_report_is_the_same_page() -> None:
    assert all_page(REPORT) == all_page(REPORT)


def test_a_phases_page_has_every_quantity_with_its_origin_and_its_prices_date_and_source() -> None:
    bill = REPORT.phases[2]
    page = phase_page(REPORT, bill)
    for line in bill.lines:
        for one in (*line.list_items, *line.need_items):
            assert escape(one.title) in page
            assert escape(one.source) in page


def test_files_of_each_format(tmp_path: Path) -> None:
    found = {path.name for path in write(REPORT, FORMATS, tmp_path / "new" / "folder")}
    assert found == {
        *(f"{name}.{form}" for name in ("costs", *PHASES) for form in FORMATS),
        "costs-weeks.csv",
    }


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot be written: .* --out names another folder"):
        write(REPORT, ("md",), tmp_path / "file")
