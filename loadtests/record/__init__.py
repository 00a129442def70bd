"""The run record and how far it can be trusted: all that a planner's machine reads. Imports no Locust."""

from loadtests.record.latency_log import LATENCY_FILE, LOG_BYTES_MAX, Interval
from loadtests.record.reading import LOOP_DRIFT, NOT_REQUESTS, Record, exactly, matches, new_folder, resolve
from loadtests.record.run_file import (
    REPORT_FILE,
    RUN_FILE,
    Clock,
    Latency,
    Machine,
    Messages,
    RecordError,
    Run,
    Trust,
)
from loadtests.record.series import SERIES_FILE
from loadtests.record.windows import Windows

__all__ = [
    "LATENCY_FILE",
    "LOG_BYTES_MAX",
    "LOOP_DRIFT",
    "NOT_REQUESTS",
    "REPORT_FILE",
    "RUN_FILE",
    "SERIES_FILE",
    "Clock",
    "Interval",
    "Latency",
    "Machine",
    "Messages",
    "Record",
    "RecordError",
    "Run",
    "Trust",
    "Windows",
    "exactly",
    "matches",
    "new_folder",
    "resolve",
]
