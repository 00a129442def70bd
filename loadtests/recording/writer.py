"""Writes a run record while the run goes on. Windows of the same second are merged exactly.

A second's histograms are appended as soon as it has ended; its row of series.csv half a second later, when the
stations have been read. What comes later still is put right when the record is closed.
"""

import csv
import io
import os
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from hdrh.histogram import HdrHistogram

from loadtests.record import (
    LATENCY_FILE,
    NOT_REQUESTS,
    RUN_FILE,
    SERIES_FILE,
    Clock,
    Messages,
    Record,
    Run,
    latency_log,
    matches,
)
from loadtests.record.histograms import name_of
from loadtests.record.series import columns
from loadtests.record.validity import judged
from loadtests.recording.machine import machine_identity
from loadtests.recording.window import Window
from scenarios.outcome import UsageError

FREE_BYTES_MIN = 100 * 2**20  # a 30-minute run at 1,000 users takes below 50 MB, with its report
ROW_AFTER_S = 0.5
# Kept until the record is closed: on a disk that has become full run.json must still find its place.
_RESERVE_FILE, _RESERVE_BYTES = ".reserve", 256 * 1024
_ALWAYS_COUNTED = ("requests", "failures", "dropped")  # nothing happened is a measurement, too


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


class RecordWriter:
    """Opens a new record; `flush` appends what is known, `finish` closes the record.

    Raises UsageError when the folder cannot be made or is used already, and OSError when the disk is full: what was
    appended before stays readable.
    """

    def __init__(self, folder: Path, run: Run) -> None:
        self.folder, self.run = folder, run
        check_writable(folder.parent)
        try:
            folder.mkdir(exist_ok=True)
            self._log = _Appended(folder / LATENCY_FILE)
            self._series = _Appended(folder / SERIES_FILE)
        except FileExistsError as error:
            raise UsageError(f"{folder} holds a run record already; name another folder.") from error
        (folder / _RESERVE_FILE).write_bytes(b"\0" * _RESERVE_BYTES)
        self._columns = columns(run.stations)
        self._base = self._next = int(run.started_at.timestamp())
        self._unlogged: list[Window] = []
        self._rows: defaultdict[int, _Row] = defaultdict(_Row)
        self._late: defaultdict[int, _Row] = defaultdict(_Row)
        self._intervals = 0
        self._names: set[str] = set()
        self.left_out = ""  # why samples are not in the log
        self._log.append(latency_log.header(run.started_at))
        self._series.append(_csv([self._columns]))
        self._save(run)

    def add(self, window: Window) -> None:
        """A window of any process, in any order."""
        window.second = max(window.second, self._base)
        self._unlogged.append(window)
        self._row(window.second).windows.append(window)

    def observe(self, second: int, values: Mapping[str, float]) -> None:
        """Columns of series.csv that come from elsewhere than the generator's processes."""
        if second >= self._base:
            self._row(second).observed.update(values)

    def steady(self, since: float) -> None:
        """The ramp is over."""
        self._save(self.run.model_copy(update={"steady_from": since}))

    def flush(self, now: float) -> None:
        """Append every histogram that has come, and the rows of the seconds that ended ROW_AFTER_S before `now`.

        Names that no log may have are not in it, and `left_out` says so.
        """
        unlogged, self._unlogged = self._unlogged, []
        lines = self._lines(unlogged)
        self._log.append("".join(lines))
        self._intervals += len(lines)
        self._write_rows(int(now - ROW_AFTER_S))

    def finish(
        self,
        status: Literal["finished", "interrupted"],
        reason: str,
        stopping_from: float | None,
        clocks: Iterable[Clock] = (),
        workers_lost: Iterable[str] = (),
    ) -> None:
        """Write what is left, then summary and validity. A full disk only costs what does not fit any more."""
        try:
            self.flush(0)
            self._write_rows(max(self._rows, default=self._next - 1) + 1)
            self._put_right()
        except OSError as error:
            status, reason = "interrupted", reason or f"the record could not be written: {error.strerror}"
        if self.left_out:
            status, reason = "interrupted", reason or self.left_out
        self.close()
        closed = self.run.model_copy(
            update={
                "status": status,
                "status_reason": reason,
                "ended_at": datetime.now(UTC),
                "stopping_from": stopping_from,
                "clocks": tuple(clocks),
                "workers_lost": tuple(workers_lost),
                "intervals": self._intervals,
            }
        )
        # In one step: a record that is closed says how far it can be trusted.
        whole = summarised(Record(self.folder, closed))
        try:
            self._save(whole)
        except OSError:  # thousands of names do not fit into the reserve; the log has their latencies, too
            self._save(whole.model_copy(update={"latency_ms": None}))

    def close(self) -> None:
        """Close the files; the record stays as it is."""
        self._log.close()
        self._series.close()
        (self.folder / _RESERVE_FILE).unlink(missing_ok=True)

    def _row(self, second: int) -> "_Row":
        return self._rows[second] if second >= self._next else self._late[second]

    def _lines(self, windows: Iterable[Window]) -> list[str]:
        parts: defaultdict[tuple[int, str], list[tuple[bytes, int, int]]] = defaultdict(list)
        for window in windows:
            for tag, part in window.histograms.items():
                if latency_log.admit(latency_log.name_in(tag)[0], self._names):
                    parts[window.second, tag].append(part)
                else:
                    self.left_out = latency_log.NAMES_ALLOWED
        return [
            latency_log.line(tag, second - self._base, max(part[1] for part in found), _merged([p[0] for p in found]))
            for (second, tag), found in sorted(parts.items())
        ]

    def _write_rows(self, until: int) -> None:
        rows = [self._rows.pop(second, _Row()).cells(second) for second in range(self._next, until)]
        self._next = max(self._next, until)
        if rows:
            self._series.append(_csv([self._formatted(row) for row in rows]))

    def _put_right(self) -> None:
        """Add to the rows that are written what came too late for them."""
        if not self._late:
            return
        path = self.folder / SERIES_FILE
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            if late := self._late.get(int(row["second"])):
                row |= dict(zip(self._columns, self._formatted(late.added_to(row)), strict=True))
        part = path.with_suffix(".part")
        part.write_text(_csv([self._columns, *([row[name] for name in self._columns] for row in rows)]))
        part.replace(path)

    def _formatted(self, row: Mapping[str, float]) -> list[str]:
        return [_cell(name, row[name]) if name in row else "" for name in self._columns]

    def _save(self, run: Run) -> None:
        self.run = run
        _save(self.folder, run)


class _Row:
    """A second's row in the making."""

    def __init__(self) -> None:
        self.windows: list[Window] = []
        self.observed: dict[str, float] = {}

    def cells(self, second: int) -> dict[str, float]:
        row: dict[str, float] = {"second": second, **dict.fromkeys(_ALWAYS_COUNTED, 0.0)}
        self._count(row)
        row |= self.observed
        return row | self._machine(row)

    def added_to(self, written: Mapping[str, str]) -> dict[str, float]:
        """The written row with this one's counts added and its observations filled in."""
        row = {name: float(value) for name, value in written.items() if value}
        self._count(row)
        return row | self.observed

    def _count(self, row: dict[str, float]) -> None:
        for window in self.windows:
            for column, value in window.sums.items():
                row[column] = row.get(column, 0.0) + value
            for column, value in window.peaks.items():
                row[column] = max(row.get(column, 0.0), value)
            for tag, (_, _, count) in window.histograms.items():
                name, failed = name_of(tag)
                if not matches(name, NOT_REQUESTS):
                    row["requests"] += count
                    row["failures"] += count if failed else 0

    def _machine(self, row: Mapping[str, float]) -> dict[str, float]:
        """The machine of the generator that has least to spare for it: foreign CPU is what nobody of ours used."""
        own: defaultdict[str, float] = defaultdict(float)
        for window in self.windows:
            if window.machine:
                own[window.machine.host] += window.sums.get("generator_cpu_cores", 0.0)
        # The processes of stations are watched on the writer's own machine.
        own[machine_identity()] += row.get("measured_cpu_cores", 0.0)
        machines = [window.machine for window in self.windows if window.machine]
        if not machines:
            return {}
        foreign = {machine.host: machine.busy_cores - own[machine.host] for machine in machines}
        worst = max(machines, key=lambda machine: foreign[machine.host])
        return {
            "machine_cpu_cores": worst.busy_cores,
            "steal_cpu_cores": worst.steal_cores,
            "foreign_cpu_cores": max(0.0, foreign[worst.host]),
            "memory_percent": max(machine.memory_percent for machine in machines),
        }


class _Appended:
    """A file that only grows, by whole pieces: a piece that does not fit leaves no trace."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb", buffering=0)
        self._length = 0

    def append(self, text: str) -> None:
        """Raises OSError when the disk is full."""
        data = memoryview(text.encode("ascii"))
        try:
            while data:
                data = data[self._file.write(data) :]
        except OSError:
            self._file.truncate(self._length)
            raise
        self._length += len(text)

    def close(self) -> None:
        self._file.close()


def _cell(column: str, value: float) -> str:
    return str(int(value)) if column == "second" else f"{value:.6g}"


def _csv(rows: Iterable[Iterable[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _save(folder: Path, run: Run) -> None:
    """Replace run.json in one step: readers see the old one or the new one, never half."""
    part = folder / f"{RUN_FILE}.part"
    part.write_text(run.model_dump_json(indent=1))
    part.replace(folder / RUN_FILE)


def summarised(record: Record) -> Run:
    """Its run.json with latencies, messages and validity computed from its other files."""
    found = {"latency_ms": record.latencies(), "messages": _messages(record), "validity": judged(record)}
    return record.run.model_copy(update=found)


def close_abandoned(folder: Path, reason: str) -> None:
    """Close the record of a generator that was killed."""
    (folder / _RESERVE_FILE).unlink(missing_ok=True)
    run = Record.read(folder).run
    if run.status == "running":
        closed = run.model_copy(update={"status": "crashed", "status_reason": reason, "ended_at": datetime.now(UTC)})
        _save(folder, summarised(Record(folder, closed)))


def _messages(record: Record) -> Messages | None:
    series = record.series
    if not any(series.get("messages_sent", [])):
        return None
    kinds = ("sent", "offline", "delivered", "crossed", "lost", "duplicated", "reordered")
    return Messages(**{kind: int(sum(value or 0 for value in series.get(f"messages_{kind}", []))) for kind in kinds})


def _merged(encoded: list[bytes]) -> bytes:
    if len(encoded) == 1:
        return encoded[0]
    total = HdrHistogram.decode(encoded[0])
    for other in encoded[1:]:
        total.decode_and_add(other)
    result: bytes = total.encode()
    return result
