"""What one run of a search says, and what all of them say together."""

from dataclasses import replace
from pathlib import Path

import pytest

from capacity.fits import Fits, Step, broke_first, compared, nearest_held, read_fits, reference_work_cpu_ms, step_of
from loadtests.record import RecordError
from reports.as_json import dumps
from tests.loadtests.making import Second, healthy, write

MET = Step("run", 100, True, 30.0, (), "", (), "app", 0.2)
FOUND = Fits("s", 950, 1000, 1050, None, True, "", 0.95, 300.0, None, "machine", 0.9, 100, (MET,), 1.2)


def test_a_run_holds_when_no_target_is_missed_though_few_people_are_there(tmp_path: Path) -> None:
    def few(number: int) -> Second:
        made = healthy(number)
        ok = {name: samples for name, samples in made.ok.items() if name != "WS match detection"}
        return replace(made, ok=ok, columns={**made.columns, "sockets": 3.0})

    step = step_of(write(tmp_path / "run", 20, few), 3)
    assert (step.held, step.broken, step.why) == (True, (), "")
    assert "Match detection" in step.unknown


def test_a_run_that_misses_a_target_says_which_and_by_how_much(tmp_path: Path) -> None:
    def late(number: int) -> Second:
        made = healthy(number)
        return replace(made, ok={**made.ok, "GET /me": [900.0] * 30})

    step = step_of(write(tmp_path / "run", 20, late), 100)
    assert (step.held, step.broken) == (False, ("API response time",))
    assert step.why.startswith("API response time: 90")


def test_an_invalid_run_holds_nothing_and_breaks_nothing(tmp_path: Path) -> None:
    def busy(number: int) -> Second:
        made = healthy(number)
        late = {**made.ok, "GET /me": [900.0] * 30}
        return replace(made, ok=late, columns={**made.columns, "foreign_cpu_cores": 1.5})

    step = step_of(write(tmp_path / "run", 20, busy), 100)
    assert (step.held, step.broken) == (None, ())
    assert step.why.startswith("Other programs and steal took 1.50 cores")


def test_what_breaks_with_few_people_broke_first() -> None:
    steps = [
        replace(MET, people=800, held=False, broken=("Image load", "API response time")),
        replace(MET, people=400, held=False, broken=("API response time",)),
    ]
    assert broke_first(steps) == "API response time"
    assert broke_first([MET]) is None


def test_the_run_nearest_to_the_knee_that_held_speaks_for_it() -> None:
    steps = [replace(MET, people=people, held=people < 500) for people in (100, 400, 520)]
    found = nearest_held(steps, 490)
    assert found
    assert found.people == 400


@pytest.mark.parametrize(("low", "headroom"), [(1000, 0.9), (100, 0.0), (50, -1.0), (0, None)])
def test_headroom_is_what_the_need_leaves_free(low: int, headroom: float | None) -> None:
    assert replace(FOUND, low=low).headroom == headroom


def test_how_fast_the_machine_was_is_told_by_the_runs_that_counted(tmp_path: Path) -> None:
    def slow(number: int) -> Second:
        made = healthy(number)
        return replace(made, columns={**made.columns, "reference_work_cpu_ms": 1.0 + number % 3})

    step = step_of(write(tmp_path / "run", 21, slow), 100)
    assert step.reference_work_cpu_ms == 2.0
    faster, invalid = replace(step, reference_work_cpu_ms=1.0), replace(step, held=None, reference_work_cpu_ms=9.0)
    assert reference_work_cpu_ms([step, faster, faster, invalid]) == 1.0
    assert reference_work_cpu_ms([MET]) is None  # a record of before


@pytest.mark.parametrize(
    ("now", "change"),
    [
        (replace(FOUND, low=1200, high=1300), "no change is sure"),  # 1,050 people of then are 1,260 of now
        (replace(FOUND, low=1300, high=1400), "more fit"),
        (replace(FOUND, low=1000, high=1100), "fewer fit"),
        (replace(FOUND, low=1000, high=None), "no change is sure"),
    ],
)
def test_an_earlier_search_counts_as_if_the_machine_had_been_as_fast_as_now(now: Fits, change: str) -> None:
    found = compared(replace(now, reference_work_cpu_ms=1.0), FOUND)
    assert (found.low, found.middle, found.high, found.change) == (1140, 1200, 1260, change)


def test_where_the_machine_is_not_known_people_are_compared_as_they_were_found() -> None:
    found = compared(replace(FOUND, reference_work_cpu_ms=None), FOUND)
    assert (found.speed, found.low, found.high) == (1.0, 950, 1050)
    # Nothing had broken: how many more fitted is not known.
    assert compared(replace(FOUND, low=5000, high=6000), replace(FOUND, high=None)).change == "no change is sure"


def test_an_earlier_answer_is_read_from_its_folder(tmp_path: Path) -> None:
    (tmp_path / "search.json").write_text(dumps(FOUND))
    assert read_fits(tmp_path) == FOUND
    (tmp_path / "search.json").write_text("{}")
    with pytest.raises(RecordError, match="is not the answer of a search: Field required"):
        read_fits(tmp_path)
    with pytest.raises(RecordError, match="No such file or directory"):
        read_fits(tmp_path / "nowhere")
