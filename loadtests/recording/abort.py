"""When to stop hurting a backend that fails: the scenario's [abort]."""

from collections import defaultdict

from loadtests.record import NOT_REQUESTS, matches
from loadtests.record.histograms import name_of
from loadtests.recording.window import Window
from scenarios.schema import Abort

_LATE_S = 2  # a worker's window of a second may come that much later


class AbortWatch:
    """Looks at what has come of each second, from whichever process."""

    def __init__(self, rule: Abort) -> None:
        self._rule = rule
        self._seconds: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0])  # requests, failures

    def add(self, window: Window) -> None:
        if self._rule.failed_percent is None:
            return
        for tag, (_, _, count) in window.histograms.items():
            name, failed = name_of(tag)
            if not matches(name, NOT_REQUESTS):
                self._seconds[window.second][0] += count
                self._seconds[window.second][1] += count if failed else 0

    def reason(self, now_s: float) -> str:
        """Why the run is to be stopped; empty while it goes on. A second without requests proves nothing."""
        limit, last = self._rule.failed_percent, int(now_s) - _LATE_S
        if limit is None:
            return ""
        first = last - self._rule.for_s
        for second in [second for second in self._seconds if second < first]:
            del self._seconds[second]
        looked_at = [self._seconds[second] for second in range(first, last) if second in self._seconds]
        if len(looked_at) < self._rule.for_s or any(100 * bad < limit * all_ for all_, bad in looked_at):
            return ""
        share = sum(bad for _, bad in looked_at) / sum(all_ for all_, _ in looked_at)
        return f"{share:.0%} of the requests failed in {self._rule.for_s} s (abort.failed_percent = {limit:g})"
