"""The folder that gates compare with: only fit runs come in, the oldest go, and the trend is seen."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from capacity.gate.baselines import NEWEST, history_at, newest_at, records_at, trends, update
from capacity.gate.verdicts import gate_runs
from loadtests.record import RUN_FILE, SERIES_FILE, Record, RecordError
from scenarios.outcome import UsageError, Verdict
from tests.loadtests.making import HEALTHY, Second, healthy, write


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Record]:
    """Records by name and p95 of the API; the name is their order."""
    folder = tmp_path_factory.mktemp("records")

    def make(name: str, level_ms: float = 10.0, change: Callable[[Second], Second] = lambda second: second) -> Record:
        def second(number: int) -> Second:
            base = healthy(number)
            return change(replace(base, ok={**base.ok, "POST /swipes": [level_ms] * 10}))

        if not (folder / name).exists():
            run = write(folder / name, 20, second).run
            start = run.started_at.replace(microsecond=int(name.removeprefix("run-") or 0) if "run-" in name else 0)
            (folder / name / RUN_FILE).write_text(run.model_copy(update={"started_at": start}).model_dump_json())
        return Record.read(folder / name)

    return make


def test_runs_are_added_once_and_the_oldest_go(tmp_path: Path, made: Callable[..., Record]) -> None:
    folder = tmp_path / "baselines"
    assert update(folder, [made("run-1"), made("run-2")], (), []) == (2, 0)
    assert update(folder, [made("run-2"), made("run-3")], (), [], keep=2) == (1, 1)
    assert len(records_at(folder)) == 2
    assert not list(folder.rglob("*.part"))


def test_two_runs_of_one_name_are_two_runs(tmp_path: Path, made: Callable[..., Record]) -> None:
    folder = tmp_path / "baselines"
    first, second = made("run-1"), made("run-2")
    for number, record in enumerate((first, second)):
        shutil.copytree(record.folder, tmp_path / str(number) / "01-baseline")
    copies = [Record.read(tmp_path / str(number) / "01-baseline") for number in range(2)]
    assert update(folder, copies, (), []) == (2, 0)
    assert update(folder, copies, (), []) == (0, 0)


def test_a_gate_compares_with_the_newest(tmp_path: Path, made: Callable[..., Record]) -> None:
    folder = tmp_path / "baselines"
    update(folder, [made(f"run-{number}") for number in range(201, 201 + NEWEST + 5)], (), [])
    found = newest_at(folder)
    assert [record.run.started_at.microsecond for record in found] == list(range(206, 206 + NEWEST))


def test_an_unknown_kind_is_named(tmp_path: Path, made: Callable[..., Record]) -> None:
    with pytest.raises(UsageError, match="--allow takes scenario, population"):
        update(tmp_path / "baselines", [made("run-1")], ["weather"], [])


def test_what_another_version_wrote_holds_no_release_up(tmp_path: Path, made: Callable[..., Record]) -> None:
    folder = tmp_path / "baselines"
    update(folder, [made("run-1"), made("run-2"), made("run-3")], (), [])
    old, torn, _ = (record.folder for record in records_at(folder))
    (old / RUN_FILE).write_text((old / RUN_FILE).read_text().replace('"schema_version":4', '"schema_version":2'))
    (torn / SERIES_FILE).write_text("")
    left_out: list[str] = []
    found = trends(history_at(folder, left_out), [made("run-4")], (), left_out)
    assert {len(trend.runs) for trend in found} == {2}
    of_another_version, damaged = left_out
    assert "has schema version 2" in of_another_version
    assert "series.csv is empty" in damaged
    said: list[str] = []
    assert update(folder, [made("run-4")], (), said) == (1, 0)
    assert said == [of_another_version]


def test_what_the_gate_passed_is_fit(tmp_path: Path) -> None:
    """A slow start is cut by both."""
    base = healthy(0)
    slow = replace(base, ok={**base.ok, "POST /swipes": [900.0] * 10})
    record = write(tmp_path / "run", 90, lambda number: slow if number < 15 else base)
    assert gate_runs([record], tmp_path / "noise.json").verdict is Verdict.PASS
    assert update(tmp_path / "baselines", [record], (), []) == (1, 0)


@pytest.mark.parametrize(
    ("name", "change", "why"),
    [
        ("slow", lambda s: replace(s, ok={**s.ok, "POST /swipes": [900.0] * 10}), "fail: API response time"),
        (
            "overloaded",
            lambda s: replace(s, columns={**HEALTHY, "generator_cpu_percent": 99.0}),
            "invalid: A generator",
        ),
    ],
)
def test_an_unfit_run_changes_nothing(
    tmp_path: Path, made: Callable[..., Record], name: str, change: Callable[[Second], Second], why: str
) -> None:
    folder = tmp_path / "baselines"
    update(folder, [made("run-1")], (), [])
    with pytest.raises(UsageError, match="The baseline stays as it is") as caught:
        update(folder, [made("run-2"), made(name, change=change)], (), [])
    assert why in str(caught.value)
    assert len(records_at(folder)) == 1


def test_a_run_of_another_population_is_refused_unless_told(tmp_path: Path, made: Callable[..., Record]) -> None:
    folder, other = tmp_path / "baselines", made("run-2")
    scenario = other.run.scenario
    people = scenario.population.model_copy(update={"users": 990})
    other = replace(
        other, run=other.run.model_copy(update={"scenario": scenario.model_copy(update={"population": people})})
    )
    update(folder, [made("run-1")], (), [])
    with pytest.raises(UsageError, match="users 990, not 1000"):
        update(folder, [other], (), [])
    assert update(folder, [other], ["population"], []) == (1, 0)


def test_a_folder_without_records_says_how_they_come_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"There is no run record in .*baseline update"):
        records_at(tmp_path)
    with pytest.raises(RecordError, match="There is no run record at"):
        records_at(tmp_path / "nowhere")


def test_the_trend_shows_where_the_history_changed(made: Callable[..., Record]) -> None:
    history = [made(f"run-{100 + n}", 30 + 0.1 * (n % 3) + (3 if n >= 10 else 0)) for n in range(1, 20)]
    found = {trend.key: trend for trend in trends(history, [made("run-120", 33.0)], (), [])}
    api = found["api_response_time"]
    assert (len(api.runs), [point.index for point in api.changes]) == (20, [9])
    assert api.changes[0].change == pytest.approx(0.1, abs=0.01)
    assert found["image_load"].changes == ()
