"""How long requests took while the machine had time: what a request needs when it meets nobody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from capacity.calibration.observations import Floats, Observations, Stretch
from loadtests.record import exactly

# Up to this share of all cores a request waits for little; what it does wait is simulated and taken off.
LOW_LOAD = 0.6
QUANTILES = 101
SAMPLES_MIN, SAMPLES_USUAL = 30, 60


@dataclass(frozen=True)
class Latency:
    """Of one action at low load: `quantiles_ms` (QUANTILES,), equally spaced; `counts` of samples by stretch."""

    mean_ms: float
    sd_ms: float
    quantiles_ms: Floats
    counts: Mapping[int, int]

    @property
    def samples(self) -> int:
        return sum(self.counts.values())


def low_stretches(seen: Observations) -> list[int]:
    """The stretches at low load; without any, the one with the least."""
    busy = {int(block): float(seen.machine[seen.block == block].mean()) for block in np.unique(seen.block)}
    return [block for block, share in busy.items() if share <= LOW_LOAD] or [min(busy, key=lambda one: busy[one])]


def latencies(seen: Observations, stretches: Sequence[Stretch]) -> dict[str, Latency]:
    """By action, of those that have samples enough.

    From stretches in which people behave as always, where those have enough: in a mix caches are colder, and hands
    quicker, than anybody's.
    """
    low, found = low_stretches(seen), {}
    usual = [block for block in low if not stretches[block].mix]
    for action in seen.actions:
        for blocks, least in ((usual, SAMPLES_USUAL), (low, SAMPLES_MIN)):
            if latency := _latency(action, blocks, stretches, least):
                found[action] = latency
                break
    return found


def _latency(action: str, blocks: Sequence[int], stretches: Sequence[Stretch], least: int) -> Latency | None:
    values, counts = [], {}
    for block in blocks:
        stretch = stretches[block]
        windows = stretch.record.windows(exactly(action), stretch.start, stretch.end)
        times = windows.counts.sum(axis=0)
        if count := int(times.sum()):
            values.append(np.repeat(windows.values_ms, times))
            counts[block] = count
    if sum(counts.values()) < least:
        return None
    all_ms = np.concatenate(values)
    quantiles = np.quantile(all_ms, np.linspace(0, 1, QUANTILES))
    return Latency(float(all_ms.mean()), float(all_ms.std()), quantiles, counts)
