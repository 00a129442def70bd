"""Writes a run record, a second at a time. Workers' windows of the same second are merged exactly."""

import csv
import os
import platform
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import psutil
from hdrh.histogram import HdrHistogram

from loadtests.histograms import name_of
from loadtests.record import (
    LATENCY_FILE,
    NOT_REQUESTS,
    RUN_FILE,
    SERIES_COLUMNS,
    SERIES_FILE,
    Machine,
    Record,
    Run,
    matches,
)
from loadtests.validity import problems
from scenarios.outcome import UsageError
from scenarios.schema import Scenario

FREE_BYTES_MIN = 100 * 2**20  # a 30-minute run at 1,000 users takes below 50 MB, with its report
_VERSIONS_OF = ("matchday", "locust", "gevent", "hdrhistogram")


@dataclass
class Window:
    """What one generator process saw in one second.

    `histograms` by tag: (encoded, highest value in microseconds, count). `sums` add up over processes, of
    `peaks` the highest counts.
    """

    second: int
    histograms: dict[str, tuple[bytes, int, int]] = field(default_factory=dict)
    sums: dict[str, float] = field(default_factory=dict)
    peaks: dict[str, float] = field(default_factory=dict)

    def packed(self) -> list[Any]:
        """As msgpack carries it from worker to master."""
        return [self.second, {tag: list(value) for tag, value in self.histograms.items()}, self.sums, self.peaks]

    @classmethod
    def unpacked(cls, data: list[Any]) -> "Window":
        second, histograms, sums, peaks = data
        return cls(second, {tag: tuple(value) for tag, value in histograms.items()}, sums, peaks)


def check_writable(runs: Path) -> None:
    """Raises UsageError, before any load, when no record could be written below `runs`."""
    try:
        runs.mkdir(parents=True, exist_ok=True)
        probe = runs / f".probe-{os.getpid()}"
        probe.write_bytes(b"x")
        probe.unlink()
        free = shutil.disk_usage(runs).free
    except OSError as error:
        raise UsageError(
            f"No run record can be written to {runs}/: {error.strerror}. Name another folder with --runs."
        ) from error
    if free < FREE_BYTES_MIN:
        raise UsageError(
            f"The disk of {runs}/ has only {free / 2**20:.0f} MB left; a run record needs "
            f"{FREE_BYTES_MIN / 2**20:.0f} MB. Free some space or name another folder with --runs."
        )


def new_run(scenario: Scenario, host: str, users: int, duration_s: float | None, stations: Mapping[str, float]) -> Run:
    """run.json of a run that starts now."""
    return Run(
        status="running",
        scenario=scenario,
        host=host,
        users_asked=users,
        duration_asked_s=duration_s,
        generator_pid=os.getpid(),
        stations=dict(stations),
        versions={name: version(name) for name in _VERSIONS_OF},
        git_revision=_git_revision(),
        machine=_machine(),
        started_at=datetime.now(UTC),
    )


class RecordWriter:
    """Opens a new record; `write_until` closes seconds, `finish` closes the record.

    Raises UsageError when the folder cannot be made or is used already.
    """

    def __init__(self, folder: Path, run: Run) -> None:
        self.folder, self.run = folder, run
        check_writable(folder.parent)
        try:
            folder.mkdir(exist_ok=True)
            self._log = (folder / LATENCY_FILE).open("x", encoding="ascii")
            self._series = (folder / SERIES_FILE).open("x", newline="", encoding="ascii")
        except FileExistsError as error:
            raise UsageError(f"{folder} holds a run record already; name another folder.") from error
        self._columns = [
            *SERIES_COLUMNS,
            *(f"{quantity}_{name}" for name in run.stations for quantity in ("cpu_cores", "memory_mb")),
        ]
        self._rows = csv.DictWriter(self._series, self._columns, extrasaction="ignore")
        self._rows.writeheader()
        self._base = int(run.started_at.timestamp())
        self._log.write(
            "#[Histogram log format version 1.3]\n"
            f"#[StartTime: {self._base}.000 (seconds since epoch), {run.started_at:%a %b %d %H:%M:%S UTC %Y}]\n"
            f"#[BaseTime: {self._base}.000 (seconds since epoch)]\n"
            "#[Values are microseconds; Interval_Max is milliseconds]\n"
            '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"\n'
        )
        self._windows: defaultdict[int, list[Window]] = defaultdict(list)
        self._observed: defaultdict[int, dict[str, float]] = defaultdict(dict)
        self._next = self._base
        self._save(run)

    def add(self, window: Window) -> None:
        """A window of any process, in any order, before its second is closed."""
        self._windows[max(window.second, self._next)].append(window)

    def observe(self, second: int, values: Mapping[str, float]) -> None:
        """Columns of series.csv that come from elsewhere than the generator's processes."""
        self._observed[max(second, self._next)].update(values)

    def steady(self, since: float, users: int) -> None:
        """All `users` people are there."""
        self._save(self.run.model_copy(update={"steady_from": since, "users_asked": users}))

    def write_until(self, second: int) -> None:
        """Close every second before this one, and flush."""
        for closing in range(self._next, second):
            self._write(closing, self._windows.pop(closing, []), self._observed.pop(closing, {}))
        self._next = max(self._next, second)
        self._log.flush()
        self._series.flush()

    def finish(
        self, status: Literal["finished", "interrupted", "crashed"], reason: str, stopping_from: float | None
    ) -> None:
        """Write what is left, then summary and validity."""
        last = max([*self._windows, *self._observed, self._next - 1])
        self.write_until(last + 1)
        self.close()
        self._save(
            self.run.model_copy(
                update={
                    "status": status,
                    "status_reason": reason,
                    "ended_at": datetime.now(UTC),
                    "stopping_from": stopping_from,
                }
            )
        )
        self._save(summarised(self.folder))

    def close(self) -> None:
        """Close the files; the record stays as it is."""
        self._log.close()
        self._series.close()

    def _write(self, second: int, windows: list[Window], observed: Mapping[str, float]) -> None:
        row: defaultdict[str, float] = defaultdict(float, {"second": second})
        by_tag: defaultdict[str, list[tuple[bytes, int, int]]] = defaultdict(list)
        for window in windows:
            for tag, part in window.histograms.items():
                by_tag[tag].append(part)
            for column, value in window.sums.items():
                row[column] += value
            for column, value in window.peaks.items():
                row[column] = max(row[column], value)
        for tag, parts in by_tag.items():
            highest, count = max(part[1] for part in parts), sum(part[2] for part in parts)
            encoded = _merged([part[0] for part in parts])
            self._log.write(f"Tag={tag},{second - self._base:.3f},1.000,{highest / 1000:.3f},{encoded.decode()}\n")
            name, failed = name_of(tag)
            if not matches(name, NOT_REQUESTS):
                row["requests"] += count
                row["failures"] += count if failed else 0
        for column in ("requests", "failures", "dropped"):
            row[column] += 0  # nothing happened is a measurement, too
        row.update(observed)
        if "machine_cpu_cores" in row:
            row["foreign_cpu_cores"] = max(
                0.0, row["machine_cpu_cores"] - row["measured_cpu_cores"] - row["generator_cpu_cores"]
            )
        self._rows.writerow({column: f"{value:.6g}" if column != "second" else value for column, value in row.items()})

    def _save(self, run: Run) -> None:
        self.run = run
        _save(self.folder, run)


def _save(folder: Path, run: Run) -> None:
    """Replace run.json in one step: readers see the old one or the new one, never half."""
    part = folder / f"{RUN_FILE}.part"
    part.write_text(run.model_dump_json(indent=1))
    part.replace(folder / RUN_FILE)


def summarised(folder: Path) -> Run:
    """run.json of a record with latencies and validity computed from its other files."""
    record = Record.read(folder)
    return record.run.model_copy(update={"latency_ms": record.latencies(), "problems": problems(record)})


def close_abandoned(folder: Path, reason: str) -> None:
    """Close the record of a generator that was killed."""
    run = Record.read(folder).run
    if run.status == "running":
        closed = run.model_copy(update={"status": "crashed", "status_reason": reason, "ended_at": datetime.now(UTC)})
        _save(folder, closed)
        _save(folder, summarised(folder))


def _merged(encoded: list[bytes]) -> bytes:
    if len(encoded) == 1:
        return encoded[0]
    total = HdrHistogram.decode(encoded[0])
    for other in encoded[1:]:
        total.decode_and_add(other)
    result: bytes = total.encode()
    return result


def _machine() -> Machine:
    return Machine(
        system=f"{platform.system()} {platform.release()}",
        cpu_model=_cpu_model(),
        cpus=os.cpu_count() or 1,
        memory_mb=psutil.virtual_memory().total // 2**20,
        python=platform.python_version(),
    )


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


def _git_revision() -> str | None:
    try:
        result = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.strip() or None
