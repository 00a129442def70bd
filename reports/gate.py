"""Where a gate's answer goes: files for CI servers, the step's summary, a page."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from capacity.gate.result import GateResult
from reports.as_json import dumps
from reports.gate_rows import compared_title
from reports.junit import junit
from reports.markdown import COMMENT_BYTES, SUMMARY_BYTES, markdown
from scenarios.files import can_be_written
from scenarios.outcome import UsageError

STEP_SUMMARY = "GITHUB_STEP_SUMMARY"
PRINTED = Path("-")


@dataclass(frozen=True)
class Outputs:
    """Which files are wanted; None where one is not. JSON to `-` is printed."""

    junit: Path | None = None
    markdown: Path | None = None
    comment: Path | None = None
    json: Path | None = None
    benchmark: Path | None = None
    html: Path | None = None

    def check(self) -> None:
        """Raises UsageError for a file that could not be written."""
        for path in vars(self).values():
            if path and path != PRINTED and not can_be_written(path):
                raise UsageError(f"{path} cannot be written: name a file in a folder that can be.")


def write(result: GateResult, outputs: Outputs) -> list[Path]:
    """Write what is wanted, and the step's summary where a GitHub runner asks for one. Returns the files written.

    Raises UsageError for files that cannot be written, when all the others are.
    """
    summary = Path(os.environ[STEP_SUMMARY]) if os.environ.get(STEP_SUMMARY) else None
    texts: list[tuple[Path | None, str, Callable[[], str]]] = [
        (outputs.junit, "w", lambda: junit(result)),
        (outputs.markdown, "w", lambda: markdown(result)),
        (outputs.comment, "w", lambda: markdown(result, COMMENT_BYTES)),
        (outputs.json, "w", lambda: dumps(result) + "\n"),
        (outputs.benchmark, "w", lambda: benchmark(result)),
        (outputs.html, "w", lambda: _page(result)),
        # A step may write several summaries into one file, of a mebibyte all in all.
        (summary, "a", lambda: markdown(result, max(0, SUMMARY_BYTES - _size(summary))) + "\n"),
    ]
    written, failed = list[Path](), list[str]()
    for path, mode, text in texts:
        if path is None:
            continue
        try:
            _write(path, mode, text())
            written.append(path)
        except OSError as error:
            failed.append(f"{path} cannot be written: {error.strerror}.")
    if failed:
        raise UsageError(" ".join(failed))
    return written


def benchmark(result: GateResult) -> str:
    """github-action-benchmark's "customSmallerIsBetter": latencies with their intervals, and CPU a request."""
    found: list[dict[str, Any]] = []
    for run in result.runs:
        found += [
            _entry(
                result,
                f"{target.title} (p{target.percentile:g})",
                target.measured,
                target.low,
                target.high,
                run.run,
            )
            for target in run.targets
            if target.percentile
        ]
    if result.comparison:
        found += [
            _entry(result, compared_title(row), row.candidate, None, None, row.note)
            for row in result.comparison.quantities
        ]
        found += [_entry(result, row.title, row.candidate, None, None, "") for row in result.comparison.cpu]
    return json.dumps([entry for entry in found if entry["value"] is not None], indent=1) + "\n"


def _entry(
    result: GateResult, name: str, value: float | None, low: float | None, high: float | None, extra: str
) -> dict[str, Any]:
    entry = {"name": f"{result.scenario}: {name}", "unit": "ms", "value": value, "extra": extra}
    if value is not None and low is not None and high is not None:
        entry["range"] = f"± {max(value - low, high - value):.3g}"
    return entry


def schema() -> str:
    """The JSON Schema of gate.json."""
    return json.dumps(TypeAdapter(GateResult).json_schema(mode="serialization"), indent=1) + "\n"


def _page(result: GateResult) -> str:
    from reports.gate_page import gate_page  # draws: half a second that most gates need not spend

    return gate_page(result)


def _write(path: Path, mode: str, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open(mode, encoding="utf-8") as file:
        file.write(text)


def _size(path: Path | None) -> int:
    return path.stat().st_size if path and path.exists() else 0


if __name__ == "__main__":  # `make schema`
    print(schema(), end="")
