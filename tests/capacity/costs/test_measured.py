"""What a run measured, as quantities of a bill."""

from dataclasses import replace
from pathlib import Path

import pytest

from capacity.costs.bill import phase_bill
from capacity.costs.measured import person_of_run
from scenarios.load import load
from scenarios.outcome import UsageError
from tests.capacity.costs.made import basis
from tests.loadtests.making import Second, healthy, write

PREDICTED = basis().person


def test_what_was_counted_is_what_is_paid_for(tmp_path: Path) -> None:
    record = write(tmp_path / "run", 30, healthy)
    found = person_of_run(record, PREDICTED)
    people = record.measured_values("users")[0]
    seconds = record.measured_seconds
    assert record.measured is not None
    swipes = record.windows(("POST /swipes",), *record.measured).successes.sum()
    assert found.swipes == pytest.approx(swipes / seconds / people)
    assert found.requests >= found.swipes
    assert (found.origin, found.source) == ("measured", record.folder.name)


def test_a_bill_says_which_run_its_quantities_are_of(tmp_path: Path) -> None:
    record = write(tmp_path / "run", 30, healthy)
    measured = replace(basis(), measured=person_of_run(record, PREDICTED))
    bill = phase_bill(load("phase-1"), measured)
    logs = next(one for line in bill.lines for one in line.need_items if one.price == "cloudwatch.logs.ingest")
    assert logs.origin == "measured"
    assert logs.quantity != next(
        one.quantity
        for line in phase_bill(load("phase-1"), basis()).lines
        for one in line.need_items
        if one.price == "cloudwatch.logs.ingest"
    )


def test_a_run_of_nobody_says_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="measured nobody after its warm-up: take a longer run"):
        person_of_run(write(tmp_path / "run", 1, healthy), PREDICTED)


def test_a_backend_that_is_not_watched_has_no_asks(tmp_path: Path) -> None:
    def elsewhere(number: int) -> Second:
        second = healthy(number)
        return replace(second, columns={name: one for name, one in second.columns.items() if name not in of_servers})

    of_servers = ("database_queries", "cache_hits", "cache_misses", "bytes_received")
    found = person_of_run(write(tmp_path / "run", 30, elsewhere), PREDICTED)
    assert found.requests > 0
    assert (found.image_bytes, found.store_asks) == (0, 0)
