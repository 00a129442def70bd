"""The last seconds of a run, from all processes together: for those who watch while it goes on."""

from collections import deque
from collections.abc import Sequence

from hdrh.histogram import HdrHistogram

from loadtests.record import matches
from loadtests.record.histograms import histogram, name_of, percentile_ms, samples_needed
from loadtests.recording.window import Window

RECENT_S = 15


class Recent:
    """Windows of the last RECENT_S seconds."""

    def __init__(self) -> None:
        self._windows: deque[Window] = deque()
        self._newest = 0

    def add(self, window: Window) -> None:
        self._newest = max(self._newest, window.second)
        self._windows.append(window)
        while self._windows and self._windows[0].second <= self._newest - RECENT_S:
            self._windows.popleft()

    def clear(self) -> None:
        self._windows.clear()

    def latency_ms(self, samples: Sequence[str], percentile: float) -> tuple[float | None, int]:
        """(percentile of the successes, how many there were); None when they are too few for it."""
        total: HdrHistogram = histogram()
        for window in self._windows:
            for tag, (encoded, _, _) in window.histograms.items():
                name, failed = name_of(tag)
                if not failed and matches(name, samples):
                    total.decode_and_add(encoded)
        count: int = total.get_total_count()
        return (percentile_ms(total, percentile) if count >= samples_needed(percentile) else None), count
