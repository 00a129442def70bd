"""What one person of a run did a second that is paid for by quantity: counted, not predicted."""

from statistics import mean

from capacity.calibration.observations import OFFLINE_MESSAGE
from capacity.costs.person import Person, person_of_counts
from loadtests.record import NOT_REQUESTS, Record, exactly, matches
from scenarios.outcome import UsageError


def person_of_run(record: Record, predicted: Person) -> Person:
    """Over what was measured after the warm-up. Raises UsageError for a run that measured nothing, or is invalid."""
    if record.run.problems:
        raise UsageError(f"{record.folder.name} is invalid: {record.run.problems[0].problem} Take another run.")
    if record.measured is None or not (people := _mean(record, "users")):
        raise UsageError(f"{record.folder.name} measured nobody after its warm-up: take a longer run.")
    seconds = record.measured_seconds
    names = {one.name for one in record.intervals if not matches(one.name, NOT_REQUESTS)}
    rates = {name: _count(record, name) / seconds / people for name in names}
    rates[OFFLINE_MESSAGE] = _mean(record, "messages_offline") / people
    asks = sum(_mean(record, name) for name in ("database_queries", "cache_hits", "cache_misses"))
    received = _mean(record, "bytes_received") / people
    return person_of_counts(rates, received, asks / people, predicted, record.folder.name)


def _count(record: Record, name: str) -> float:
    assert record.measured is not None  # the caller has looked
    found = record.windows(exactly(name), *record.measured)
    return float(found.successes.sum() + found.failed.sum())


def _mean(record: Record, column: str) -> float:
    """0 where the run has no such column: a backend whose servers nobody watched."""
    values = record.measured_values(column)
    return mean(values) if values else 0.0
