"""A prediction beside a run: errors, intervals that hold, and what cannot be compared."""

from dataclasses import replace
from pathlib import Path

import pytest

from capacity.calibration.demands import MACHINE
from capacity.prediction.result import Interval, Prediction, StationUse, TargetLatency
from capacity.prediction.verify import Verification, compared, scaling
from loadtests.record import Record
from tests.capacity.calibration.making import MIXES, made


def prediction(requests_per_s: Interval, p95_ms: Interval) -> Prediction:
    """Of the last of the mixes: 54 requests a second."""
    target = TargetLatency(
        "api_response_time", "API response time", "ms", 200.0, 95.0, {50.0: p95_ms, 95.0: p95_ms, 99.0: p95_ms}, 1.0
    )
    machine = StationUse(MACHINE, 2.0, Interval(0.1, 0.05, 0.2), 5.0, None)
    return Prediction(
        "phase-1", 100, "runs", requests_per_s, Interval(5, 4, 6), (machine,), (target,), False, {}, (), None, None, ()
    )


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return made(tmp_path / "step", MIXES[-1], 1)


def test_errors_are_of_what_was_measured(record: Record) -> None:
    step = compared(prediction(Interval(60, 50, 70), Interval(10, 5, 15)), record)
    throughput = step.figures[0]
    assert throughput.key == "requests_per_s"
    assert throughput.measured == pytest.approx(54, rel=0.05)
    assert throughput.error == pytest.approx(60 / throughput.measured - 1)
    assert throughput.covered
    assert step.utilisation == pytest.approx(0.13, abs=0.03)
    assert step.reference_work_cpu_ms == 1.0


def test_an_interval_that_does_not_hold_is_said(record: Record) -> None:
    step = compared(prediction(Interval(60, 59, 70), Interval(5, 4, 6)), record)
    covered = {figure.key: figure.covered for figure in step.figures}
    assert (covered["requests_per_s"], covered["api_response_time_p95_ms"]) == (False, False)


def test_summaries_take_steps_below_saturation(record: Record) -> None:
    step = compared(prediction(Interval(60, 50, 70), Interval(10, 5, 15)), record)
    full = replace(step, utilisation=0.95)
    found = Verification("phase-1", 50, None, (step, full), None)
    assert {summary.steps for summary in found.summaries} == {1}
    throughput = found.summaries[0]
    assert throughput.title == "Throughput"
    assert step.figures[0].error
    assert (throughput.error, throughput.covered) == (abs(step.figures[0].error), 1.0)


def test_what_was_none_when_measured_has_no_error(record: Record) -> None:
    """And makes no mean look better."""
    step = compared(prediction(Interval(60, 50, 70), Interval(10, 5, 15)), record)
    none = replace(step, figures=(replace(step.figures[0], measured=0.0), *step.figures[1:]))
    assert none.figures[0].error is None
    throughput = Verification("phase-1", 50, None, (step, none), None).summaries[0]
    assert (throughput.steps, throughput.error) == (1, abs(step.figures[0].error or 0.0))


def test_an_invalid_run_is_no_comparison(tmp_path: Path) -> None:
    bad = made(tmp_path / "bad", MIXES[-1], 1, generator_cpu_percent=95.0)
    step = compared(prediction(Interval(60, 50, 70), Interval(10, 5, 15)), bad)
    assert step.figures == ()
    assert step.invalid.startswith("A generator process used 95 %")


def test_few_steps_have_no_scalability_law(record: Record) -> None:
    assert scaling([record] * 5) is None
