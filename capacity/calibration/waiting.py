"""The part of a latency that is no CPU and no queue: what is left when both are simulated and taken off."""

from collections.abc import Mapping
from dataclasses import replace
from math import sqrt
from statistics import mean

import numpy as np

from capacity.calibration.demands import ServiceDemands, on_one_machine
from capacity.calibration.file import Stretch
from capacity.calibration.latencies import Latency
from capacity.calibration.observations import Floats
from capacity.queueing.simulate import simulate

_FLOWS, _SEED = 60_000, 1


def waits(
    demands: ServiceDemands,
    measured: Mapping[str, Latency],
    stretches: Mapping[int, Stretch],
    cpus: float,
) -> dict[str, Floats]:
    """By action the quantiles (seconds, ascending) of its waiting.

    `stretches` are those in which `measured` comes from. Each is simulated without waiting, on a machine as fast as it
    was then; mean and variance of that are taken off the measured ones, since both are independent; the measured law
    keeps its form.
    """
    bare = replace(demands, waits={})
    found = {
        block: simulate(on_one_machine(bare, one.rates, one.people, cpus, 1 / mean(one.cost)), _FLOWS, _SEED).samples_s
        for block, one in stretches.items()
    }
    answer = {}
    for action, latency in measured.items():
        parts = [(found[block][action], count) for block, count in latency.counts.items() if action in found[block]]
        if parts := [(samples, count) for samples, count in parts if len(samples)]:
            answer[action] = _left(latency, *_moments(parts))
    return answer


def _moments(parts: list[tuple[Floats, int]]) -> tuple[float, float]:
    """Mean and variance of samples of several stretches, each weighing as many as were measured there."""
    weights = np.array([count for _, count in parts], np.float64)
    weights /= weights.sum()
    means = np.array([samples.mean() for samples, _ in parts])
    squares = np.array([(samples**2).mean() for samples, _ in parts])
    first = float(weights @ means)
    return first, max(0.0, float(weights @ squares) - first**2)


def _left(latency: Latency, mean_s: float, variance: float) -> Floats:
    """The measured law, moved and squeezed to what is left of its mean and variance; never below 0."""
    whole_s, sd_s = latency.mean_ms / 1000, latency.sd_ms / 1000
    left_s = max(0.0, whole_s - mean_s)
    squeezed = sqrt(max(0.0, sd_s**2 - variance)) / sd_s if sd_s else 0.0
    quantiles = np.maximum(0.0, left_s + squeezed * (latency.quantiles_ms / 1000 - whole_s))
    average = float((quantiles[1:] + quantiles[:-1]).mean() / 2)
    return np.asarray(quantiles * (left_s / average) if average > 0 else quantiles, np.float64)
