"""What one generator process sees, second by second. Imports no Locust: it only counts."""

import time
from collections import defaultdict
from collections.abc import Callable
from itertools import count

from loadtests.record import LOOP_DRIFT
from loadtests.record.histograms import Counts, tag_of
from loadtests.recording.machine import SelfWatch
from loadtests.recording.window import Window


class Collector:
    """Samples and counts by the second in which they ended. `clock` gives seconds since the epoch."""

    def __init__(self, clock: Callable[[], float] = time.time, watch: SelfWatch | None = None) -> None:
        self._clock = clock
        self._watch = watch
        self._open: dict[tuple[str, bool], Counts] = {}
        self._second = int(self._clock())
        self._sums: defaultdict[str, float] = defaultdict(float)
        self._peaks: defaultdict[str, float] = defaultdict(float)
        self._closed: dict[int, tuple[Window, dict[tuple[str, bool], Counts]]] = {}
        self._number = count()
        self._gauges: dict[str, Callable[[], float]] = {}
        self._test_ended_at: float | None = None
        self._under_way_at_end: dict[tuple[str, bool], Counts] = {}

    def begin(self) -> None:
        """A test begins: what was counted before is not part of it."""
        self.take(everything=True)
        self._test_ended_at = None

    def end(self, at: float) -> None:
        """The test ends at that moment: what is under way then counts in the last whole second before it.

        Without this rule a backend that stalls until the end of a test would leave no sample of its stall.
        """
        self._test_ended_at = at

    def record(self, name: str, latency_ms: float, failed: bool = False) -> None:
        """A sample of `name` ("TYPE name") that ended now."""
        self._turn()
        samples = self._open
        if self._test_ended_at is not None and self._clock() - latency_ms / 1000 < self._test_ended_at:
            samples = self._under_way_at_end
        counts = samples.get((name, failed))
        if counts is None:
            counts = samples[name, failed] = Counts()
        counts.add(latency_ms)

    def drifted(self, late_ms: float) -> None:
        """The loop is late by that much."""
        self._turn()
        self._open.setdefault((LOOP_DRIFT, False), Counts()).add(late_ms)
        self.peak("generator_drift_ms", late_ms)

    def add(self, column: str, amount: float = 1) -> None:
        """Count something in a column of series.csv."""
        self._turn()
        self._sums[column] += amount

    def peak(self, column: str, value: float) -> None:
        """Keep the highest value of the second."""
        self._turn()
        self._peaks[column] = max(self._peaks[column], value)

    def gauge(self, column: str, read: Callable[[], float]) -> None:
        """Read a value at the end of every second; processes' values add up."""
        self._gauges[column] = read

    def take(self, everything: bool = False, pause: Callable[[], None] = lambda: None) -> list[Window]:
        """The windows that are closed since the last call; with `everything` the one that is open, too.

        Encoding takes 0.1 ms a histogram: `pause` is called after each, to let others run who measure meanwhile.
        """
        self._turn()
        if everything:
            self._close()
        closed = list(self._closed.items())
        for _, (window, counted) in closed:
            for (name, failed), counts in counted.items():
                window.histograms[tag_of(name, failed)] = counts.encoded(), counts.highest_us, counts.total
                pause()
        # Whoever took a window in a pause has it; whoever was killed in one has left them all to the next.
        return [self._closed.pop(number)[0] for number, _ in closed if number in self._closed]

    def _turn(self) -> None:
        second = int(self._clock())
        # Never back: an estimated clock may be corrected by a millisecond just after a second has ended.
        if second > self._second:
            self._close()
            self._second = second

    def _close(self) -> None:
        window = Window(self._second, sums=dict(self._sums), peaks=dict(self._peaks))
        for column, read in self._gauges.items():
            window.sums[column] = read()
        if self._watch and (seen := self._watch.sample()):
            used, memory_mb, window.machine = seen
            window.peaks["generator_cpu_percent"] = 100 * used
            window.sums["generator_cpu_cores"] = used
            window.sums["generator_memory_mb"] = memory_mb
        self._sums.clear()
        self._peaks.clear()
        self._closed[next(self._number)] = window, self._open
        self._open = {}
        if self._test_ended_at is not None and self._under_way_at_end:
            self._closed[next(self._number)] = Window(int(self._test_ended_at) - 1), self._under_way_at_end
            self._under_way_at_end = {}
