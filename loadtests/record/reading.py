"""The run record: a folder with run.json, latency.hlog and series.csv. Imports no Locust.

Both logs are flushed every second, so a killed run keeps every second that had ended.
"""

import fnmatch
import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import count
from pathlib import Path

from hdrh.histogram import HdrHistogram

from loadtests.record.histograms import histogram, percentile_ms, samples_needed
from loadtests.record.latency_log import LATENCY_FILE, Interval, read_log
from loadtests.record.run_file import RUN_FILE, Latency, RecordError, Run, read_run
from loadtests.record.series import SERIES_FILE, read_series
from loadtests.record.windows import Sparse, Windows, windows

# What the generator says of itself is no request, and a flow is made of requests that count already.
# SERVICE is the same request once more, counted from when it was sent instead of when it was meant to be.
NOT_REQUESTS = ("GENERATOR *", "FLOW *", "SERVICE *")
LOOP_DRIFT = "GENERATOR loop drift"


@dataclass(frozen=True)
class Record:
    """A run record, read."""

    folder: Path
    run: Run

    @classmethod
    def read(cls, folder: Path) -> "Record":
        """Raises RecordError for a folder that holds no readable record."""
        if not folder.is_dir():
            raise RecordError(f"There is no run record at {folder}; `matchday run` leaves one in runs/.")
        return cls(folder, read_run(folder / RUN_FILE))

    @property
    def complete(self) -> bool:
        return self.run.status == "finished"

    @property
    def running(self) -> bool:
        return self.run.status == "running" and _alive(self.run.generator_pid)

    @property
    def broken(self) -> bool:
        """Whether the generator was killed: whatever it measured, it was not well."""
        return self.run.status == "crashed" or (self.run.status == "running" and not self.running)

    @property
    def state(self) -> str:
        """How the run ended, for people."""
        match self.run.status:
            case "running" if self.running:
                return "still running"
            case "running":
                return "not closed: the load generator was killed; everything up to its last second is here"
            case "finished":
                return "finished"
            case _:
                return f"{self.run.status}: {self.run.status_reason}"

    @cached_property
    def intervals(self) -> list[Interval]:
        """Every histogram of the log, in the file's order."""
        return list(read_log(self.folder / LATENCY_FILE, self.run.intervals))

    @cached_property
    def series(self) -> dict[str, list[float | None]]:
        """series.csv by column; None where nothing was measured."""
        found, end = read_series(self.folder / SERIES_FILE), self.run.stopping_from
        last = max((second for second in found["second"] if second is not None), default=0.0)
        if self.complete and end is not None and last < end // 1 - 1:
            raise RecordError(
                f"{self.folder / SERIES_FILE} is cut off: it ends {end - last:.0f} s before the run did. "
                "Take the record from where it was made once more."
            )
        return found

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
    def ramp(self) -> tuple[float, float]:
        """[from, to) of the seconds in which people arrived."""
        start = self.run.started_at.timestamp()
        return (start // 1, (self.run.steady_from or start) // 1)

    @property
    def measured_seconds(self) -> int:
        return int(self.measured[1] - self.measured[0]) if self.measured else 0

    def measured_values(self, column: str) -> list[float]:
        """What was measured in that column of series.csv, over the windows that count."""
        return [value for value in self.column(column, *(self.measured or (0, 0))) if value is not None]

    def all_values(self, column: str) -> list[float]:
        """What was measured in that column from the first second until people are sent home, the ramp included."""
        end = self.run.stopping_from or float("inf")
        return [value for value in self.column(column, 0, end) if value is not None]

    def column(self, column: str, start: float, end: float) -> list[float | None]:
        """A column of series.csv in the seconds [start, end), a value a row; None where nothing measured it."""
        rows = zip(self.series["second"], self.series.get(column, []), strict=False)
        return [value for second, value in rows if second is not None and start <= second < end]

    @cached_property
    def _totals(self) -> dict[tuple[str, bool], HdrHistogram]:
        """All measured samples by (name, failed): the log is decoded once."""
        totals: dict[tuple[str, bool], HdrHistogram] = {}
        if self.measured:
            start, end = self.measured
            for interval in self.intervals:
                if start <= interval.second < end:
                    interval.add_to(totals.setdefault((interval.name, interval.failed), histogram()))
        return totals

    @cached_property
    def _sparse(self) -> dict[tuple[str, bool], list[Sparse]]:
        """Every second's samples by (name, failed), over the whole run."""
        found: dict[tuple[str, bool], list[Sparse]] = {}
        for interval in self.intervals:
            sparse = Sparse.of(interval.second, interval.decoded())
            found.setdefault((interval.name, interval.failed), []).append(sparse)
        return found

    def windows(self, patterns: Sequence[str], start: float, end: float) -> Windows:
        """What happened to the names that match, in each second of [start, end)."""
        ok, failed = (
            [s for (name, bad), found in self._sparse.items() if bad is kind and matches(name, patterns) for s in found]
            for kind in (False, True)
        )
        return windows(ok, failed, int(start), int(end))

    def names(self) -> list[str]:
        """Every name that has samples in the windows that count."""
        return sorted({name for name, _ in self._totals})

    def latency(self, patterns: Sequence[str], failed: bool = False) -> HdrHistogram:
        """The histogram (microseconds) of all measured samples whose name matches one of the patterns."""
        total = histogram()
        for (name, is_failed), values in self._totals.items():
            if is_failed is failed and matches(name, patterns):
                total.add(values)
        return total

    def latencies(self) -> dict[str, Latency]:
        """Each name's counts and percentiles."""
        totals = self._totals
        return {name: _latency(totals.get((name, False)), totals.get((name, True))) for name in self.names()}

    def per_second(
        self, patterns: Sequence[str], percentiles: Sequence[float]
    ) -> tuple[list[int], dict[float, list[float]]]:
        """Seconds, and by percentile the value (ms) of the successes of each, over the whole run."""
        windows: dict[int, HdrHistogram] = {}
        for interval in self._matching(patterns):
            if interval.second in windows:
                interval.add_to(windows[interval.second])
            else:
                windows[interval.second] = interval.decoded()
        seconds = sorted(windows)
        return seconds, {p: [percentile_ms(windows[second], p) for second in seconds] for p in percentiles}

    def _matching(self, patterns: Sequence[str]) -> Iterator[Interval]:
        wanted = {name for name in {i.name for i in self.intervals} if matches(name, patterns)}
        return (interval for interval in self.intervals if not interval.failed and interval.name in wanted)


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether a name ("GET /discovery") matches one of the glob patterns."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def exactly(*names: str) -> tuple[str, ...]:
    """Patterns that match these names and no others, whatever is in them."""
    return tuple(map(glob.escape, names))


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


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
