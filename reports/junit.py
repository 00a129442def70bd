"""A gate as JUnit XML, as CI servers read it: a suite a run, a case a target, valid by Apache Ant's schema."""

import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from capacity.gate.result import GateResult
from reports.gate_rows import Row, rows
from reports.markdown import how
from scenarios.outcome import Verdict

# What XML 1.0 cannot hold, even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(result: GateResult) -> str:
    """A miss is a failure; what could not be judged is an error, for it must not look like a pass."""
    suites = ET.Element("testsuites")
    tables = list(rows(result)) or [("gate", [])]
    seconds = [run.measured_s for run in result.runs] or [0]
    for number, (title, found) in enumerate(tables):
        _suite(suites, result, number, title, found, seconds[min(number, len(seconds) - 1)])
    ET.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n"


def _suite(
    suites: ET.Element, result: GateResult, number: int, title: str, found: Sequence[Row], measured_s: int
) -> None:
    # A verdict that no single target explains (an invalid run) is a case of its own.
    explained = result.verdict is Verdict.PASS or any(row.verdict is result.verdict for row in found)
    suite = ET.SubElement(
        suites,
        "testsuite",
        {
            "name": f"matchday gate {_clean(result.scenario)}",
            "package": "matchday",
            "id": str(number),
            "timestamp": f"{result.made_at:%Y-%m-%dT%H:%M:%S}",
            "hostname": "localhost",
            "tests": str(len(found) + (not explained)),
            "failures": str(sum(row.verdict is Verdict.FAIL for row in found)),
            "errors": str(sum(row.verdict in _ERRORS and row.decides for row in found) + (not explained)),
            "skipped": str(sum(_is_skipped(row) for row in found)),
            "time": str(measured_s),
        },
    )
    properties = ET.SubElement(suite, "properties")
    for name, value in (("verdict", result.verdict), ("runs", title)):
        ET.SubElement(properties, "property", {"name": name, "value": _clean(value)})
    if not explained:
        _case(suite, result, "The run as a whole", result.verdict, "; ".join(result.reasons), "")
    for row in found:
        message = f"{row.title}: {row.value} ({row.interval}), wanted {row.wanted}: {row.note}"
        details = f"value: {row.value}\ninterval: {row.interval}\nlimit: {row.wanted}\n{row.note}"
        _case(suite, result, row.title, Verdict.SKIPPED if _is_skipped(row) else row.verdict, message, details)
    ET.SubElement(suite, "system-out").text = _clean("\n".join((*result.reasons, *how(result))))
    ET.SubElement(suite, "system-err").text = _clean("\n".join(result.left_out))


_ERRORS = (Verdict.INCONCLUSIVE, Verdict.INVALID, Verdict.ERROR)


def _is_skipped(row: Row) -> bool:
    """What decides nothing, and did not fail."""
    return row.verdict is Verdict.SKIPPED or (not row.decides and row.verdict in _ERRORS)


def _case(suite: ET.Element, result: GateResult, name: str, verdict: Verdict, message: str, details: str) -> None:
    attributes = {"name": _clean(name), "classname": f"matchday.{_clean(result.scenario)}", "time": "0"}
    case = ET.SubElement(suite, "testcase", attributes)
    if verdict is Verdict.SKIPPED:
        ET.SubElement(case, "skipped")
    elif verdict is not Verdict.PASS:
        kind = "failure" if verdict is Verdict.FAIL else "error"
        ET.SubElement(case, kind, {"type": str(verdict), "message": _clean(message)}).text = _clean(details or message)


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
