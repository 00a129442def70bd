"""A gate as JUnit XML, as CI servers read it: a suite a run, a case a target, valid by Apache Ant's schema."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
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
    for number, ((title, found), run) in enumerate(zip_longest(tables, result.runs)):
        verdict, reasons = (run.verdict, run.reasons) if run else (result.verdict, result.reasons)
        cases = [_case_of(row) for row in found]
        # A verdict that no single target explains (an invalid run) is a case of its own.
        if verdict is not Verdict.PASS and all(case.verdict is not verdict for case in cases):
            cases.insert(0, _Case("The run as a whole", verdict, "; ".join(reasons), ""))
        of_run = f".{Path(run.run).name}" if run and len(result.runs) > 1 else ""
        suite = _suite(suites, result, number, cases, f"{result.scenario}{of_run}", run.measured_s if run else 0)
        properties = ET.SubElement(suite, "properties")
        for name, value in (("verdict", verdict), ("runs", title)):
            ET.SubElement(properties, "property", {"name": name, "value": _clean(value)})
        for case in cases:
            _add(suite, case, f"matchday.{result.scenario}{of_run}")
        ET.SubElement(suite, "system-out").text = _clean("\n".join((*reasons, *how(result))))
        ET.SubElement(suite, "system-err").text = _clean("\n".join(result.left_out))
    ET.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n"


@dataclass(frozen=True)
class _Case:
    name: str
    verdict: Verdict
    message: str
    details: str


def _case_of(row: Row) -> _Case:
    # What decides nothing, and did not fail, is no error.
    skipped = not row.decides and row.verdict in _ERRORS
    message = f"{row.title}: {row.value} ({row.interval}), wanted {row.wanted}: {row.note}"
    details = f"value: {row.value}\ninterval: {row.interval}\nlimit: {row.wanted}\n{row.note}"
    return _Case(row.title, Verdict.SKIPPED if skipped else row.verdict, message, details)


def _suite(
    suites: ET.Element, result: GateResult, number: int, cases: Sequence[_Case], name: str, measured_s: int
) -> ET.Element:
    attributes = {
        "name": f"matchday gate {_clean(name)}",
        "package": "matchday",
        "id": str(number),
        "timestamp": f"{result.made_at:%Y-%m-%dT%H:%M:%S}",
        "hostname": "localhost",
        "tests": str(len(cases)),
        "failures": str(sum(case.verdict is Verdict.FAIL for case in cases)),
        "errors": str(sum(case.verdict in _ERRORS for case in cases)),
        "skipped": str(sum(case.verdict is Verdict.SKIPPED for case in cases)),
        "time": str(measured_s),
    }
    return ET.SubElement(suites, "testsuite", attributes)


_ERRORS = (Verdict.INCONCLUSIVE, Verdict.INVALID, Verdict.ERROR)


def _add(suite: ET.Element, case: _Case, classname: str) -> None:
    made = ET.SubElement(suite, "testcase", {"name": _clean(case.name), "classname": _clean(classname), "time": "0"})
    if case.verdict is Verdict.SKIPPED:
        ET.SubElement(made, "skipped")
    elif case.verdict is not Verdict.PASS:
        kind = "failure" if case.verdict is Verdict.FAIL else "error"
        attributes = {"type": str(case.verdict), "message": _clean(case.message)}
        ET.SubElement(made, kind, attributes).text = _clean(case.details or case.message)


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
