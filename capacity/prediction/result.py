"""What a prediction says."""

from dataclasses import dataclass
from typing import Literal

CONFIDENCE = 0.9
NEEDED_SHARE = 0.7  # the plan's alert for CPU
THREADS = ", threads"  # of a station, where its host has the same name


@dataclass(frozen=True)
class Interval:
    """A value with the interval in which CONFIDENCE of all runs lie."""

    value: float
    low: float
    high: float

    def covers(self, measured: float) -> bool:
        return self.low <= measured <= self.high


@dataclass(frozen=True)
class StationUse:
    """A station, or a host: busy share of its cores, CPU a request, how many are there.

    Busy above 100 %: so much would be asked of it. `needed` of such hosts are each busy by NEEDED_SHARE at most.
    """

    name: str
    cores: float
    utilisation: Interval
    cpu_ms_a_request: float
    number: Interval | None = None  # served or waiting; None for a host, and where nothing was simulated
    needed: Interval | None = None  # None for a station


@dataclass(frozen=True)
class TargetLatency:
    """A latency target: what is expected of each percentile, and how likely it is that the limit holds.

    Percentiles are None when the system is saturated: then a latency grows as long as the load lasts. Those are left
    out for which too little happens in a run.
    """

    key: str
    title: str
    unit: str
    limit: float
    percentile: float
    percentiles: dict[float, Interval] | None
    holds_share: float
    missing: tuple[str, ...] = ()  # names of its samples that no calibration has measured

    @property
    def verdict(self) -> Literal["holds", "breaks", "open", "unknown", "saturated"]:
        if self.missing:
            return "unknown"
        if self.percentiles is None:
            return "saturated"
        if self.percentile not in self.percentiles:
            return "unknown"
        if self.holds_share >= CONFIDENCE:
            return "holds"
        return "breaks" if self.holds_share <= 1 - CONFIDENCE else "open"


@dataclass(frozen=True)
class Bound:
    """A limit that is no queue: with `people` at once, `what` is used up, however fast the cores are."""

    what: str
    people: int
    why: str


@dataclass(frozen=True)
class Prediction:
    """Of one scenario with so many people at once. `notes` are sentences on how far it can be trusted."""

    scenario: str
    people: int
    calibration: str  # its runs
    requests_per_s: Interval
    response_ms: Interval | None  # the mean of all requests, by MVA; None when saturated
    stations: tuple[StationUse, ...]  # busiest first
    targets: tuple[TargetLatency, ...]
    saturated: bool
    counts_per_s: dict[str, float]  # database queries, cache hits, bytes: what the cost model asks for
    bounds: tuple[Bound, ...]  # the nearest first
    knee_people: Interval | None
    broke_first: str | None  # at the knee
    notes: tuple[str, ...]

    @property
    def bottleneck(self) -> StationUse:
        return self.stations[0]

    @property
    def next_bottleneck(self) -> StationUse | None:
        """What is fullest besides: a host's own threads, and a station's own host, are no other place."""
        first = self.bottleneck.name.removesuffix(THREADS)
        return next((use for use in self.stations if use.name.removesuffix(THREADS) != first), None)

    @property
    def headroom(self) -> float | None:
        """Share of the knee that is free."""
        return 1 - self.people / self.knee_people.value if self.knee_people and self.knee_people.value else None
