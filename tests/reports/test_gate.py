"""What CI sees of a gate: JUnit, Markdown, JSON, a benchmark's history, a page; nothing breaks them."""

import json
import re
import subprocess
import sys
import tarfile
from dataclasses import replace
from html.parser import HTMLParser
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import xmlschema
from pydantic import TypeAdapter

from capacity.gate.result import GateResult
from loadtests.record import Record
from reports.gate import STEP_SUMMARY, Outputs, benchmark, schema, write
from reports.gate_charts import changes
from reports.gate_page import gate_page
from reports.gate_terminal import print_gate
from reports.junit import junit
from reports.markdown import COMMENT_BYTES, SUMMARY_BYTES, markdown
from reports.terminal import console
from scenarios.outcome import UsageError, Verdict
from tests.reports.gates import NASTY, absolute, relative

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def passed(tmp_path_factory: pytest.TempPathFactory) -> GateResult:
    return absolute(tmp_path_factory.mktemp("passed"))


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> GateResult:
    return absolute(tmp_path_factory.mktemp("failed"), slow=True)


@pytest.fixture(scope="module")
def dueled(passed: GateResult) -> GateResult:
    return relative(Record.read(Path(passed.runs[0].run)), slower=0.1, endpoints=30)


def invalid(passed: GateResult) -> GateResult:
    reasons = ("The generator was overloaded.",)
    runs = tuple(replace(run, verdict=Verdict.INVALID, reasons=reasons) for run in passed.runs)
    return replace(passed, verdict=Verdict.INVALID, reasons=reasons, runs=runs)


def test_junit_has_a_case_a_target_and_counts_them(failed: GateResult) -> None:
    suite = ET.fromstring(junit(failed))[0]
    cases = {case.attrib["name"]: case for case in suite.iter("testcase")}
    assert len(cases) == int(suite.attrib["tests"]) == len(failed.runs[0].targets)
    failures = [name for name, case in cases.items() if case.find("failure") is not None]
    assert failures == ["API response time"]
    assert int(suite.attrib["failures"]) == 1


def test_a_failure_names_value_interval_and_limit(failed: GateResult) -> None:
    failure = ET.fromstring(junit(failed)).find(".//failure")
    assert failure is not None
    assert failure.attrib["message"].startswith("API response time: 300 ms (300 – 300 ms), wanted < 200 ms")
    assert "limit: < 200 ms" in (failure.text or "")


def test_each_run_has_a_suite_with_its_own_verdict(passed: GateResult, failed: GateResult) -> None:
    both = replace(failed, runs=(*passed.runs, *failed.runs))
    suites = ET.fromstring(junit(both))
    assert [(suite.attrib["failures"], suite.attrib["errors"]) for suite in suites] == [("0", "0"), ("1", "0")]
    names = [(case.attrib["classname"], case.attrib["name"]) for case in suites.iter("testcase")]
    assert len(names) == len(set(names)) == len(passed.runs[0].targets) + len(failed.runs[0].targets)


def test_what_nobody_can_tell_is_no_pass_in_junit(passed: GateResult) -> None:
    suite = ET.fromstring(junit(invalid(passed)))[0]
    error = suite.find(".//error")
    assert error is not None
    assert (suite.attrib["errors"], error.attrib["type"]) == ("1", "invalid")
    assert error.attrib["message"] == "The generator was overloaded."


def test_names_from_a_record_cannot_break_the_files(dueled: GateResult, failed: GateResult) -> None:
    ET.fromstring(junit(dueled))
    text = markdown(dueled)
    assert "<script>" not in text
    assert "<b>" not in text
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {7}
    assert "@you" not in text
    assert "#1" not in text
    assert not re.search(r"://a|www\.a|GH-1", text)
    folded = markdown(replace(failed, runs=tuple(replace(run, run=f"a\n\n{NASTY}") for run in failed.runs)))
    assert not re.search(r"<script>|@you|#1|://a|www\.a|GH-1|Endpoints of a\n", folded)
    assert "<script>alert" not in gate_page(dueled)
    out = StringIO()
    terminal = console()
    terminal.file = out
    print_gate(terminal, replace(dueled, reasons=(NASTY,)))
    assert "[/b][id] @you #1" in out.getvalue()


@pytest.mark.slow
def test_the_junit_file_is_valid_by_the_common_schema(
    tmp_path: Path, passed: GateResult, failed: GateResult, dueled: GateResult
) -> None:
    """The xUnit schema of Jenkins, as pytest's source has it for the same purpose."""
    fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "pytest"]
    subprocess.run([*fetch, "--dest", tmp_path, f"pytest=={version('pytest')}"], check=True)
    with tarfile.open(next(tmp_path.glob("pytest-*.tar.gz"))) as sources:
        name = next(name for name in sources.getnames() if name.endswith("junit-10.xsd"))
        sources.extract(name, tmp_path, filter="data")
    checker = xmlschema.XMLSchema(str(tmp_path / name))
    for number, made in enumerate((passed, failed, dueled, invalid(passed))):
        file = tmp_path / f"{number}.xml"
        file.write_text(junit(made))
        checker.validate(str(file))


def test_markdown_says_the_verdict_first_and_folds_the_details(failed: GateResult) -> None:
    text = markdown(failed)
    assert text.startswith("## ❌ FAIL: phase-1, targets\n\n- API response time: 300 ms, at most 200 ms wanted")
    assert text.index("| API response time |") < text.index("<details>")
    assert text.count("<details>") == text.count("</details>") > 2


def test_more_cpu_is_a_warning_that_everybody_sees(passed: GateResult) -> None:
    made = relative(Record.read(Path(passed.runs[0].run)), more_cpu=0.1)
    assert (made.verdict, ET.fromstring(junit(made))[0].attrib["failures"]) == (Verdict.PASS, "0")
    head = markdown(made).partition("<details>")[0]
    assert "- Warning: CPU a request, app, grew (+10.0%" in head
    assert "| CPU a request, all stations | +5.7% |" in head
    assert "| CPU a request, app | +10.0% | +10.0% to +10.0% | 1.3 → 1.43 ms | ✅ pass, warning |" in head
    assert "<td>CPU a request, app" in gate_page(made).partition("<details>")[0]


@pytest.mark.parametrize("limit", [COMMENT_BYTES, 4000, 1000])
def test_markdown_fits_and_says_what_it_left_out(passed: GateResult, limit: int) -> None:
    huge = relative(Record.read(Path(passed.runs[0].run)), endpoints=700)
    text = markdown(huge, limit)
    assert len(text.encode()) <= limit + 100
    assert text.startswith("## ✅ PASS")
    assert "did not fit" in text
    assert len(markdown(huge).encode()) < SUMMARY_BYTES


def test_json_fits_its_schema_and_the_schema_is_checked_in(
    failed: GateResult, dueled: GateResult, tmp_path: Path
) -> None:
    assert (DOCS / "gate.schema.json").read_text() == schema()
    for made in (failed, dueled):
        (file,) = write(made, Outputs(json=tmp_path / "gate.json"))
        found = TypeAdapter(GateResult).validate_json(file.read_bytes())
        assert (found.verdict, found.reasons) == (made.verdict, made.reasons)


def test_the_benchmark_has_what_github_action_benchmark_reads(failed: GateResult, dueled: GateResult) -> None:
    for made in (failed, dueled):
        entries = json.loads(benchmark(made))
        assert entries
        assert all({"name", "unit", "value"} <= entry.keys() and entry["value"] > 0 for entry in entries)
    assert json.loads(benchmark(failed))[0]["name"] == "phase-1: API response time (p95)"


def test_the_page_opens_offline_and_shows_everything(failed: GateResult, dueled: GateResult) -> None:
    for made in (failed, dueled):
        page = gate_page(made)
        HTMLParser().feed(page)
        assert not re.search(r"<(script|link|img|iframe)|src=|@import|url\((?!#)", page)
        assert made.verdict in page
    assert gate_page(dueled).count("<svg") == 1


def test_a_change_that_leaves_the_chart_is_not_drawn_as_one_at_its_edge(dueled: GateResult) -> None:
    comparison = dueled.comparison
    assert comparison

    def drawn(change: float) -> str:
        first = replace(comparison.quantities[0], change=change)
        return changes(replace(comparison, quantities=(first, *comparison.quantities[1:])))

    assert drawn(0.5) != drawn(2.0)
    assert drawn(-0.5) != drawn(-0.9)


def test_the_steps_summary_is_appended_to(tmp_path: Path, failed: GateResult, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "summary.md"
    file.write_text("# Before\n")
    monkeypatch.setenv(STEP_SUMMARY, str(file))
    assert write(failed, Outputs()) == [file]
    assert file.read_text().startswith("# Before\n## ❌ FAIL")


def test_a_file_that_cannot_be_written_is_a_sentence(tmp_path: Path, failed: GateResult) -> None:
    (tmp_path / "file").write_text("")
    outputs = Outputs(junit=tmp_path / "file" / "junit.xml", json=tmp_path / "new" / "gate.json")
    with pytest.raises(UsageError, match=r"junit\.xml cannot be written: name a file"):
        outputs.check()
    with pytest.raises(UsageError, match=r"junit\.xml cannot be written: File exists"):
        write(failed, outputs)
    assert (tmp_path / "new" / "gate.json").exists()  # the others are not lost with it
    replace(outputs, junit=None).check()
