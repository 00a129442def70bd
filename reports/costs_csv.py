"""A cost report for spreadsheets: a row an item, numbers as numbers, nothing rounded but what is an estimate."""

import csv
import io
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from capacity.costs.bill import PhaseBill
from capacity.costs.lines import Line
from capacity.costs.report import CostReport

ITEM_COLUMNS = (
    "phase",
    "resource",
    "category",
    "line",
    "amount",
    "item",
    "quantity",
    "unit",
    "unit_usd",
    "usd_per_month",
    "origin",
    "price",
    "price_confidence",
    "price_as_of",
    "price_source",
    "note",
)
WEEK_COLUMNS = (
    "week",
    "registered",
    "people_at_once",
    "servers_by_plan",
    "servers_by_model",
    "plan_usd",
    "need_usd",
    "need_usd_low_growth",
    "need_usd_high_growth",
    "need_usd_p5",
    "need_usd_p95",
)
# A cell that begins like this is a formula to a spreadsheet; names may come from a stranger's scenario.
_FORMULA = ("=", "+", "-", "@")

Cell = str | int | float | Decimal | None


def items_csv(bills: Sequence[PhaseBill]) -> str:
    """Every item of plan, list and need; what is unknown has no amount."""
    return _csv(ITEM_COLUMNS, (row for bill in bills for line in bill.lines for row in _rows(bill.name, line)))


def weeks_csv(report: CostReport) -> str:
    """Week by week, in US dollars a week."""
    rows: list[Sequence[Cell]] = []
    for week in report.weeks:
        need = [round(getattr(week.need_usd, name), 2) for name in ("middle", "low", "high", "p5", "p95")]
        people = (round(week.registered), round(week.people_peak))
        rows.append((week.week, *people, week.phase_by_plan, week.phase_by_model, round(week.plan_usd, 2), *need))
    return _csv(WEEK_COLUMNS, rows)


def _rows(phase: str, line: Line) -> Iterator[Sequence[Cell]]:
    head = (phase, line.resource, line.category, line.item)
    yield (
        *head,
        "plan",
        line.item,
        line.plan_quantity,
        line.plan_unit,
        line.plan_unit_usd,
        line.plan_usd,
        line.plan_basis,
        "",
        "",
        "",
        "",
        line.plan_note,
    )
    for kind, items in (("list", line.list_items), ("need", line.need_items)):
        if not items:
            yield (*head, kind, "", None, "", None, None, "unknown", "", "", "", "", line.unknown)
        for one in items:
            yield (
                *head,
                kind,
                one.title,
                one.quantity,
                one.unit,
                one.unit_usd,
                round(one.usd_per_month, 4),
                one.origin,
                one.price,
                one.confidence.value,
                one.as_of,
                one.source,
                one.note,
            )


class _Number(Decimal):
    """Written out, never as 1E-7, and without quotes."""

    def __str__(self) -> str:
        return f"{Decimal(self):f}"


def _csv(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    out = io.StringIO()
    # RFC 4180. All text in quotes: a spreadsheet that parts cells at semicolons would else find cells of its own.
    writer = csv.writer(out, lineterminator="\r\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(columns)
    writer.writerows([_cell(cell) for cell in row] for row in rows)
    return out.getvalue()


def _begins_as_formula(text: str) -> bool:
    """As a spreadsheet sees it: behind blanks, and in the wide letters of East Asian fonts."""
    return unicodedata.normalize("NFKC", text).lstrip().startswith(_FORMULA)


def _cell(cell: Cell) -> str | int | float | Decimal:
    if cell is None:
        return ""
    if isinstance(cell, Decimal):
        return _Number(cell)
    if isinstance(cell, str) and _begins_as_formula(cell):
        return f"'{cell}"
    return cell
