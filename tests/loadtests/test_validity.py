"""A run whose generator or machine was the bottleneck says so."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from loadtests.record import LOOP_DRIFT, Clock, Record
from loadtests.record.histograms import Counts, tag_of
from loadtests.recording.window import Window
from loadtests.recording.writer import RecordWriter
from tests.loadtests.making import HEALTHY, START, Second, healthy, run_info, write


def run_with(folder: Path, columns: dict[str, float], drift_ms: float = 0.5) -> Record:
    def happened(number: int) -> Second:
        second = healthy(number)
        drift = {"GENERATOR loop drift": [0.5] * 19 + [drift_ms]}
        return replace(second, ok={**second.ok, **drift}, columns={**HEALTHY, **columns})

    return write(folder, 30, happened)


def test_nothing_speaks_against_a_calm_run(tmp_path: Path) -> None:
    assert run_with(tmp_path / "run", {}).run.problems == ()


@pytest.mark.parametrize(
    ("columns", "drift_ms", "sentence"),
    [
        ({}, 12.0, "loop was 12.0 ms late at p99 (limit 10 ms)"),
        ({"generator_cpu_percent": 90.0}, 0.5, "used 90 % of a core in 5 % of the seconds (limit 80 %)"),
        ({"foreign_cpu_cores": 0.8}, 0.5, "Other programs and steal took 0.80 cores (limit 0.5)"),
        ({"dropped": 2.0}, 0.5, "dropped 54 arrivals"),
        ({"users": 90.0}, 0.5, "Only 90% of the people asked for (100 at the peak) were started"),
    ],
)
def test_each_limit_makes_the_run_invalid(
    tmp_path: Path, columns: dict[str, float], drift_ms: float, sentence: str
) -> None:
    found = run_with(tmp_path / "run", columns, drift_ms).run.problems
    assert len(found) == 1
    assert sentence in found[0].problem
    assert found[0].advice


def test_what_was_measured_is_said_beside_its_limit_also_when_it_holds(tmp_path: Path) -> None:
    found = {trust.key: trust for trust in run_with(tmp_path / "run", {}).run.validity or ()}
    assert set(found) == {"generator_drift", "generator_cpu", "foreign_cpu", "dropped", "load_reached"}
    assert found["foreign_cpu"].measured == pytest.approx(0.1)
    assert found["foreign_cpu"].limit == 0.5


@pytest.mark.parametrize("key", ["generator_drift", "generator_cpu", "foreign_cpu"])
def test_what_nothing_measured_is_not_trusted(tmp_path: Path, key: str) -> None:
    column = {"generator_cpu": "generator_cpu_percent", "foreign_cpu": "foreign_cpu_cores"}.get(key)

    def happened(number: int) -> Second:
        second = healthy(number)
        if column:
            return replace(second, columns={name: value for name, value in HEALTHY.items() if name != column})
        return replace(second, ok={name: values for name, values in second.ok.items() if name != LOOP_DRIFT})

    (problem,) = write(tmp_path / "run", 30, happened).run.problems
    assert problem.key == key
    assert "Nothing measured it" in problem.problem


def test_a_generator_that_is_busy_in_few_seconds_is_well_and_in_many_is_not(tmp_path: Path) -> None:
    def busy_every(period: int) -> Callable[[int], Second]:
        def happened(number: int) -> Second:
            cpu = 99.0 if number % period == 0 else 5.0
            return replace(healthy(number), columns={**HEALTHY, "generator_cpu_percent": cpu})

        return happened

    assert write(tmp_path / "rarely", 105, busy_every(50)).run.problems == ()
    assert write(tmp_path / "often", 105, busy_every(10)).run.problems != ()


def test_a_worker_that_was_lost_or_whose_clock_is_vague_makes_the_run_invalid(tmp_path: Path) -> None:
    clocks = [
        Clock(worker=name, shared=False, offset_ms=5.0, error_ms=error) for name, error in (("a", 0.4), ("b", 12))
    ]
    counts = Counts()
    counts.add(0.5)
    drift = {tag_of(LOOP_DRIFT, failed=False): (counts.encoded(), counts.highest_us, counts.total)}
    writer = RecordWriter(tmp_path / "run", run_info())
    writer.steady(START - 10)
    for second in range(5):
        writer.observe(START + second, HEALTHY)
        writer.add(Window(START + second, histograms=drift))
    writer.finish("finished", "", START + 5, clocks, workers_lost=["a"])
    problems = [trust.problem for trust in Record.read(tmp_path / "run").run.problems]
    assert problems == [
        "1 of 2 workers of the generator did not live to the end: a.",
        "A worker's clock is known to ±12.0 ms only (limit 10 ms): what is timed between two workers is wrong by as "
        "much.",
    ]
