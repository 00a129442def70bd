"""Runs Locust as a child process and follows its record while it grows. Imports no Locust itself."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from hdrh.histogram import HdrHistogram

from loadtests.record import LATENCY_FILE, NOT_REQUESTS, RUN_FILE, SERIES_FILE, matches
from loadtests.record.histograms import name_of, percentile_ms
from loadtests.recording.recent import Recent
from loadtests.recording.window import Window
from loadtests.recording.writer import close_abandoned
from scenarios.children import signals_held, start_child
from scenarios.outcome import ExitCode, MatchdayError
from scenarios.stack_info import STACK_VARIABLE

LOG_FILE = "locust.log"
POLL_S = 0.25
# Users finish what they are at (10 s), lost workers are waited for (10 s), the record gets its summary.
STOP_WITHIN_S = 45.0
_LOG_LINES_SHOWN = 8
_OF_GENERATOR = ("generator_drift_ms", "generator_cpu_percent", "foreign_cpu_cores")


class GeneratorError(MatchdayError):
    """The load generator ended before it left a record."""


@dataclass(frozen=True)
class Live:
    """How a run stands."""

    elapsed_s: float  # since the record's first second
    users: int
    requests: int
    failures: int
    requests_per_s: float
    p95_ms: float | None  # of all requests so far
    users_asked: float = 0.0
    generator: dict[str, float] = field(default_factory=dict)  # columns of series.csv that tell how it is
    recent: Recent = field(default_factory=Recent)


class Launch:
    """One run of Locust. `follow` yields until it ends; `stop` ends it early, its record closed."""

    def __init__(self, folder: Path, arguments: Sequence[str], stack_file: Path | None) -> None:
        """`arguments` are Locust's own; the record goes to `folder`, which must be empty."""
        self.folder = folder
        locustfile = Path(__file__).with_name("locustfile.py")
        argv = [sys.executable, "-m", "locust", "-f", str(locustfile), "--record", str(folder)]
        argv += ["--only-summary", "--exit-code-on-error", "0", *arguments]
        self._log = folder / LOG_FILE
        environment = {STACK_VARIABLE: str(stack_file)} if stack_file else {}
        with self._log.open("wb") as log, signals_held():
            self._process = start_child(argv, log, environment)
        self._tail = _Tail(folder)

    def follow(self) -> Iterator[Live]:
        """How the run stands, about once a second, until Locust has ended. Raises GeneratorError."""
        while self._process.poll() is None:
            time.sleep(POLL_S)
            if live := self._tail.read():
                yield live
        self._close()

    def stop(self) -> bool:
        """End it as Ctrl-C would; the record is kept. Returns, when it is closed, whether there is one."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        if not self.folder.is_dir():
            return False  # it left none, and that was said
        try:
            self._close()
        except GeneratorError:
            return False
        return True

    def _close(self) -> None:
        code = self._process.returncode
        if code < 0:  # it was killed: its workers, if it had any, go with it
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        if (self.folder / RUN_FILE).is_file():
            how = f"was killed by signal {-code}" if code < 0 else f"ended (code {code}) before it closed its record"
            reason = f"the load generator {how}"
            try:
                close_abandoned(self.folder, reason)
            except OSError as error:
                raise GeneratorError(f"The record in {self.folder} cannot be closed: {error.strerror}.") from error
            if code == ExitCode.USAGE:
                raise GeneratorError(self._errors_logged() or f"The load generator ended with code {code}.")
            return
        lines = self._log.read_text(errors="replace").strip().splitlines()
        self._log.unlink()
        self.folder.rmdir()
        if code == ExitCode.USAGE:  # its own sentence, for people
            raise GeneratorError("\n".join(line for line in lines if not line.startswith("[")))
        end = "\n".join(f"    {line[:300]}" for line in lines[-_LOG_LINES_SHOWN:])
        raise GeneratorError(f"The load generator ended (code {code}) before it left a record. Its log ends:\n{end}")

    def _errors_logged(self) -> str:
        """What Locust's log says went wrong, without time and module."""
        lines = self._log.read_text(errors="replace").splitlines()
        return "\n".join(line.partition(": ")[2] for line in lines if "/ERROR/loadtests" in line)


class _Tail:
    """Reads what a growing record has added."""

    def __init__(self, folder: Path) -> None:
        self._log, self._series = folder / LATENCY_FILE, folder / SERIES_FILE
        self._log_at = self._series_at = 0
        self._series_file = 0  # its inode: when the record is closed the file may be replaced by one put right
        self._all: HdrHistogram | None = None
        self._header: list[str] = []
        self._requests = self._failures = 0
        self._first_second: float | None = None
        self._recent = Recent()

    def read(self) -> Live | None:
        """None when no second was added."""
        if not self._series.is_file():
            return None
        inode = self._series.stat().st_ino
        self._series_file = self._series_file or inode
        if inode != self._series_file:
            return None
        rows, self._series_at = _new_lines(self._series, self._series_at)
        if rows and not self._header:
            self._header, rows = rows[0].split(","), rows[1:]
        if not rows:
            return None
        table = [dict(zip(self._header, row.split(","), strict=True)) for row in rows]
        requests = sum(int(float(row["requests"] or 0)) for row in table)
        self._requests += requests
        self._failures += sum(int(float(row["failures"] or 0)) for row in table)
        lines, self._log_at = _new_lines(self._log, self._log_at)
        for line in lines:
            self._add(line)
        p95_ms = percentile_ms(self._all, 95) if self._all else None
        last = {name: float(value) for name, value in table[-1].items() if value}
        self._first_second = self._first_second or float(table[0]["second"])
        return Live(
            last["second"] - self._first_second + 1,
            int(last.get("users", 0)),
            self._requests,
            self._failures,
            requests / len(table),
            p95_ms,
            last.get("users_asked", 0.0),
            {name: last[name] for name in _OF_GENERATOR if name in last},
            self._recent,
        )

    def _add(self, line: str) -> None:
        if not line.startswith("Tag="):
            return
        tag, second, *_, encoded = line.removeprefix("Tag=").split(",")
        name, failed = name_of(tag)
        self._recent.add(Window(int(float(second)), {tag: (encoded.encode(), 0, 0)}))
        if failed or matches(name, NOT_REQUESTS):
            return
        if self._all is None:
            self._all = HdrHistogram.decode(encoded)
        else:
            self._all.decode_and_add(encoded)


def _new_lines(path: Path, start: int) -> tuple[list[str], int]:
    """Whole lines after byte `start`, and where they end."""
    if not path.is_file():
        return [], start
    with path.open("rb") as file:
        file.seek(start)
        data = file.read()
    whole = data[: data.rfind(b"\n") + 1]
    return whole.decode().splitlines(), start + len(whole)
