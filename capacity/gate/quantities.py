"""What two versions are compared by: for each target and each endpoint the tail and the typical latency of a run,
and what a request costs the backend's processors."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import nan

import numpy as np
from numpy.typing import NDArray

from capacity.demands import MACHINE, demands
from capacity.gate.intervals import Interval, share_interval
from capacity.targets import request_names
from loadtests.record import Record, exactly, matches
from scenarios.schema import Scenario

# A percentile of a short run rests on the samples beyond it: with fewer than this it is chance.
SAMPLES_BEYOND = 10
TYPICAL = 50.0
_LADDER = (99.9, 99.0, 95.0, 90.0, 75.0, TYPICAL)
_ENDPOINT_TAIL = 95.0


@dataclass(frozen=True)
class Quantity:
    """A percentile of the latency of some requests. `decides`: without certainty about it nothing passes."""

    key: str
    title: str
    samples: tuple[str, ...]
    asked_percentile: float
    decides: bool


@dataclass(frozen=True)
class Shares:
    """How many failed of how many that were tried, in each second (T,) of one run or of several."""

    hits: NDArray[np.int64]
    of: NDArray[np.int64]

    @classmethod
    def together(cls, runs: Iterable["Shares"]) -> "Shares":
        runs = list(runs)
        return cls(np.concatenate([run.hits for run in runs]), np.concatenate([run.of for run in runs]))

    def interval(self, confidence: float) -> Interval:
        """Of the share. Something must have been tried."""
        return share_interval(self.hits, self.of, confidence)

    @property
    def share(self) -> float:
        return float(self.hits.sum() / self.of.sum()) if self.of.any() else 0.0


@dataclass(frozen=True)
class Sample:
    """One run's counts and latencies of one quantity."""

    count: int
    values_ms: dict[float, float]  # by percentile, as far as the ladder goes
    failed: Shares

    def at(self, percentile: float) -> float:
        return self.values_ms.get(percentile, nan)


@dataclass(frozen=True)
class Outcome:
    """What one run says of every quantity, by the keys of `quantities`."""

    run: str
    samples: dict[str, Sample]
    failed: Shares  # of all requests
    cpu_ms: dict[str, float] = field(default_factory=dict)  # a request, by station of the backend


def quantities(scenario: Scenario, names: Iterable[str]) -> list[Quantity]:
    """The targets' latencies, which decide, then those of the endpoints that no target already is."""
    found: list[Quantity] = []
    for key, target in scenario.targets.targets.items():
        if target.percentile and target.judged and target.windows != "ramp":
            found += _both(key, target.title, target.samples, target.percentile, decides=True)
    names = sorted(set(names))
    alone = {tuple(name for name in names if matches(name, q.samples)) for q in found}
    for name in names:
        if (name,) not in alone:
            found += _both(name, name, exactly(name), _ENDPOINT_TAIL, decides=False)
    return found


def outcome(record: Record, wanted: Sequence[Quantity]) -> Outcome:
    """What a run says of these quantities, over the seconds after the scenario's warm-up.

    None is cut by rule here: whoever takes longer to warm up is slower, and both sides are to show the same seconds.
    """
    span = record.measured or (0.0, 0.0)
    samples: dict[tuple[str, ...], Sample] = {}
    for quantity in wanted:
        if quantity.samples not in samples:
            windows = record.windows(quantity.samples, *span)
            count = int(windows.successes.sum())
            values = {p: windows.percentile_ms(p) for p in _carried(count)}
            failed = Shares(windows.failed, windows.failed + windows.successes)
            samples[quantity.samples] = Sample(count, values, failed)
    failures, requests = (
        np.array([value or 0 for value in record.column(name, *span)], np.int64) for name in ("failures", "requests")
    )
    of_quantities = {quantity.key: samples[quantity.samples] for quantity in wanted}
    return Outcome(str(record.folder), of_quantities, Shares(failures, requests), _cpu_ms(record))


def _cpu_ms(record: Record) -> dict[str, float]:
    """By station; the machine as a whole is left out, for the generator is in it."""
    found = demands(record)
    return {d.station: d.cpu_ms_per_request for d in found.stations if d.station != MACHINE} if found else {}


def names_in(records: Iterable[Record]) -> set[str]:
    """The names of all requests that any of these runs made."""
    return {name for record in records for name in request_names(record)}


def percentile_carried(quantity: Quantity, counts: Iterable[int]) -> float | None:
    """The highest percentile, at most the one asked for, that every run has enough samples for."""
    return next((p for p in _carried(min(counts)) if p <= quantity.asked_percentile), None)


def table(outcomes: Sequence[Outcome], keys: Sequence[str], percentiles: Sequence[float]) -> NDArray[np.float64]:
    """(runs, quantities): logarithms of the latencies."""
    rows = [[run.samples[key].at(p) for key, p in zip(keys, percentiles, strict=True)] for run in outcomes]
    logarithms: NDArray[np.float64] = np.log(np.array(rows, float).reshape(len(outcomes), len(keys)))
    return logarithms


def _both(key: str, title: str, samples: tuple[str, ...], percentile: float, decides: bool) -> Iterator[Quantity]:
    yield Quantity(key, title, samples, percentile, decides)
    if percentile != TYPICAL:
        yield Quantity(f"{key} p{TYPICAL:g}", title, samples, TYPICAL, False)


def _carried(count: int) -> list[float]:
    return [p for p in _LADDER if count * (1 - p / 100) >= SAMPLES_BEYOND - 1e-9]
