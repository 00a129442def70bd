"""series.csv: a row a second. Its columns, how they add up over processes, and reading it."""

import csv
from collections.abc import Iterable
from math import isnan
from pathlib import Path

from loadtests.record.run_file import RecordError
from scenarios.files import MB, read_limited
from scenarios.stack_info import STATION_COLUMNS

SERIES_FILE = "series.csv"
SERIES_BYTES_MAX = 256 * MB  # a week has 600,000 rows, of about 300 bytes each
_MOST, _BACK_BY_A_TICK = 1e15, 1.0

# The columns that every run has; per station come those of STATION_COLUMNS.
# A cell is empty where nothing measured it.
SERIES_COLUMNS = (
    "second",  # seconds since the epoch
    "users",  # people whom the generator has started
    "users_asked",  # people whom it was to have started by then
    "requests",
    "failures",
    "dropped",  # arrivals that the generator could not start
    "sockets",  # WebSockets open at the generator
    "messages_sent",
    "messages_offline",  # of those sent, to people who had no socket then
    "messages_delivered",
    "messages_crossed",  # delivered from one generator process to another
    "messages_lost",
    "messages_duplicated",
    "messages_reordered",
    "answered",  # 1 when the service answered the probe of this second, else 0
    "generator_drift_ms",  # the latest that the loop of any generator process was
    "generator_cpu_percent",  # of one core, of the busiest generator process
    "generator_cpu_cores",  # of all generator processes
    "generator_memory_mb",  # of all generator processes
    "bytes_sent",  # bodies of HTTP requests, of their answers, and of frames, as they travel
    "bytes_received",
    "cdn_hits",
    "cdn_misses",
    "machine_cpu_cores",  # of the generator's busiest machine
    "steal_cpu_cores",  # likewise
    "foreign_cpu_cores",  # busy, but neither the stack nor the generator; steal included
    "memory_percent",
    "reference_work_cpu_ms",  # CPU that a fixed piece of work takes: the higher, the slower the machine is just now
    "database_queries",
    "mongo_in_use",  # of the process whose pool is fullest
    "mongo_pool_size",
    "cache_hits",  # by key
    "cache_misses",
    "queue_backlog",
)

# Not in records of before: nothing that a verdict needs.
_LATER = ("reference_work_cpu_ms", "bytes_sent", "bytes_received")


def columns(stations: Iterable[str]) -> list[str]:
    """The header of a run with these stations."""
    return [*SERIES_COLUMNS, *(f"{what}_{name}" for name in stations for what in STATION_COLUMNS)]


def read_series(path: Path) -> dict[str, list[float | None]]:
    """series.csv by column; None where nothing was measured, or where an older version knew no such column.

    The torn last row of a killed run is left out. Raises RecordError.
    """
    try:
        text = read_limited(path, SERIES_BYTES_MAX).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}.") from error
    # A row counts once its line break is there: "...,12" may be the beginning of "...,123".
    try:
        rows = list(csv.reader(text[: text.rfind("\n") + 1].splitlines()))
    except csv.Error as error:
        raise RecordError(f"{path} is no CSV: {error}.") from error
    if not rows:
        raise RecordError(f"{path} is empty: the run ended before its first second, or the file was cut off.")
    names, *body = rows
    if missing := [column for column in SERIES_COLUMNS if column not in (*names, *_LATER)]:
        raise RecordError(f"{path} is not the series.csv of a run record: it has no column {missing[0]!r}.")
    unknown: dict[str, list[float | None]] = {name: [None] * len(body) for name in _LATER if name not in names}
    try:
        found = {name: [_number(row[i]) if row[i] else None for row in body] for i, name in enumerate(names)}
    except (ValueError, IndexError) as error:
        raise RecordError(f"{path} has a row that does not fit its header: {error}.") from error
    return found | unknown


def _number(cell: str) -> float | None:
    value = float(cell)
    if isnan(value):  # a measurement that failed
        return None
    # The kernel's counters of CPU time go back by a tick now and then, and differences of floats are not exact.
    if not -_BACK_BY_A_TICK <= value <= _MOST:
        raise ValueError(f"{cell[:30]} is no measurement")
    return max(0.0, value)
