"""Outcomes of runs made by hand: what a comparison is asked about."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from capacity.gate.noise import NoiseFloor
from capacity.gate.quantities import Outcome, Quantity, Sample, Shares
from scenarios.load import load
from tests.loadtests.making import run_info

SCENARIO = load("sprint")
RULES, FAILURES = SCENARIO.targets.gate, SCENARIO.targets.failures
_TAILS = (95.0, 90.0, 75.0, 50.0)


def quantity(key: str, decides: bool = True, percentile: float = 95.0) -> Quantity:
    return Quantity(key, key, (key,), percentile, decides)


def run(number: int, p95_ms: Mapping[str, float], count: int = 1000, failed: int = 0) -> Outcome:
    """A run in which each quantity has this p95, and a median of half as much."""
    samples = {
        key: Sample(count, {p: value * (1 if p > 50 else 0.5) for p in _TAILS} if count else {}, shares(failed, count))
        for key, value in p95_ms.items()
    }
    return Outcome(f"run-{number}", samples, shares(failed, 5000 - failed))


def shares(failed: int, succeeded: int) -> Shares:
    """Of ten seconds that are all alike."""
    hits, of = (np.array([n // 10 + (s < n % 10) for s in range(10)]) for n in (failed, failed + succeeded))
    return Shares(hits, of)


def noisy(
    rng: np.random.Generator,
    runs: int,
    keys: Sequence[str],
    cv: float,
    levels: NDArray[np.float64] | None = None,
    slower: Mapping[str, float] | None = None,
) -> list[Outcome]:
    """Log-normal p95s around 100 ms; `levels` (runs,) are what the runs of a pair share; `slower` by key."""
    sd = np.sqrt(np.log1p(cv**2))
    shared = np.zeros(runs) if levels is None else levels
    logs = shared[:, None] + rng.normal(0, sd, (runs, len(keys)))
    values = 100 * np.exp(logs) * np.array([1 + (slower or {}).get(key, 0.0) for key in keys])
    return [run(number, dict(zip(keys, row, strict=True))) for number, row in enumerate(values)]


def noise_floor(by_key: dict[str, float]) -> NoiseFloor:
    """A machine on which runs, and pairs of runs, vary by so much."""
    return NoiseFloor(
        machine=run_info().machine,
        scenario="sprint",
        load="",
        pairs=16,
        measured_at=datetime(2026, 11, 1, tzinfo=UTC),
        of_a_run=by_key,
        of_a_pair=by_key,
    )
