"""A cost report as files: one a phase and one over all, in each format that is asked for."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from capacity.costs.bill import PhaseBill
from capacity.costs.report import CostReport
from reports.as_json import dumps
from reports.costs_csv import items_csv, weeks_csv
from reports.costs_markdown import all_markdown, phase_markdown
from scenarios.files import replace_all
from scenarios.outcome import UsageError

FORMATS = ("html", "md", "csv", "json")
ALL = "costs"


def write(report: CostReport, formats: Sequence[str], folder: Path) -> list[Path]:
    """Returns what was written, the reports over all phases first. Raises UsageError where that is not possible."""
    if taken := {bill.name for bill in report.phases} & {ALL, f"{ALL}-weeks"}:
        raise UsageError(f"A scenario is called {taken.pop()!r}, as the report over all: give its file another name.")
    found = {folder / name: text for name, text in texts(report, formats).items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_all(found)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}. --out names another folder.") from error
    return list(found)


def texts(report: CostReport, formats: Sequence[str]) -> dict[str, str]:
    """By file name."""
    found: dict[str, str] = {}
    for name in formats:
        over_all, of_phase = _WRITERS[name]
        found[f"{ALL}.{name}"] = over_all(report)
        if name == "csv":
            found[f"{ALL}-weeks.csv"] = weeks_csv(report)
        if len(report.phases) > 1:
            found |= {f"{bill.name}.{name}": of_phase(report, bill) for bill in report.phases}
    return found


def schema() -> str:
    """The JSON Schema of costs.json and of each phase's: its money is numbers, not text."""
    found = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **TypeAdapter(CostReport).json_schema(mode="serialization", schema_generator=_MoneyAsNumbers),
    }
    return json.dumps(found, indent=1) + "\n"


class _MoneyAsNumbers(GenerateJsonSchema):
    def decimal_schema(self, schema: core_schema.DecimalSchema) -> dict[str, Any]:
        return {"type": "number"}


def _page(report: CostReport) -> str:
    from reports.costs_page import all_page  # draws: half a second that the other formats need not spend

    return all_page(report)


def _phase_page(report: CostReport, bill: PhaseBill) -> str:
    from reports.costs_page import phase_page

    return phase_page(report, bill)


_WRITERS: dict[str, tuple[Callable[[CostReport], str], Callable[[CostReport, PhaseBill], str]]] = {
    "html": (_page, _phase_page),
    "md": (all_markdown, phase_markdown),
    "csv": (lambda report: items_csv(report.phases), lambda _, bill: items_csv([bill])),
    "json": (lambda report: dumps(report) + "\n", lambda _, bill: dumps(bill) + "\n"),
}


if __name__ == "__main__":  # `make schema`
    print(schema(), end="")
