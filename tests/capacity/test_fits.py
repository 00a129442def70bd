"""What one run of a search says, and what all of them say together."""

from dataclasses import replace
from pathlib import Path

import pytest

from capacity.fits import Fits, Step, broke_first, nearest_held, step_of
from tests.loadtests.making import Second, healthy, write

MET = Step("run", 100, True, 30.0, (), "", (), "app", 0.2)
FOUND = Fits("s", 950, 1000, 1050, None, True, "", 0.95, 300.0, None, "machine", 0.9, 100, (MET,))


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


def test_a_run_says_how_fast_the_machine_was(tmp_path: Path) -> None:
    def slow(number: int) -> Second:
        made = healthy(number)
        return replace(made, columns={**made.columns, "reference_work_cpu_ms": 1.0 + number % 3})

    assert step_of(write(tmp_path / "run", 21, slow), 100).reference_work_cpu_ms == 2.0
    assert step_of(write(tmp_path / "before", 21, healthy), 100).reference_work_cpu_ms is None
