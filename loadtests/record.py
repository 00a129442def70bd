"""The run record: a folder with run.json, latency.hlog and series.csv. Imports no Locust.

`latency.hlog` is an HdrHistogram interval log: one histogram a second and name, failures under a tag of their
own. `series.csv` has a row a second. Both are flushed every second, so a killed run keeps
all but its last two (a master of several workers: nine).
"""

import csv
import fnmatch
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Literal

from hdrh.histogram import HdrHistogram
from pydantic import BaseModel, ConfigDict, ValidationError

from loadtests.histograms import histogram, name_of, percentile_ms, samples_needed
from scenarios.outcome import UsageError
from scenarios.schema import Scenario

SCHEMA_VERSION = 1
RUN_FILE, LATENCY_FILE, SERIES_FILE, REPORT_FILE = "run.json", "latency.hlog", "series.csv", "report.html"
# What the generator says of itself is no request, and a flow is made of requests that count already.
NOT_REQUESTS = ("GENERATOR *", "FLOW *")
LOOP_DRIFT = "GENERATOR loop drift"

# The columns of series.csv that every run has; per station come cpu_cores_<station> and memory_mb_<station>.
# A cell is empty where nothing measured it.
SERIES_COLUMNS = (
    "second",  # seconds since the epoch
    "users",
    "requests",
    "failures",
    "dropped",  # arrivals that the generator could not start
    "sockets",  # WebSockets open at the generator
    "answered",  # 1 when the service answered the probe of this second, else 0
    "generator_drift_ms",  # the latest that the generator's loop was
    "generator_cpu_percent",  # of one core, of the busiest generator process
    "cdn_hits",
    "cdn_misses",
    "machine_cpu_cores",
    "steal_cpu_cores",
    "foreign_cpu_cores",  # busy, but neither the stack nor the generator; steal included
    "memory_percent",
    "database_queries",
    "mongo_in_use",
    "mongo_pool_size",
    "cache_hits",  # of Redis, by key
    "cache_misses",
    "queue_backlog",
)


class RecordError(UsageError):
    """A folder that is no readable run record. The text names the file and what is wrong with it."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Machine(_Part):
    """Where the generator ran."""

    system: str
    cpu_model: str
    cpus: int
    memory_mb: int
    python: str


class Latency(_Part):
    """Successes of one name over the measured windows; milliseconds. Too few samples give no percentile."""

    count: int
    failed: int
    p50: float | None
    p95: float | None
    p99: float | None
    max: float | None


class Problem(_Part):
    """Why a run's numbers cannot be trusted, and what to change."""

    what: str
    advice: str


class Run(_Part):
    """run.json."""

    schema_version: Literal[1] = 1
    status: Literal["running", "finished", "interrupted", "crashed"]
    status_reason: str = ""
    scenario: Scenario
    host: str
    users_asked: int
    duration_asked_s: float | None
    generator_pid: int
    stations: dict[str, float]  # cores each can use
    versions: dict[str, str]
    git_revision: str | None
    machine: Machine
    started_at: datetime
    ended_at: datetime | None = None
    steady_from: float | None = None  # when all people were there (seconds since the epoch)
    stopping_from: float | None = None  # when the first of them was sent home
    latency_ms: dict[str, Latency] | None = None
    problems: tuple[Problem, ...] | None = None  # empty: the numbers can be trusted


@dataclass(frozen=True)
class Interval:
    """One histogram of the log, still encoded."""

    second: int
    name: str
    failed: bool
    encoded: bytes

    def decoded(self) -> HdrHistogram:
        return HdrHistogram.decode(self.encoded)


@dataclass(frozen=True)
class Record:
    """A run record, read."""

    folder: Path
    run: Run

    @classmethod
    def read(cls, folder: Path) -> "Record":
        """Raises RecordError for a folder that holds no readable record."""
        path = folder / RUN_FILE
        if not folder.is_dir():
            raise RecordError(f"There is no run record at {folder}; `matchday run` leaves one in runs/.")
        try:
            run = Run.model_validate_json(path.read_bytes())
        except OSError as error:
            raise RecordError(f"{path} cannot be read: {error.strerror}. Is {folder} a run record?") from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "file"
            raise RecordError(
                f"{path} is not a run record of schema version {SCHEMA_VERSION}: {where}: {first['msg']}."
            ) from error
        return cls(folder, run)

    @property
    def complete(self) -> bool:
        return self.run.status == "finished"

    @property
    def broken(self) -> bool:
        """Whether the generator was killed: whatever it measured, it was not well."""
        return self.run.status == "crashed" or (self.run.status == "running" and not _alive(self.run.generator_pid))

    @property
    def state(self) -> str:
        """How the run ended, for people."""
        match self.run.status:
            case "running" if _alive(self.run.generator_pid):
                return "still running"
            case "running":
                return "not closed: the load generator was killed; everything up to its last second is here"
            case "finished":
                return "finished"
            case _:
                return f"{self.run.status}: {self.run.status_reason}"

    @cached_property
    def intervals(self) -> list[Interval]:
        """Every histogram of the log, in time order. The torn last line of a killed run is left out."""
        return list(_read_log(self.folder / LATENCY_FILE))

    @cached_property
    def series(self) -> dict[str, list[float | None]]:
        """series.csv by column; None where nothing was measured."""
        path = self.folder / SERIES_FILE
        try:
            with path.open(newline="") as file:
                rows = list(csv.reader(file))
        except OSError as error:
            raise RecordError(f"{path} cannot be read: {error.strerror}.") from error
        if not rows:
            raise RecordError(f"{path} is empty: the run ended before its first second.")
        header, *body = rows
        whole = [row for row in body if len(row) == len(header)]
        try:
            return {name: [float(row[i]) if row[i] else None for row in whole] for i, name in enumerate(header)}
        except ValueError as error:
            raise RecordError(f"{path} has a cell that is no number: {error}.") from error

    @property
    def measured(self) -> tuple[float, float] | None:
        """[from, to) of the seconds that count: after ramp and warm-up, before the first person leaves."""
        run, seconds = self.run, [s for s in self.series["second"] if s is not None]
        if run.steady_from is None or not seconds:
            return None
        start = run.steady_from + run.scenario.load.warm_up_s
        end = run.stopping_from if run.stopping_from is not None else seconds[-1]
        # Only whole seconds are windows: the one in which the hold begins is left out.
        start, end = -(-start // 1), end // 1
        return (start, end) if end > start else None

    @property
    def measured_seconds(self) -> int:
        return int(self.measured[1] - self.measured[0]) if self.measured else 0

    def measured_values(self, column: str) -> list[float]:
        """What was measured in that column of series.csv, over the windows that count."""
        if self.measured is None or column not in self.series:
            return []
        start, end = self.measured
        rows = zip(self.series["second"], self.series[column], strict=True)
        return [value for second, value in rows if second is not None and start <= second < end and value is not None]

    def names(self) -> list[str]:
        """Every name that has samples in the windows that count."""
        return sorted({interval.name for interval in self._measured_intervals()})

    def latency(self, patterns: Sequence[str], failed: bool = False) -> HdrHistogram:
        """The histogram (microseconds) of all measured samples whose name matches one of the patterns."""
        total = histogram()
        for interval in self._measured_intervals():
            if interval.failed is failed and matches(interval.name, patterns):
                total.decode_and_add(interval.encoded)
        return total

    def latencies(self) -> dict[str, Latency]:
        """Each name's counts and percentiles."""
        totals: dict[tuple[str, bool], HdrHistogram] = {}
        for interval in self._measured_intervals():
            key = interval.name, interval.failed
            totals.setdefault(key, histogram()).decode_and_add(interval.encoded)
        return {name: _latency(totals.get((name, False)), totals.get((name, True))) for name in self.names()}

    def per_second(self, patterns: Sequence[str], percentile: float) -> tuple[list[int], list[float]]:
        """Seconds and the percentile (ms) of the successes of each, over the whole run."""
        windows: dict[int, HdrHistogram] = {}
        for interval in self.intervals:
            if not interval.failed and matches(interval.name, patterns):
                windows.setdefault(interval.second, histogram()).decode_and_add(interval.encoded)
        seconds = sorted(windows)
        return seconds, [percentile_ms(windows[second], percentile) for second in seconds]

    def _measured_intervals(self) -> Iterator[Interval]:
        if self.measured:
            start, end = self.measured
            yield from (interval for interval in self.intervals if start <= interval.second < end)


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether a name ("GET /discovery") matches one of the glob patterns."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def resolve(run: str, runs: Path) -> Path:
    """The folder that a RUN argument means: `latest`, a path, or the name of a folder in `runs`."""
    if run != "latest":
        named = runs / run
        return named if named.is_dir() and not Path(run).is_dir() else Path(run)
    # Names start with the time in UTC: the order of names is the order of runs.
    found = sorted(path.parent for path in runs.glob(f"*/{RUN_FILE}"))
    if not found:
        raise RecordError(f"There is no run record in {runs}/ yet; `matchday run phase-1` makes one.")
    return found[-1]


def new_folder(runs: Path, scenario: str) -> Path:
    """A new, empty folder for a record: its name is the time and the scenario. Nobody else gets the same."""
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{scenario}"
    for number in count(1):
        folder = runs / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise AssertionError("unreachable")


def _latency(ok: HdrHistogram | None, failed: HdrHistogram | None) -> Latency:
    count = ok.get_total_count() if ok else 0

    def at(percentile: float) -> float | None:
        return percentile_ms(ok, percentile) if ok and count >= samples_needed(percentile) else None

    return Latency(
        count=count,
        failed=failed.get_total_count() if failed else 0,
        p50=at(50),
        p95=at(95),
        p99=at(99),
        max=ok.get_max_value() / 1000 if ok else None,
    )


def _read_log(path: Path) -> Iterator[Interval]:
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror}.") from error
    base = 0.0
    for number, line in enumerate(lines[:-1], 1):  # a whole line ends with a line break
        if line.startswith(b"#[BaseTime: "):
            base = float(line.split()[1])
        if not line.startswith(b"Tag="):
            continue
        try:
            tag, start, _, _, encoded = line.removeprefix(b"Tag=").split(b",")
            name, failed = name_of(tag.decode())
            yield Interval(int(base + float(start)), name, failed, encoded)
        except ValueError as error:
            raise RecordError(f"{path}, line {number}, is no interval of an HdrHistogram log.") from error


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


if __name__ == "__main__":
    print(json.dumps(Run.model_json_schema(mode="serialization"), indent=1))
